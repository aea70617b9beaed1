"""The real simulated exchange for tests, served by a thread of its own."""

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from flows.domain.pair import Pair
from flows.simulator.market import Market
from flows.simulator.server import Exchange, now_ms

PARAMETERS: dict[str, Any] = {
    "pairs": [Pair.parse("ETHUSDT/BTCUSDT")],
    "seed": 7,
    "trades_per_s": 500.0,
    "hedge_ratio": 0.85,
    "half_life_s": 60.0,
    "mispricing_bp": 6.0,
}


def market(start_ms: int = 0, first_id: int = 1, **changed: Any) -> Market:
    """A market with the parameters of this module but for those named."""
    return Market(**{**PARAMETERS, **changed}, start_ms=start_ms, first_id=first_id)


class RunningExchange:
    """A server on the loopback interface while the block lasts.

    Attributes:
        port: where; start_ms: when the market began; parameters: of the market.
    """

    def __init__(self, port: int = 0, first_id: int = 1, **changed: Any) -> None:
        self.port, self.first_id, self.changed = port, first_id, changed
        self.start_ms = 0
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
        """The market that is being served, from its beginning."""
        return market(self.start_ms, self.first_id, **self.changed)

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
        self.start_ms = now_ms()
        async with Exchange(self.same_market()).serving("127.0.0.1", self.port) as self.port:
            self._ready.set()
            await self._stop.wait()


def ids_by_symbol(symbols: Sequence[str], symbol: Sequence[int], ids: Sequence[int]) -> dict[str, list[int]]:
    """Ids of each symbol in their order."""
    found: dict[str, list[int]] = {name: [] for name in symbols}
    for k, identity in zip(symbol, ids, strict=True):
        found[symbols[k]].append(identity)
    return found
