"""Faults on command: they begin by request or by script, and end by themselves or by request. All answers are JSON.

GET /control/add?fault=stall&stream=ethusdt@aggTrade&for_s=10     begins a fault (see `faults`) and tells it
GET /control/faults                             those that last, as a list
GET /control/clear                              ends them all; with fault=KIND those of a kind
GET /control/trades?symbol=ETHUSDT&fromId=1     all trades in memory, as REST prints them, at no weight
GET /control/clock                              the exchange's time, at no weight
"""

import urllib.parse
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import numpy as np
import orjson

from flows.simulator.chance import chance
from flows.simulator.clock import Clock
from flows.simulator.faults import AT_ONCE, KINDS, OF_THE_MARKET, Fault, FaultError, Faults, read_fault
from flows.simulator.publisher import Publisher
from flows.simulator.readers import Reader
from flows.simulator.rest import Answer
from flows.simulator.script import Line
from flows.simulator.tape import Tape

_ALWAYS = -(1 << 62)
_HTML = b"<html><head><title>Proxy</title></head><body><h1>Please sign in</h1></body></html>"
_FIREWALL = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"
_WORDS = {
    "429": (-1003, "Too many requests; please use the websocket for live updates."),
    "418": (-1003, "Way too many requests; IP banned. Please use the websocket for live updates to avoid bans."),
    "451": (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    "500": (-1000, "An unknown error occurred while processing the request."),
}


class Control:
    """Begins and ends faults.

    Args:
        script: faults that begin by themselves; those that a market which goes on has behind it are left out.
    """

    def __init__(self, tape: Tape, clock: Clock, publisher: Publisher, script: tuple[Line, ...] = ()) -> None:
        self._tape, self._clock, self._publisher = tape, clock, publisher
        self.faults = Faults()
        self._number = max(tape.faults, default=0)
        passed_ms = tape.now_ms - tape.source.start_ms
        self._script = deque(line for line in script if line.at_ms >= passed_ms)
        self._dead: dict[int, list[Reader]] = {}
        self._asked = 0

    def keep_time(self) -> None:
        """End what is over, and begin what the script says, the market being exactly there."""
        now = self._clock.steady_ms()
        self._ended(self.faults.end(now))
        while self._script and self._tape.source.start_ms + self._script[0].at_ms <= now:
            line = self._script.popleft()
            at = self._tape.source.start_ms + line.at_ms
            self._publisher.publish(self._tape.advance(at + self._clock.offset_ms), self.faults)
            self._add(line.kind, line.values, at)

    def answer(self, path: str, query: str) -> Answer:
        """Serve a request under `/control`."""
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        try:
            if path == "/control/add":
                return _json(_told(self._add(asked.pop("fault", ""), asked, self._clock.steady_ms())))
            if path == "/control/clear":
                return _json({"ended": [_told(each) for each in self.clear(asked.get("fault"))]})
            if path == "/control/faults":
                return _json([_told(each) for each in self.faults.all()])
            if path == "/control/clock":
                return _json({"now_ms": self._clock.now_ms()})
        except FaultError as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        return _json({"error": f"{path}: there are add, clear, clock, faults, trades"}, HTTPStatus.NOT_FOUND)

    def clear(self, kind: str | None = None) -> list[Fault]:
        """End all faults, or those of a kind; which they were."""
        if kind is not None and kind not in KINDS:
            raise FaultError(f'unknown fault "{kind}"; there are {", ".join(KINDS)}')
        over = self.faults.clear(kind)
        for fault in over:
            if fault.kind in OF_THE_MARKET:
                self._tape.end(fault.number)
        self._ended(over)
        return over

    def rest_fault(self) -> Fault | None:
        """The fault that strikes this REST request, if one does."""
        self._asked += 1
        here = np.array([self._asked])
        for fault in self.faults.active("rest"):
            if chance(fault.values["seed"], here, here)[0] < fault.values["share"]:
                return fault
        return None

    def oldest_served_ms(self) -> int:
        """Trades before this are not served by REST."""
        now = self._clock.now_ms()
        return max(
            (now - int(fault.values["older_s"] * 1_000) for fault in self.faults.active("forget")), default=_ALWAYS
        )

    def _add(self, kind: str, values: Mapping[str, Any], at_ms: int) -> Fault:
        self._number += 1
        fault = read_fault(kind, values, self._number, at_ms)
        if kind in OF_THE_MARKET:
            self._change_market(fault)
        if kind not in AT_ONCE:
            self.faults.add(fault)
        if kind in ("drop", "half_open"):
            readers = self._publisher.concerned(fault)
            for reader in readers:
                reader.cut() if kind == "drop" else reader.die()
            self._dead[fault.number] = readers if kind == "half_open" else []
        elif kind == "huge":
            self._publisher.huge(fault)
        self._set_clock()
        return fault

    def _change_market(self, fault: Fault) -> None:
        """The market goes by its own time, which the clock may have wrong."""
        wrong = self._tape.now_ms - fault.since_ms
        until = None if fault.until_ms is None else fault.until_ms + wrong
        self._tape.change(replace(fault, since_ms=self._tape.now_ms, until_ms=until))

    def _ended(self, faults: list[Fault]) -> None:
        for fault in faults:
            for reader in self._dead.pop(fault.number, []):
                reader.cut()
        if faults:
            self._set_clock()

    def _set_clock(self) -> None:
        self._clock.offset_ms = sum(fault.values["offset_ms"] for fault in self.faults.active("clock"))


def refusal(fault: Fault) -> Answer:
    """What REST says under a fault other than `timeout`."""
    status, wait = fault.values["status"], fault.values["retry_after"]
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if status == "html":
        return Answer(HTTPStatus.OK, _HTML, headers, "text/html")
    if status == "403":
        return Answer(HTTPStatus.FORBIDDEN, _FIREWALL, headers, "text/html")
    code, words = _WORDS[status]
    return Answer(int(status), orjson.dumps({"code": code, "msg": words}), headers)


def _json(value: Any, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status, orjson.dumps(value))


def _told(fault: Fault) -> dict[str, Any]:
    """As the control endpoint prints a fault."""
    values = {name: value for name, value in fault.values.items() if value is not None}
    return {
        "number": fault.number,
        "fault": fault.kind,
        **values,
        "since_ms": fault.since_ms,
        "until_ms": fault.until_ms,
    }
