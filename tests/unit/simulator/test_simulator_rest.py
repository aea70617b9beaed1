"""REST of the simulated exchange: the trades of the market, at a weight, in the exchange's words."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from exchange_talk import Listener, listening
from simulated import RunningExchange, fetch, market

from flows.simulator.history import History
from flows.simulator.trades import Field, aggregate_rows
from flows.simulator.weights import Budget

PATH = "/fapi/v1/aggTrades"


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with RunningExchange(trades_per_s=2_000.0) as running:

        async def enough(listener: Listener) -> None:
            await listener.until(lambda heard: heard.messages and heard.messages[-1]["E"] > running.start_ms + 3_000)

        listening(running, enough)
        yield running


def ask(exchange: RunningExchange, **query: Any) -> list[dict[str, Any]]:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    status, rows = fetch(f"{exchange.rest_url}{PATH}?{text}")
    assert status == 200, rows
    assert isinstance(rows, list)
    return rows


def expected(exchange: RunningExchange, symbol: str) -> list[dict[str, Any]]:
    """The rows as the market's own numbers say."""
    served = exchange.same_market()
    trades = served.until(exchange.start_ms + 3_000)
    k = [each.symbol for each in served.listings].index(symbol)
    rows = []
    for i in (trades.symbol == k).nonzero()[0].tolist():
        size = f"{trades.size[i] / 1000:.3f}"
        rows.append(
            {"a": int(trades.aggregate_id[i]), "p": f"{trades.price[i] / 100:.2f}", "q": size, "nq": size, "f": int(trades.first_id[i]),
             "l": int(trades.last_id[i]), "T": int(trades.time_ms[i]), "m": bool(trades.maker[i])}
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_rows_are_those_of_the_market(exchange: RunningExchange, symbol: str) -> None:
    true = expected(exchange, symbol)
    assert ask(exchange, symbol=symbol, fromId=1, limit=1_000) == true[:1_000]
    assert ask(exchange, symbol=symbol, fromId=101) == true[100:600], "inclusive, 500 by default"
    assert ask(exchange, symbol=symbol, fromId=0, limit=1) == true[:1]
    assert exchange.true_trades(symbol)[: len(true)] == true
    assert exchange.true_trades(symbol, 7)[:5] == true[6:11]


def test_single_trades_are_those_of_the_newest_aggregates(exchange: RunningExchange) -> None:
    status, singles = fetch(f"{exchange.rest_url}/fapi/v1/trades?symbol=ETHUSDT&limit=1000")
    assert status == 200
    assert isinstance(singles, list)
    assert len(singles) == 1_000
    ids = [row["id"] for row in singles]
    assert ids == list(range(ids[0], ids[-1] + 1))
    whole = [row for row in exchange.true_trades("ETHUSDT") if ids[0] <= row["f"] and row["l"] <= ids[-1]]
    assert len(whole) > 100
    assert any(row["l"] > row["f"] for row in whole)
    for row in whole:
        mine = singles[row["f"] - ids[0] : row["l"] - ids[0] + 1]
        assert {(each["price"], each["time"], each["isBuyerMaker"]) for each in mine} == {
            (row["p"], row["T"], row["m"])
        }
        assert sum(Decimal(each["qty"]) for each in mine) == Decimal(row["q"])
        assert sum(Decimal(each["quoteQty"]) for each in mine) == Decimal(row["q"]) * Decimal(row["p"])
    assert fetch(f"{exchange.rest_url}/fapi/v1/trades?symbol=ETHUSDT&limit=0")[1]["code"] == -1130
    assert fetch(f"{exchange.rest_url}/fapi/v1/trades?limit=1")[1]["code"] == -1102


def test_the_newest_without_an_id(exchange: RunningExchange) -> None:
    rows = ask(exchange, symbol="ETHUSDT", limit=3)
    assert len(rows) == 3
    assert ask(exchange, symbol="ETHUSDT", fromId=rows[0]["a"], limit=3) == rows
    assert rows[-1]["a"] > 1_200
    assert ask(exchange, symbol="ETHUSDT", fromId=10**15) == []


def test_spans_of_time_have_both_ends(exchange: RunningExchange) -> None:
    true = expected(exchange, "ETHUSDT")
    start, end = true[200]["T"], true[700]["T"]
    inside = [row for row in true if start <= row["T"] <= end]
    assert ask(exchange, symbol="ETHUSDT", startTime=start, endTime=end, limit=1_000) == inside
    assert ask(exchange, symbol="ETHUSDT", startTime=start, endTime=end) == inside[:500]
    assert ask(exchange, symbol="ETHUSDT", startTime=start, limit=2) == inside[:2]
    assert ask(exchange, symbol="ETHUSDT", endTime=end, limit=4) == inside[-4:]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", -1102),
        ("symbol=", -1102),
        ("symbol=ethusdt", -1121),
        ("symbol=XYZUSDT", -1121),
        ("symbol=ETHUSDT&limit=0", -1130),
        ("symbol=ETHUSDT&limit=1001", -1130),
        ("symbol=ETHUSDT&limit=ten", -1100),
        ("symbol=ETHUSDT&fromId=-1", -1100),
        ("symbol=ETHUSDT&fromId=", -1105),
        ("symbol=ETHUSDT&fromId=1&startTime=2", -1128),
        ("symbol=ETHUSDT&fromId=1&endTime=2", -1128),
        ("symbol=ETHUSDT&startTime=0&endTime=3600000", -1127),
        ("symbol=ETHUSDT&startTime=2&endTime=1", -1023),
    ],
)
def test_bad_requests_get_code_and_words(exchange: RunningExchange, query: str, code: int) -> None:
    status, answer = fetch(f"{exchange.rest_url}{PATH}?{query}")
    assert (status, answer["code"]) == (400, code)
    assert answer["msg"]


