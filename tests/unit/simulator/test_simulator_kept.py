"""A market that goes on over restarts is the market that never stopped."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import PARAMETERS, market

from flows.errors import PairdeskError
from flows.simulator.clock import Clock
from flows.simulator.faults import read_fault
from flows.simulator.kept import market_tape
from flows.simulator.market import Market
from flows.simulator.tape import Tape
from flows.simulator.trades import I64, Field

START_MS = 1_700_000_000_000
HISTORY_MS = 200_000
HOUR_MS = 3_600_000


class Hand:
    """The clock here, moved by hand."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def begun(path: Path | None, hand: Hand, speed: float = 1.0, rows: int = 10**6, **changed: Any) -> tuple[Tape, Clock]:
    """An exchange that starts now."""
    values = {**PARAMETERS, "trades_per_s": 40.0, **changed}
    parameters = json.loads(json.dumps({**values, "pairs": list(map(str, values["pairs"])), "speed": speed}))
    return market_tape(parameters, partial(Market, **values), path, HISTORY_MS, rows, real=hand)


def run(tape: Tape, clock: Clock, hand: Hand, seconds: float) -> I64:
    """Let it publish for so many seconds here; the aggregates."""
    parts, end = [], hand.now_ms + int(seconds * 1_000)
    while hand.now_ms < end:
        hand.now_ms = min(end, hand.now_ms + 700)
        parts.append(tape.advance(clock.now_ms()).rows)
    return np.concatenate(parts, axis=1)


def change(tape: Tape, number: int, kind: str, **given: Any) -> None:
    tape.change(read_fault(kind, given, number, tape.now_ms))


def histories(tape: Tape, since_ms: int) -> list[list[Any]]:
    return [tape.history.from_id(k, 0, None, since_ms).tolist() for k in range(len(tape.listings))]


@pytest.mark.parametrize("speed", [1.0, 3.0])
@pytest.mark.parametrize("stops", [(40.0,), (70.5, 30.0, 31.0, 130.3)])
def test_restarts_change_nothing(tmp_path: Path, speed: float, stops: tuple[float, ...]) -> None:
    """Killed without a warning, away for a while, started again: ids, prices and history are those of an exchange without a stop."""

    def script(tape: Tape, number: int) -> None:
        change(tape, 3 * number + 1, "skip", symbol="ETHUSDT", count=5)
        change(tape, 3 * number + 2, "lose", symbol="*", count=40)
        change(tape, 3 * number + 3, "burst", times=4, for_s=9)

    hand, other = Hand(), Hand()
    whole, clock = begun(None, hand, speed)
    published = []
    tape, its_clock = begun(tmp_path / "state.json", other, speed)
    for number, seconds in enumerate(stops):
        run(whole, clock, hand, seconds)
        run(tape, its_clock, other, seconds)
        script(whole, number)
        script(tape, number)
        published.append((run(whole, clock, hand, 12), run(tape, its_clock, other, 12)))
        run(whole, clock, hand, 20)
        other.now_ms = hand.now_ms
        tape, its_clock = begun(tmp_path / "state.json", other, speed)
        assert its_clock.now_ms() == clock.now_ms()
        published.append((run(whole, clock, hand, 15), run(tape, its_clock, other, 15)))
    for without, with_stop in published:
        assert without.shape[1] > 100
        assert np.array_equal(without, with_stop)
    since = clock.now_ms() - HISTORY_MS + 10_000
    assert histories(tape, since) == histories(whole, since)


def test_the_state_stays_small_and_near(tmp_path: Path) -> None:
    """A long run is not made again from its beginning."""
    hand = Hand()
    tape, clock = begun(tmp_path / "state.json", hand, speed=10.0)
    for number in range(40):
        change(tape, number, "na", share=0.1, for_s=1)
        run(tape, clock, hand, 4)
    kept = json.loads((tmp_path / "state.json").read_text())
    behind = (clock.now_ms() - START_MS) - kept["market"]["block"] * 1_000
    assert HISTORY_MS <= behind <= HISTORY_MS + 120_000
    assert 1 <= len(kept["faults"]) <= 8
    assert (tmp_path / "state.json").stat().st_size < 20_000


def test_a_history_cut_by_rows_needs_less_to_be_made_again(tmp_path: Path) -> None:
    hand = Hand()
    tape, clock = begun(tmp_path / "state.json", hand, rows=5_000, trades_per_s=400.0)
    run(tape, clock, hand, 260)
    kept = json.loads((tmp_path / "state.json").read_text())
    assert 260_000 - kept["market"]["block"] * 1_000 < HISTORY_MS
    again, _ = begun(tmp_path / "state.json", hand, rows=5_000, trades_per_s=400.0)
    since = max(each.history.begins_ms(clock.now_ms()) for each in (tape, again))
    assert since > clock.now_ms() - HISTORY_MS
    for k in range(2):
        # Which symbol was cut by a row more is no matter of the market.
        rows = [each.history.from_id(k, 0, None, since) for each in (tape, again)]
        shared = min(part.shape[1] for part in rows)
        assert shared > 1_500
        assert np.array_equal(rows[0][:, -shared:], rows[1][:, -shared:])


@pytest.mark.parametrize(
    ("away_ms", "changed", "goes_on"),
    [(HOUR_MS - 2_000, {}, True), (HOUR_MS + 2_000, {}, False), (1_000, {"seed": 8}, False), (1_000, {"hedge_ratio": 0.5}, False),
     (1_000, {"symbols": 4}, False)],
)  # fmt: skip
def test_only_the_same_market_within_an_hour_goes_on(
    tmp_path: Path, away_ms: int, changed: dict[str, Any], goes_on: bool
) -> None:
    path, hand = tmp_path / "state.json", Hand()
    tape, clock = begun(path, hand)
    rows = run(tape, clock, hand, 30)
    change(tape, 1, "skip", count=10**9)
    rows = run(tape, clock, hand, 5)
    tape.on_change()
    hand.now_ms += away_ms
    again, its_clock = begun(path, hand, **changed)
    more = run(again, its_clock, hand, 5)
    for k in range(2):
        before, after = (int(part[Field.id, part[Field.symbol] == k].max()) for part in (rows, more))
        assert after > before, "no id is used again"
    assert (again.source.start_ms == START_MS) is goes_on


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    hand = Hand()
    tape, clock = begun(None, hand)
    assert run(tape, clock, hand, 3).shape[1]
    assert list(tmp_path.iterdir()) == []
    assert int(tape.history.from_id(0, 0, 1, since_ms=0)[Field.id, 0]) == START_MS * 10


@pytest.mark.parametrize("text", ["{not json", "[]", '{"format": 1}', '{"format": 1, "x": 2}', '"x"'])
def test_a_file_that_is_no_state_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(PairdeskError, match=r"state\.json: not the state of a simulated exchange"):
        begun(path, Hand())


def test_a_state_of_another_version_begins_anew(tmp_path: Path) -> None:
    path, hand = tmp_path / "state.json", Hand()
    begun(path, hand)
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "format": 99, "news": 1}))
    hand.now_ms += 5_000
    assert begun(path, hand)[0].source.start_ms == START_MS + 5_000


def test_a_file_that_cannot_be_written_is_said_and_the_market_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.json.part").mkdir()
    hand = Hand()
    tape, clock = begun(tmp_path / "state.json", hand)
    assert run(tape, clock, hand, 10).shape[1] > 100
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be written" in caplog.text


def test_the_market_of_this_module_is_that_of_the_seed() -> None:
    """The negative control: another seed is another market."""
    assert not np.array_equal(market(seed=1).until(3_000).price[:50], market(seed=2).until(3_000).price[:50])
