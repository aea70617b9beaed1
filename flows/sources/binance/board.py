"""What is known of the running feed now: written by the flow, read by the health server and the rows of the status."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flows.domain.frames import GOOD_STATES, FeedEvents, FeedLatency, FeedStatus
from flows.domain.scale import UNKNOWN
from flows.sources.binance.feed import Legs
from flows.sources.binance.standing import LegStanding, LinkStanding, RestStanding

ALIVE_S = 10.0
"""A flow that has not asked its source for so long does not turn."""
_TAIL = 50


@dataclass(frozen=True, slots=True)
class View:
    """One look at everything.

    Attributes:
        now_us: receive clock. lead_us: receive clock − exchange clock. symbols, standings: of each leg. rows: where each is in `legs`.
        links: of each connection. queued: messages that wait. counts: of the feed.
    """

    now_us: int
    lead_us: int
    symbols: tuple[str, ...]
    rows: tuple[int, ...]
    standings: Sequence[LegStanding]
    legs: Legs
    links: Sequence[LinkStanding]
    rest: RestStanding
    queued: int
    counts: Mapping[str, int]

    def frame(self) -> FeedStatus:
        """The rows of `feed_status`."""
        rows, many = np.array(self.rows, np.int64), len(self.symbols)
        return FeedStatus(
            time=np.full(many, self.now_us, np.int64),
            symbol=np.array(self.symbols, np.object_),
            state=np.array([each.state for each in self.standings], np.object_),
            since=np.array([each.since_us for each in self.standings], np.int64),
            detail=np.array([each.detail for each in self.standings], np.object_),
            last_trade_time=self.legs.last_trade_time[rows],
            received=self.legs.received[rows],
            last_id=self.legs.last_id[rows],
            held=self.legs.held[rows],
            filled=self.legs.filled[rows],
            missing=self.legs.missing[rows],
            lead_ms=np.full(many, round(self.lead_us / 1000), np.int64),
        )


class Board:
    """Answers what `flows.health` asks. The flow and the health server are in different threads."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock_s, threading.Lock()
        self._polled_s = clock_s()
        self._view: View | None = None
        self._latency: FeedLatency | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=_TAIL)

    def polled(self) -> None:
        """The flow asks its source now."""
        self._polled_s = self._clock()

    def show(self, view: View) -> None:
        """How everything stands now."""
        self._view = view

    def tell(self, events: FeedEvents) -> None:
        """What happened just now."""
        told = [
            {"time": _time(at), "kind": kind, "symbol": symbol, "detail": detail}
            for at, kind, symbol, detail in zip(
                events.time.tolist(), events.kind, events.symbol, events.detail, strict=True
            )
        ]
        with self._lock:
            self._events.extend(told)

    def measure(self, latency: FeedLatency) -> None:
        """The newest quantiles."""
        self._latency = latency

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Alive while the flow turns."""
        still_s = self._clock() - self._polled_s
        return still_s < ALIVE_S, {"alive": still_s < ALIVE_S, "last_turn_s": round(still_s, 3)}

    def readiness(self) -> tuple[bool, Mapping[str, Any]]:
        """Ready while the flow turns and every leg can be relied on."""
        alive, health = self.health()
        view = self._view
        if view is None:
            return False, {"ready": False, "reason": "the feed has not begun"}
        legs = dict(zip(view.symbols, view.standings, strict=True))
        bad = {
            name: {"state": at.state, "detail": at.detail} for name, at in legs.items() if at.state not in GOOD_STATES
        }
        if alive and not bad:
            return True, {"ready": True, "legs": len(legs)}
        named = ", ".join(f"{name} {at['state']}" for name, at in bad.items())
        reason = named if alive else f"the flow has not turned for {health['last_turn_s']} s"
        return False, {"ready": False, "reason": reason, "legs": bad}

    def status(self) -> Mapping[str, Any]:
        """All of it."""
        (alive, _), (ready, _) = self.health(), self.readiness()
        told: dict[str, Any] = {"alive": alive, "ready": ready}
        view = self._view
        if view is not None:
            told |= {
                "time": _time(view.now_us),
                "lead_ms": round(view.lead_us / 1000, 3),
                "legs": [_leg(view, k) for k in range(len(view.symbols))],
                "connections": [_connection(link) for link in view.links],
                "queued_messages": view.queued,
                "rest": asdict(view.rest),
                "counts": dict(view.counts),
            }
        with self._lock:
            told["events"] = list(self._events)
        told["latency"] = _latency(self._latency)
        return told


def _leg(view: View, k: int) -> dict[str, Any]:
    row, at, legs = view.rows[k], view.standings[k], view.legs
    trade_us = int(legs.last_trade_time[row])
    return {
        "symbol": view.symbols[k],
        "state": at.state,
        "since": _time(at.since_us),
        "detail": at.detail,
        "last_trade_time": _time(trade_us),
        "last_trade_age_s": None if trade_us == UNKNOWN else round((view.now_us - view.lead_us - trade_us) / 1e6, 3),
        "received": _time(int(legs.received[row])),
        "last_id": int(legs.last_id[row]),
        "held": int(legs.held[row]),
        "filled": int(legs.filled[row]),
        "missing": int(legs.missing[row]),
    }


def _connection(link: LinkStanding) -> dict[str, Any]:
    return {"flowing": link.flowing, "since": _time(link.since_us), "opened": link.opened, "detail": link.detail}


def _latency(frame: FeedLatency | None) -> dict[str, Any]:
    if frame is None:
        return {}
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    return {
        stage: {name: _number(float(getattr(frame, name)[k])) for name in names} | {"count": int(frame.count[k])}
        for k, stage in enumerate(frame.stage.tolist())
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _time(us: int) -> str | None:
    """ISO 8601; None where it is not known."""
    if us == UNKNOWN:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat(timespec="milliseconds")
