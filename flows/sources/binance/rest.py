"""All REST calls of the running feed, in a thread of their own: one at a time, the most urgent first, within the weight budget.

GET /fapi/v1/aggTrades?symbol=BTCUSDT&fromId=12345&limit=1000      weight 20
GET /fapi/v1/trades?symbol=BTCUSDT&limit=1                         weight 5
GET /fapi/v1/time                                                  weight 1
"""

import json
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import replace

from flows.sources.binance.asker import Answer, Asker, NoAnswerError
from flows.sources.binance.budget import BackOff, Budget
from flows.sources.binance.records import Event, Fill, Newest
from flows.sources.binance.standing import NEWEST, Ask, RestStanding

TRADES_WEIGHT, NEWEST_WEIGHT, TIME_WEIGHT = 20, 5, 1
_OF_THE_QUESTION, _ASIDE_S = (400, 404), 30.0
_STOP_TIMEOUT_S = 0.5
_TRUSTED_ROUND_TRIP_US = 1_000_000


Answered = Fill | Newest | Event


class Rest:
    """Answers wishes.

    Args:
        clock: the receive clock, microseconds: the exchange's minutes and pauses go by it.
        lead_us: receive clock − exchange clock as measured at the start.
        clock_limit_us: a lead beyond it is told. speed: seconds of the clock per second.
        time_every_s: from one look at the exchange's clock to the next.
    """

    def __init__(
        self,
        base_url: str,
        timeout_s: float,
        weight_limit: int,
        clock_limit_us: int,
        clock: Callable[[], int],
        lead_us: int,
        speed: float = 1.0,
        time_every_s: float = 60.0,
    ) -> None:
        self._asker, self._clock = Asker(base_url, timeout_s), clock
        self._budget, self._back_off = Budget(weight_limit), BackOff()
        self._host = urllib.parse.urlsplit(base_url).netloc
        self._clock_limit, self._speed, self._lead, self._phase = clock_limit_us, speed, lead_us, lead_us
        self._clock_off = False
        self._time_every_s, self._time_due_s = time_every_s, self._now_s() + time_every_s
        self._changed = threading.Condition()
        self._wanted: tuple[Ask, ...] = ()
        self._aside: dict[str, float] = {}
        self._dear = False
        self._found: list[Answered] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._judge_clock(self._lead)
        self._thread.start()

    def want(self, asks: Sequence[Ask]) -> None:
        """What is wanted now, the most urgent first, in place of all that was wanted before.

        A symbol that is being asked for, or whose answer was not taken yet, is not asked for again.
        """
        asks = tuple(replace(ask, cheap=False) for ask in asks) if self._dear else tuple(asks)
        if asks != self._wanted:
            with self._changed:
                self._wanted = asks
                self._changed.notify()

    def take(self) -> list[Answered]:
        """What came since, in order. What was wanted of the symbols in it has to be wanted anew."""
        if not self._found:
            return []
        with self._changed:
            found, self._found = self._found, []
            answered = {each.symbol for each in found if not isinstance(each, Event)}
            self._wanted = tuple(ask for ask in self._wanted if ask.symbol not in answered)
        return found

    @property
    def standing(self) -> RestStanding:
        """How it stands now."""
        with self._changed:
            return RestStanding(self._back_off.problem, self._budget.used(self._now_s()), self._budget.limit)

    def close(self) -> None:
        """End the thread at once; a request that is under way is given up."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._asker.interrupt()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def _now_s(self) -> float:
        """The clock of minutes and pauses: the exchange's as it was at the start, as one that is set meanwhile bends no budget."""
        return (self._clock() - self._phase) / 1e6

    def _run(self) -> None:
        while (ask := self._next()) is not None:
            if not isinstance(ask, Ask):
                self._ask_time()
            elif ask.cheap:
                self._ask_newest(ask)
            else:
                self._ask_trades(ask)
        self._asker.close()

    def _next(self) -> Ask | int | None:
        """Wait for a wish that may be fulfilled: an Ask, or TIME_WEIGHT for the clock; None at the end."""
        with self._changed:
            while not self._closing:
                now_s = self._now_s()
                wait_s = self._back_off.until_s - now_s
                if wait_s <= 0:
                    waits = [self._time_due_s - now_s]
                    if waits[0] <= 0:
                        self._budget.spend(now_s, TIME_WEIGHT)
                        self._time_due_s = now_s + self._time_every_s
                        return TIME_WEIGHT
                    waiting = {each.symbol for each in self._found if not isinstance(each, Event)}
                    for ask in self._wanted:
                        if ask.symbol in waiting or now_s < self._aside.get(ask.symbol, 0.0):
                            continue
                        weight = NEWEST_WEIGHT if ask.cheap else TRADES_WEIGHT
                        wait_s = self._budget.wait_s(now_s, weight, ask.check, paced=ask.cheap)
                        if wait_s <= 0:
                            self._budget.spend(now_s, weight, ask.check)
                            return ask
                        waits.append(wait_s)
                    wait_s = min(waits)
                self._changed.wait(min(max(wait_s / self._speed, 0.001), 1.0))
            return None

    def _ask_trades(self, ask: Ask) -> None:
        """Ask for one page. A refusal that concerns this question only puts its symbol aside for a while."""
        start = "" if ask.from_id == NEWEST else f"&fromId={ask.from_id}"
        asked_us = self._clock()
        body = self._get(
            f"/fapi/v1/aggTrades?symbol={urllib.parse.quote(ask.symbol)}{start}&limit={ask.limit}", list, ask.symbol
        )
        if body is not None:
            if self._aside.pop(ask.symbol, None) is not None:
                self._tell("rest_back", f"{self._host} answers for it again", ask.symbol)
            with self._changed:
                self._found.append(Fill(self._clock(), ask.symbol, ask.from_id, asked_us, ask.limit, body))

    def _ask_newest(self, ask: Ask) -> None:
        """Ask for the newest single trade. Where that is not served, aggregates are asked for from now on."""
        asked_us = self._clock()
        answer = self._get(f"/fapi/v1/trades?symbol={urllib.parse.quote(ask.symbol)}&limit=1", list, cheap=True)
        if answer is not None:
            with self._changed:
                self._found.append(Newest(self._clock(), ask.symbol, asked_us, answer))

    def _ask_time(self) -> None:
        before = self._clock()
        body = self._get("/fapi/v1/time", dict)
        after = self._clock()
        if body is None or after - before > _TRUSTED_ROUND_TRIP_US:
            return
        served = json.loads(body).get("serverTime")
        if isinstance(served, int):
            self._judge_clock((before + after) // 2 - served * 1000)

    def _judge_clock(self, lead_us: int) -> None:
        self._lead = lead_us
        off = abs(lead_us) > self._clock_limit
        if off != self._clock_off:
            self._clock_off = off
            way = "ahead of" if lead_us > 0 else "behind"
            where = f"the clock of this machine is {abs(lead_us) / 1e6:.3f} s {way} the exchange's"
            self._tell("clock_off" if off else "clock_right", f"{where}; times are corrected" if off else where)

    def _get(self, path: str, kind: type, symbol: str = "", cheap: bool = False) -> bytes | None:
        """The body of a good answer; None after one that is none, which is told and waited for."""
        try:
            answer = self._asker.get(path)
        except NoAnswerError as error:
            self._failed(str(error))
            return None
        with self._changed:
            if answer.used_weight is not None:
                self._budget.said(self._now_s() // 60, answer.used_weight)
        if answer.status != 200:
            if cheap and answer.status in _OF_THE_QUESTION:
                with self._changed:
                    self._dear, self._wanted = True, ()
            elif symbol and answer.status in _OF_THE_QUESTION:
                self._put_aside(symbol, answer)
            else:
                self._refused(answer)
            return None
        if not _is(answer.body, kind):
            start = answer.body[:60].decode("utf-8", "replace")
            self._failed(
                f'expected a JSON {"array" if kind is list else "object"}, found "{start}"; is there a proxy between?'
            )
            return None
        with self._changed:
            before = self._back_off.problem
            self._back_off.answered()
        if before:
            self._tell("rest_back", f"{self._host} answers again")
        return answer.body

    def _put_aside(self, symbol: str, answer: Answer) -> None:
        if symbol not in self._aside:
            text = answer.body[:200].decode("utf-8", "replace")
            self._tell("rest_refused", f"{self._host}: the exchange answered {answer.status}: {text}", symbol)
        self._aside[symbol] = self._now_s() + _ASIDE_S

    def _refused(self, answer: Answer) -> None:
        with self._changed:
            before = self._back_off.problem
            self._back_off.refused(self._now_s(), answer.status, answer.retry_after_s)
            after = self._back_off.problem
        self._tell_problem(before, after)

    def _failed(self, why: str) -> None:
        if self._closing:
            return
        with self._changed:
            before = self._back_off.problem
            self._back_off.failed(self._now_s(), why)
        self._tell_problem(before, why)

    def _tell_problem(self, before: str, after: str) -> None:
        if before.partition("; next")[0] != after.partition("; next")[0]:
            self._tell("rest_refused", f"{self._host}: {after}")

    def _tell(self, kind: str, detail: str, symbol: str = "") -> None:
        with self._changed:
            self._found.append(Event(self._clock(), kind, symbol, detail))


def _is(body: bytes, kind: type) -> bool:
    opening, closing = (b"[", b"]") if kind is list else (b"{", b"}")
    text = body.strip()
    return text[:1] == opening and text[-1:] == closing
