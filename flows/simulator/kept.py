"""A market that goes on over restarts: a small file from which it is made again, as if it had never stopped.

The file holds the parameters, the faults of the market and a position far enough back that the history is made again as well. It is
put in the place of the one before at once, so that a crash at any moment leaves one that can be read.
"""

import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import PairdeskError
from flows.simulator.clock import Clock, real_ms
from flows.simulator.edits import Edits
from flows.simulator.faults import Fault
from flows.simulator.market import Market
from flows.simulator.tape import Tape

_FORMAT = 1
_LONGEST_STOP_MS = 3_600_000
_BETWEEN_POSITIONS_MS = 60_000
_IDS_PER_MS = 10
"""A market begins with an id of so many times its start, so that it uses no id again that an earlier one has used."""
_UNSAVED_IDS = 1_000_000
"""More than are used between two writings."""
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """What the file says.

    Attributes:
        parameters: of the market and its clock; anything else is another market.
        anchor_real_ms, anchor_ms: of the clock. alive_ms: the exchange's time when it was last known to run.
        next_id: above all that were used. positions: of the market and its edits; None: its start.
    """

    parameters: dict[str, Any]
    anchor_real_ms: int
    anchor_ms: int
    start_ms: int
    first_id: int
    alive_ms: int
    next_id: int
    market: dict[str, Any] | None = None
    edits: dict[str, Any] | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    format: int = _FORMAT


def market_tape(
    parameters: dict[str, Any],
    make: Callable[..., Market],
    path: Path | None,
    history_ms: int,
    history_rows: int,
    first_id: int | None = None,
    real: Callable[[], int] = real_ms,
) -> tuple[Tape, Clock]:
    """The market of these parameters and its clock: the one that the file tells of, where it can be gone on with, or a new one.

    Args:
        parameters: a fingerprint, as JSON has it, with the key `speed`. make: gives the market; takes `start_ms`, `first_id`, `position`.
        path: the file; None: nothing is kept.
        first_id: of a new market; None: above all that were ever used. real: the clock here, Unix milliseconds.

    Raises:
        PairdeskError: the file is there and cannot be read.
    """
    kept = _read(path) if path is not None else None
    speed = parameters["speed"]
    now = real()
    if kept is not None and kept.parameters == parameters:
        clock = Clock(kept.anchor_real_ms, kept.anchor_ms, speed, real)
        if 0 <= clock.steady_ms() - kept.alive_ms <= _LONGEST_STOP_MS:
            market = make(start_ms=kept.start_ms, first_id=kept.first_id, position=kept.market)
            edits = Edits([each.symbol for each in market.listings], kept.edits)
            faults = [Fault(**fault) for fault in kept.faults]
            tape = _keeping(Tape(market, edits, history_ms, history_rows, faults), clock, kept, path, real)
            tape.advance(clock.now_ms())  # what was traded meanwhile is not streamed, but REST has it
            return tape, clock
    above = 0 if kept is None else kept.next_id
    kept = Kept(parameters, now, now, now, max(now * _IDS_PER_MS, above) if first_id is None else first_id, now, 0)
    market = make(start_ms=now, first_id=kept.first_id)
    clock = Clock(now, now, speed, real)
    tape = Tape(market, Edits([each.symbol for each in market.listings]), history_ms, history_rows)
    return _keeping(tape, clock, kept, path, real), clock


def _keeping(tape: Tape, clock: Clock, kept: Kept, path: Path | None, real: Callable[[], int]) -> Tape:
    if path is not None:
        keeper = Keeper(tape, clock, kept, path, real)
        tape.on_turn, tape.on_change = keeper.turned, keeper.save
        keeper.save()
    return tape


class Keeper:
    """Writes the file: at each change of the market's faults, and each second of the exchange or here, whichever is longer."""

    def __init__(self, tape: Tape, clock: Clock, kept: Kept, path: Path, real: Callable[[], int]) -> None:
        self._tape, self._clock, self._kept, self._path, self._real = tape, clock, kept, path, real
        self._positions = deque([(tape.now_ms, kept.market, kept.edits)])
        self._saved_real_ms = 0
        self._failed = False

    def turned(self) -> None:
        """Between two blocks: remember where the market is now and then, and write."""
        market = self._tape.source
        assert isinstance(market, Market)
        if market.next_ms - self._positions[-1][0] >= _BETWEEN_POSITIONS_MS:
            self._positions.append((market.next_ms, market.position(), self._tape.edits.position()))
        if self._real() - self._saved_real_ms >= 1_000:
            self.save()

    def save(self) -> None:
        """Write the file. Where it cannot be written the exchange goes on, and says so."""
        market = self._tape.source
        assert isinstance(market, Market)
        kept = self._kept
        oldest = self._tape.history.begins_ms(self._tape.now_ms)
        while len(self._positions) > 1 and self._positions[1][0] <= oldest:
            self._positions.popleft()
        since, kept.market, kept.edits = self._positions[0]
        kept.alive_ms = self._clock.steady_ms()
        kept.next_id = market.next_id + self._tape.edits.most_shift + _UNSAVED_IDS
        lasting = [fault for fault in self._tape.faults.values() if not _over(fault, since, kept.edits)]
        kept.faults = [asdict(fault) for fault in lasting]
        part = self._path.with_name(self._path.name + ".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(kept)))
            part.replace(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _logger.warning("%s: cannot be written: %s; a restart will begin anew", self._path, error.strerror)
            self._failed = True
        self._saved_real_ms = self._real()


def _over(fault: Fault, since_ms: int, edits: dict[str, Any] | None) -> bool:
    """Whether a fault changes nothing from a position on, as all it did is in the position."""
    if fault.since_ms >= since_ms or edits is None:
        return False
    left = edits["left"].get(str(fault.number))
    if fault.kind in ("skip", "lose") and left is not None and not any(left):
        return True
    return fault.kind != "skip" and fault.until_ms is not None and fault.until_ms < since_ms


def _read(path: Path) -> Kept | None:
    """What the file says; None where there is none, or one of another version."""
    try:
        given = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PairdeskError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PairdeskError(
            f"{path}: not the state of a simulated exchange: {error}; remove it to begin anew"
        ) from error
    try:
        return Kept(**given) if given["format"] == _FORMAT else None
    except (TypeError, KeyError) as error:
        raise PairdeskError(f"{path}: not the state of a simulated exchange; remove it to begin anew") from error
