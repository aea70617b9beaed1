"""The request weight of the exchange: so much a minute, then 429, and a ban for those who go on asking."""

from dataclasses import dataclass

_MINUTE_MS = 60_000
_ON_THE_WAY_MS = 1_000
_FIRST_BAN_MS, _LONGEST_BAN_MS = 120_000, 3 * 86_400_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Status 429 or 418, and until when."""

    status: int
    until_ms: int


class Budget:
    """Counts the weight of one address in the minutes of the exchange's clock.

    A request beyond the limit gets 429 until the minute is over. Who still asks after a second, in which a request may have been on its
    way, is banned: 418 for two minutes, doubled by each request during the ban, up to three days.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute, self.used = -1, 0
        self._warned_ms: int | None = None
        self._ban_ms, self._banned_until_ms = 0, 0

    def spend(self, weight: int, now_ms: int) -> Refusal | None:
        """Account for a request; None if it is served."""
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            self._minute, self.used = minute, 0
            self._warned_ms = None
        if now_ms < self._banned_until_ms or (
            self._warned_ms is not None and now_ms > self._warned_ms + _ON_THE_WAY_MS
        ):
            self._ban_ms = min(max(_FIRST_BAN_MS, 2 * self._ban_ms), _LONGEST_BAN_MS)
            self._banned_until_ms = now_ms + self._ban_ms
            return Refusal(418, self._banned_until_ms)
        self.used += weight
        if self.used > self._limit:
            self._warned_ms = now_ms if self._warned_ms is None else self._warned_ms
            return Refusal(429, (minute + 1) * _MINUTE_MS)
        return None