def test_an_hour_less_a_millisecond_is_allowed(exchange: RunningExchange) -> None:
    assert ask(exchange, symbol="ETHUSDT", startTime=0, endTime=3_599_999) == []


def test_weights_are_counted_and_beyond_the_limit_comes_429_then_418() -> None:
    with RunningExchange(start_ms=1_800_000_000_000 // 60_000 * 60_000) as exchange:
        used = [_weighted(exchange, path)[1]["x-mbx-used-weight-1m"] for path in ("ping", "time", "exchangeInfo")]
        used.append(_weighted(exchange, "aggTrades?symbol=ETHUSDT")[1]["x-mbx-used-weight-1m"])
        assert used == ["1", "2", "3", "23"]
        while (answer := _weighted(exchange, "aggTrades?symbol=ETHUSDT&limit=1"))[0] == 200:
            assert int(answer[1]["x-mbx-used-weight-1m"]) <= 2_400
        assert answer[0] == 429
        assert 1 <= int(answer[1]["retry-after"]) <= 60
        assert answer[2]["code"] == -1003
        while (answer := _weighted(exchange, "ping"))[0] == 429:
            pass
        assert (answer[0], answer[1]["retry-after"]) == (418, "120")
        assert "banned until" in answer[2]["msg"]
        assert _weighted(exchange, "ping")[1]["retry-after"] == "240"
        assert exchange.true_trades("ETHUSDT"), "the control endpoint has no weight"


def _weighted(exchange: RunningExchange, path: str) -> tuple[int, dict[str, str], Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{exchange.rest_url}/fapi/v1/{path}", timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, json.loads(error.read())


def test_the_budget_by_the_minute() -> None:
    budget = Budget(100)
    assert budget.spend(60, 1_000) is None
    assert budget.spend(40, 59_999) is None
    refusal = budget.spend(1, 59_999)
    assert refusal is not None
    assert (refusal.status, refusal.until_ms) == (429, 60_000)
    assert budget.spend(100, 60_000) is None, "a new minute"
    assert (refused := budget.spend(1, 61_000)) is not None
    assert refused.status == 429
    assert (refused := budget.spend(1, 62_000)) is not None
    assert refused.status == 429, "one that was on its way"
    bans = [budget.spend(1, 62_001 + k) for k in range(13)]
    waits = [0 if ban is None else ban.until_ms - 62_001 - k for k, ban in enumerate(bans)]
    assert waits[:3] == [120_000, 240_000, 480_000]
    assert waits[-1] == 3 * 86_400_000
    assert budget.spend(1, 63_000 + 3 * 86_400_000) is None


def test_history_is_bounded() -> None:
    with RunningExchange(speed=40.0, history_s=20.0, trades_per_s=200.0) as exchange:

        async def a_minute(listener: Listener) -> None:
            await listener.until(lambda heard: heard.messages and heard.messages[-1]["T"] > exchange.start_ms + 60_000)

        listening(exchange, a_minute)
        rows = exchange.true_trades("ETHUSDT")
        # A second here is 40 of the exchange, and what is too old is dropped in blocks.
        assert 18_000 < rows[-1]["T"] - rows[0]["T"] < 60_000
        assert rows[0]["a"] > 1
        assert ask(exchange, symbol="ETHUSDT", fromId=1, limit=1)[0]["a"] >= rows[0]["a"], "the oldest it has"


def test_a_history_of_too_many_rows_keeps_the_newest() -> None:
    history = History(2, keep_ms=10**9, most_rows=30_000)
    served = market(trades_per_s=20_000.0)
    for second in range(1, 11):
        history.append(aggregate_rows(served.until(second * 1_000)))
    kept = [history.from_id(k, 0, None, since_ms=0) for k in (0, 1)]
    assert 20_000 < sum(rows.shape[1] for rows in kept) <= 53_000
    for rows in kept:
        assert (rows[Field.id][1:] - rows[Field.id][:-1] == 1).all()
        assert rows[Field.time, -1] > 9_900
    assert history.begins_ms(10_000) == min(int(rows[Field.time, 0]) for rows in kept)
