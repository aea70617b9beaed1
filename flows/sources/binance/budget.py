"""How much may be asked of the exchange, and when: pure, the time is given."""

import random
from collections import deque
from dataclasses import dataclass, field

MINUTE_S = 60.0
PACE_S = 6.0
_FORBIDDEN_S = (60.0, 1_800.0)
_FAILED_S = (0.25, 30.0)
_REGION_S = 600.0
_DEFAULT_WAIT_S = {429: 60.0, 418: 120.0}

MEANINGS = {
    403: "its firewall refuses this address",
    418: "this address is banned for asking too often",
    429: "this address asks too often",
    451: "it does not serve this region; the simulated exchange works everywhere",
}


class Budget:
    """Request weight of the last minute: the larger of our own count and what the exchange says, as others share the address.

    Args:
        limit: weight per minute that may be used; checks may use half of it, spread evenly where they are paced: else they would all be
            asked at once, and for the rest of the minute none.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._spent: deque[tuple[float, int, bool]] = deque()
        self._said = (-1.0, 0)

    def spend(self, now_s: float, weight: int, check: bool = False) -> None:
        """A request is sent."""
        self._spent.append((now_s, weight, check))

    def said(self, minute: float, used: int) -> None:
        """The exchange counts `used` in this minute of its clock (seconds // 60)."""
        self._said = (minute, used)

    def used(self, now_s: float) -> int:
        """Weight used in the last minute."""
        self._forget(now_s)
        minute, used = self._said
        ours = sum(weight for _, weight, _ in self._spent)
        return max(ours, used if minute == now_s // MINUTE_S else 0)

    def wait_s(self, now_s: float, weight: int, check: bool = False, paced: bool = False) -> float:
        """Seconds until a request of this weight may be sent; 0: now."""
        waits = [0.0]
        if self.used(now_s) + weight > self.limit:
            waits.append(self._until_room(now_s, weight, self.limit, [False, True]))
            if self._said[0] == now_s // MINUTE_S and self._said[1] + weight > self.limit:
                waits.append(MINUTE_S - now_s % MINUTE_S)
        if check:
            waits.append(self._until_room(now_s, weight, self.limit // 2, [True]))
        if paced:
            share = max(int(self.limit / 2 * PACE_S / MINUTE_S), weight)
            waits.append(self._until_room(now_s, weight, share, [True], PACE_S))
        return max(waits)

    def _until_room(self, now_s: float, weight: int, limit: int, kinds: list[bool], span_s: float = MINUTE_S) -> float:
        spent = [(at, each) for at, each, check in self._spent if check in kinds and at > now_s - span_s]
        over = sum(each for _, each in spent) + weight - limit
        for at, each in spent:
            if over <= 0:
                break
            over -= each
            if over <= 0:
                return at + span_s - now_s
        return 0.0

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s - MINUTE_S:
            self._spent.popleft()


@dataclass
class BackOff:
    """When the exchange may be asked again after it refused or failed.

    Attributes:
        problem: why not now, for a person; '' where all is well.
    """

    problem: str = ""
    until_s: float = 0.0
    _failures: int = field(default=0, repr=False)

    def refused(self, now_s: float, status: int, retry_after_s: float | None) -> None:
        """An answer other than 200."""
        self._failures += 1
        if status in _DEFAULT_WAIT_S:
            wait = _DEFAULT_WAIT_S[status] if retry_after_s is None else retry_after_s
        elif status == 403:
            wait = min(_FORBIDDEN_S[0] * 2 ** (self._failures - 1), _FORBIDDEN_S[1])
        elif status == 451:
            wait = _REGION_S
        else:
            wait = self._failed_wait()
        meaning = MEANINGS.get(status, "expected 200")
        self.problem, self.until_s = (
            f"the exchange answered {status}: {meaning}; next try in {wait:.0f} s",
            now_s + wait,
        )

    def failed(self, now_s: float, why: str) -> None:
        """No answer, or one that is none."""
        self._failures += 1
        self.problem, self.until_s = why, now_s + self._failed_wait()

    def answered(self) -> None:
        """A good answer."""
        self.problem, self.until_s, self._failures = "", 0.0, 0

    def _failed_wait(self) -> float:
        least, most = _FAILED_S
        return float(min(least * 2.0 ** min(self._failures - 1, 20), most) * random.uniform(0.5, 1.0))
