"""REST as the exchange answers it: `/fapi/v1/ping`, `time`, `exchangeInfo` and `aggTrades`, and `trades`, in
which the sizes of the trades of one aggregate are equal parts of its own: what they really were is not kept."""

import math
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from flows.simulator.history import History
from flows.simulator.listing import Listing
from flows.simulator.weights import Budget, Refusal
from flows.simulator.wire import WEIGHT_PER_MINUTE, Answers, exchange_info, single_trades

_WEIGHTS = {"/fapi/v1/ping": 1, "/fapi/v1/time": 1, "/fapi/v1/exchangeInfo": 1, "/fapi/v1/aggTrades": 20,
            "/fapi/v1/trades": 5}  # fmt: skip
_DEFAULT_LIMIT, _MOST_ROWS = 500, 1_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class BadRequest(Exception):
    """A request that the exchange refuses, with its code and its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rest:
    """Answers requests from the history.

    Args:
        aggregates: false where the exchange trades singles only, of which REST has none.
    """

    def __init__(self, listings: Sequence[Listing], history: History, aggregates: bool = True) -> None:
        self._listings, self._history, self._aggregates = listings, history, aggregates
        self._index = {each.symbol: k for k, each in enumerate(listings)}
        self._print = Answers(listings)
        self._budget = Budget(WEIGHT_PER_MINUTE)

    def answer(self, path: str, query: str, now_ms: int, steady_ms: int, since_ms: int) -> Answer:
        """Serve a request under `/fapi`.

        Args:
            now_ms: what the exchange says the time is. steady_ms: goes by for weights. since_ms: older trades are forgotten.
        """
        weight = _WEIGHTS.get(path)
        if weight is None:
            return Answer(HTTPStatus.NOT_FOUND, b'{"code":-5000,"msg":"Path not found."}')
        refusal = self._budget.spend(weight, steady_ms)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._budget.used)}
        if refusal is not None:
            return _refused(refusal, steady_ms, headers)
        try:
            return Answer(HTTPStatus.OK, self._body(path, query, now_ms, since_ms), headers)
        except BadRequest as error:
            return _bad(error, headers)

    def trades(self, query: str) -> Answer:
        """All trades in memory of a symbol from `fromId` on, at no weight: the truth that tests compare with."""
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        try:
            symbol, first = self._symbol(asked), _number(asked, "fromId") or 0
        except BadRequest as error:
            return _bad(error, {})
        return Answer(HTTPStatus.OK, self._print(self._history.from_id(symbol, first, None, since_ms=-(1 << 62))))

    def _body(self, path: str, query: str, now_ms: int, since_ms: int) -> bytes:
        if path == "/fapi/v1/ping":
            return b"{}"
        if path == "/fapi/v1/time":
            return orjson.dumps({"serverTime": now_ms})
        if path == "/fapi/v1/exchangeInfo":
            return exchange_info(self._listings, now_ms)
        if path == "/fapi/v1/trades":
            return self._newest_trades(dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), since_ms)
        return self._aggregate_trades(dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), since_ms)

    def _newest_trades(self, asked: dict[str, str], since_ms: int) -> bytes:
        symbol, limit = self._symbol(asked), _limit(asked)
        rows = self._history.between(symbol, None, None, limit, since_ms)
        return single_trades(rows, self._listings[symbol], limit)

    def _aggregate_trades(self, asked: dict[str, str], since_ms: int) -> bytes:
        symbol, limit = self._symbol(asked), _limit(asked)
        first, start, end = (_number(asked, name) for name in ("fromId", "startTime", "endTime"))
        if first is not None and not (start is None and end is None):
            raise BadRequest(-1128, "Combination of optional parameters invalid.")
        if start is not None and end is not None:
            if start > end:
                raise BadRequest(-1023, "Start time is greater than end time.")
            if end - start >= _HOUR_MS:
                raise BadRequest(-1127, "Lookup interval is too big. More than 1 hours between startTime and endTime.")
        if not self._aggregates:
            return b"[]"
        if first is not None:
            return self._print(self._history.from_id(symbol, first, limit, since_ms))
        return self._print(self._history.between(symbol, start, end, limit, since_ms))

    def _symbol(self, asked: dict[str, str]) -> int:
        name = asked.get("symbol", "")
        if not name:
            raise BadRequest(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if name not in self._index:
            raise BadRequest(-1121, "Invalid symbol.")
        return self._index[name]


def _number(asked: dict[str, str], name: str) -> int | None:
    """A parameter that must be a whole number; None if it was not sent."""
    text = asked.get(name)
    if text is None:
        return None
    if not text:
        raise BadRequest(-1105, f"Parameter '{name}' was empty.")
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise BadRequest(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return min(int(text), (1 << 63) - 1)


def _limit(asked: dict[str, str]) -> int:
    limit = _number(asked, "limit")
    limit = _DEFAULT_LIMIT if limit is None else limit
    if not 0 < limit <= _MOST_ROWS:
        raise BadRequest(-1130, "Data sent for parameter 'limit' is not valid.")
    return limit


def _bad(error: BadRequest, headers: dict[str, str]) -> Answer:
    return Answer(HTTPStatus.BAD_REQUEST, orjson.dumps({"code": error.code, "msg": str(error)}), headers)


def _refused(refusal: Refusal, now_ms: int, headers: dict[str, str]) -> Answer:
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        message = (
            f"Too many requests; current limit of IP(127.0.0.1) is {WEIGHT_PER_MINUTE} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
    else:
        message = (
            f"Way too many requests; IP(127.0.0.1) banned until {refusal.until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
    wait = {"Retry-After": str(max(1, math.ceil((refusal.until_ms - now_ms) / 1_000)))}
    return Answer(refusal.status, orjson.dumps({"code": -1003, "msg": message}), headers | wait)
