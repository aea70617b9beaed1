"""The real simulated exchange for tests, served by a thread of its own."""

import asyncio
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from flows.domain.pair import Pair
from flows.simulator.clock import Clock, real_ms
from flows.simulator.edits import Edits
from flows.simulator.market import Market
from flows.simulator.replayed import Replayed
from flows.simulator.script import read_script
from flows.simulator.server import LIFE_S, Exchange
from flows.simulator.tape import Tape

PARAMETERS: dict[str, Any] = {
    "pairs": [Pair.parse("ETHUSDT/BTCUSDT")],
    "seed": 7,
    "trades_per_s": 500.0,
    "hedge_ratio": 0.85,
    "half_life_s": 60.0,
    "mispricing_bp": 6.0,
}
_LEAD_MS = 1_500
"""Readers connect before the first recorded trade."""
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def market(start_ms: int = 0, first_id: int = 1, **changed: Any) -> Market:
    """A market with the parameters of this module but for those named."""
    return Market(**{**PARAMETERS, **changed}, start_ms=start_ms, first_id=first_id)


class RunningExchange:
    """A server on the loopback interface while the block lasts.

    Args:
        speed: of the exchange's clock. life_s: of a connection. history_s: of REST. All seconds are the exchange's.
        script: file of faults. start_ms: what its clock says at the start; the time here by default.
        capture: a recording in the place of the market. changed: parameters of the market.

    Attributes:
        port: where; start_ms: when the market began; parameters: of the market.
    """

    def __init__(
        self,
        port: int = 0,
        first_id: int = 1,
        *,
        speed: float = 1.0,
        life_s: float = LIFE_S,
        history_s: float = 7_200.0,
        script: Path | None = None,
        start_ms: int | None = None,
        capture: Path | None = None,
        **changed: Any,
    ) -> None:
        self.port, self.first_id, self.changed = port, first_id, changed
        self.speed, self._life_s, self._history_s, self._script = speed, life_s, history_s, script
        self.start_ms, self._capture = start_ms or 0, capture
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def same_market(self) -> Market:
        """The market that is being served, from its beginning, without its faults."""
        return market(self.start_ms, self.first_id, **self.changed)

    def control(self, action: str, **values: Any) -> Any:
        """Ask the control endpoint: `add` (with `fault=…` and its keys), `clear`, `faults` or `trades`; what it answers."""
        status, answer = fetch(f"{self.rest_url}/control/{action}?{urllib.parse.urlencode(values)}")
        assert status == 200, f"{action} {values}: {answer}"
        return answer

    def true_trades(self, symbol: str, first_id: int = 0) -> list[dict[str, Any]]:
        """What was traded, as REST prints it: the reference."""
        rows: list[dict[str, Any]] = self.control("trades", symbol=symbol, fromId=first_id)
        return rows

    def __enter__(self) -> "RunningExchange":
        self._thread.start()
        assert self._ready.wait(20), "the simulated exchange did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the simulated exchange did not stop"
        self._loop.close()

    async def _serve(self) -> None:
        replayed = Replayed(self._capture) if self._capture else None
        now = real_ms()
        self.start_ms = self.start_ms or now
        if replayed is not None:
            replayed.begin(self.start_ms, int(_LEAD_MS * self.speed))
        served = replayed or self.same_market()
        tape = Tape(served, Edits([each.symbol for each in served.listings]), int(self._history_s * 1_000), 2_000_000)
        script = read_script(self._script) if self._script else ()
        exchange = Exchange(tape, Clock(now, self.start_ms, self.speed), self._life_s, script)
        async with exchange.serving("127.0.0.1", self.port) as self.port:
            self._ready.set()
            await self._stop.wait()


def fetch(url: str) -> tuple[int, Any]:
    """Status and JSON of an address, whatever the status; text where it is no JSON."""
    try:
        with _OPENER.open(url, timeout=10) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.decode()


def ids_by_symbol(symbols: Sequence[str], symbol: Sequence[int], ids: Sequence[int]) -> dict[str, list[int]]:
    """Ids of each symbol in their order."""
    found: dict[str, list[int]] = {name: [] for name in symbols}
    for k, identity in zip(symbol, ids, strict=True):
        found[symbols[k]].append(identity)
    return found
