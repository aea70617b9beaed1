"""The wire format: both parsers read the same, and what is malformed is told exactly."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.domain.instrument import Instrument
from flows.sources.binance import columns as c
from flows.sources.binance.fast import PADDING, scan
from flows.sources.binance.messages import parse_lines
from flows.sources.symbols import SymbolTable

TRADE = {
    "e": "trade", "E": 1721347022708, "T": 1721347022707, "s": "ETHUSDT", "t": 4217896584, "p": "3424.98", "q": "0.007", "X": "MARKET",
    "m": True,
}  # fmt: skip
AGGREGATE = {
    "e": "aggTrade", "E": 1626992741575, "a": 16599292, "s": "CTKUSDT", "p": "1.01100", "q": "10", "f": 23961322, "l": 23961325,
    "T": 1626992741421, "m": False,
}  # fmt: skip
TODAY = AGGREGATE | {"nq": "10", "st": 1}


def line(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def table() -> SymbolTable:
    return SymbolTable((Instrument("BTCUSDT", 2, 3), Instrument("ETHUSDT", 2, 3), Instrument("CTKUSDT", 5, 0)))


def one(message: Any, accept_new: bool = False) -> dict[str, int]:
    """The only row, by column name; it must be one that was read."""
    parsed = parse_lines(line(message), table(), accept_new)
    assert not parsed.reasons
    return {name: int(parsed.rows[0, getattr(c, name)]) for name in NAMES}


def reason(raw: bytes) -> str:
    parsed = parse_lines(raw, table(), False)
    assert parsed.rows[0, c.STATUS] == c.MALFORMED
    return parsed.reasons[0]


NAMES = ("STATUS", "KIND", "SYMBOL", "RECEIVED", "EVENT", "TIME", "ID", "FIRST", "LAST", "PRICE", "PRICE_DECIMALS", "SIZE",
         "SIZE_DECIMALS", "MAKER", "EXECUTION")  # fmt: skip


def test_a_trade() -> None:
    assert one(TRADE) == dict(
        zip(NAMES, (c.READ, c.SINGLE, 1, c.NOT_GIVEN, 1721347022708, 1721347022707, 4217896584, 4217896584, 4217896584, 342498, 2, 7, 3,
                    1, c.MARKET), strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("message", [AGGREGATE, TODAY, dict(reversed(TODAY.items()))])
def test_an_aggregate_of_any_year_and_key_order(message: dict[str, Any]) -> None:
    assert one(message) == dict(
        zip(NAMES, (c.READ, c.AGGREGATE, 2, c.NOT_GIVEN, 1626992741575, 1626992741421, 16599292, 23961322, 23961325, 101100, 5, 10, 0,
                    0, c.MARKET), strict=True)
    )  # fmt: skip


def test_envelopes() -> None:
    combined = {"stream": "ethusdt@trade", "data": TRADE}
    capture = {"recv_ns": 1721347021186954583, "msg": combined}
    assert one(combined) == one(TRADE)
    assert one(capture) == one(TRADE) | {"RECEIVED": 1721347021186954}
    assert one({"msg": TRADE, "recv_ns": 1721347021186954583}) == one(capture)


def test_no_market_trades() -> None:
    assert one(TRADE | {"X": "NA", "p": "0", "q": "0"})["EXECUTION"] == c.NA
    assert one(TRADE | {"X": "INSURANCE_FUND"})["EXECUTION"] == c.INSURANCE_FUND
    assert one(TRADE | {"X": "ADL"})["EXECUTION"] == c.OTHER
    without = {key: value for key, value in TRADE.items() if key != "X"}
    assert one(without)["EXECUTION"] == c.MARKET


@pytest.mark.parametrize("other", [{"result": None, "id": 1}, {"e": "kline", "E": 1, "s": "ETHUSDT"}])
def test_other_messages_are_ignored(other: dict[str, Any]) -> None:
    assert one(other)["STATUS"] == c.IGNORED


def test_blank_lines_are_ignored_but_counted() -> None:
    parsed = parse_lines(b"\n" + line(TRADE) + b"\r\n\r\n" + line(AGGREGATE), table(), False)
    assert parsed.rows[:, c.STATUS].tolist() == [c.IGNORED, c.READ, c.IGNORED, c.READ]
    assert not parsed.reasons
    assert len(parse_lines(b"", table(), False).rows) == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"p": 3424.98}, '"p": expected a decimal text such as "0.001", found "3424.98"'),
        ({"p": "-1"}, '"p": expected a decimal text such as "0.001", found "-1"'),
        ({"q": "1e3"}, '"q": expected a decimal text such as "0.001", found "1e3"'),
        ({"q": ""}, '"q": expected a decimal text such as "0.001", found ""'),
        ({"p": "NaN"}, '"p": expected a decimal text such as "0.001", found "NaN"'),
        ({"p": "٣"}, '"p": expected a decimal text such as "0.001", found "٣"'),
        ({"p": "0.123456789"}, '"p": expected at most 8 decimals, found "0.123456789"'),
        ({"p": "12345678901"}, '"p": "12345678901" is too large'),
        ({"t": None}, '"t": expected a trade id, found nothing'),
        ({"t": -1}, '"t": expected a trade id, found "-1"'),
        ({"t": 10**15}, '"t": expected a trade id, found "1000000000000000"'),
        ({"t": True}, '"t": expected a trade id, found "True"'),
        ({"T": 1721347022}, '"T": expected milliseconds since 1970, found "1721347022"'),
        ({"E": "1721347022708"}, '"E": expected milliseconds since 1970, found "1721347022708"'),
        ({"m": 1}, '"m": expected true or false, found "1"'),
        ({"s": "XRPUSDT"}, '"s": expected a subscribed symbol, found "XRPUSDT"'),
        ({"s": 5}, '"s": expected a symbol, found "5"'),
        ({"X": 1}, '"X": expected a text, found "1"'),
        ({"M": True}, '"M": only spot trades have it, and spot is another market'),
        ({"e": 1}, '"e": expected the kind of event, found "1"'),
    ],
)
def test_malformed_fields(change: dict[str, Any], expected: str) -> None:
    assert reason(line(TRADE | change)) == expected


@pytest.mark.parametrize("key", ["e", "E", "T", "s", "t", "p", "q", "m"])
def test_missing_fields(key: str) -> None:
    assert reason(line({k: v for k, v in TRADE.items() if k != key})).endswith("found nothing")


def test_aggregates_need_their_span() -> None:
    assert reason(line(AGGREGATE | {"l": 23961321})) == '"l": expected at least "f" = 23961322, found 23961321'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"hello", "expected a JSON message: "),
        (line(TRADE)[:-9], "expected a JSON message: "),
        (b"[1,2]", "expected a message object, found "),
        (b'{"msg":"no"}', "expected a message object, found "),
        (b'{"error":{"code":2,"msg":"no"},"id":1}', "the exchange answered with an error: "),
        (b'{"recv_ns":1,"msg":' + line(TRADE) + b"}", '"recv_ns": expected nanoseconds since 1970, found "1"'),
        (b"\xff\xfe", "expected a JSON message: "),
    ],
)
def test_malformed_messages(raw: bytes, expected: str) -> None:
    assert reason(raw).startswith(expected)


def test_a_malformed_row_still_has_its_symbol_and_id() -> None:
    row = parse_lines(line(TRADE | {"p": "x"}), table(), False).rows[0]
    assert (row[c.SYMBOL], row[c.ID]) == (1, 4217896584)


def test_new_symbols_are_taken_as_they_come() -> None:
    symbols = table()
    names = ["XRPUSDT", "ETHUSDT", "币安人生USDT", "XRPUSDT"]
    parsed = parse_lines(b"\n".join(line(TRADE | {"s": name}) for name in names), symbols, True)
    assert parsed.rows[:, c.SYMBOL].tolist() == [3, 1, 4, 3]
    assert [each.symbol for each in symbols.instruments[3:]] == ["XRPUSDT", "币安人生USDT"]
    assert reason_new("ethusdt") == '"s": symbol not in upper case: "ethusdt"'


def reason_new(symbol: str) -> str:
    return parse_lines(line(TRADE | {"s": symbol}), table(), True).reasons[0]


# Lines as they could come: mostly right, with something odd in many of them.
_numbers = st.one_of(
    st.sampled_from([0, 7, 1721347022708, 10**12 - 1, 10**13, 10**15, 10**15 - 1, -1, 2**63, 1.5]),
    st.integers(0, 10**19),
)
_decimals = st.one_of(
    st.from_regex(r"[0-9]{1,11}(\.[0-9]{1,9})?", fullmatch=True),
    st.sampled_from(
        ["0", "0.000", "00.1", "1.", ".1", "1e5", "", "1.10000000000", "12345678901.5", "1.123456789", " 1"]
    ),
    st.floats(0, 1e5),
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "e": st.sampled_from(["trade", "aggTrade", "trad", "kline", "trade\\u0065", None, 1]),
    "E": _numbers, "T": _numbers, "t": _numbers, "a": _numbers, "f": _numbers, "l": _numbers,
    "s": st.sampled_from(["BTCUSDT", "ETHUSDT", "XRPUSDT", "btcusdt", "", "币", "A" * 33, "E\\u0054HUSDT", 1]),
    "p": _decimals, "q": _decimals, "m": st.sampled_from([True, False, None, 0]),
    "X": st.sampled_from(["MARKET", "NA", "INSURANCE_FUND", "ADL", "", None, "MARKETS"]),
    "M": st.booleans(), "nq": _decimals, "st": _numbers, "b": st.lists(st.integers(), max_size=2), "key with \"": st.none(),
    "stream": st.text(max_size=5), "msg": st.dictionaries(st.sampled_from(["p", "E", "data"]), st.integers(), max_size=2),
    "data": st.none(),
}  # fmt: skip


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    base = dict(draw(st.sampled_from([TRADE, AGGREGATE, TODAY])))
    for key in draw(st.lists(st.sampled_from(sorted(_values)), max_size=2)):
        base[key] = draw(_values[key])
    for key in draw(st.lists(st.sampled_from(sorted(base)), max_size=1)):
        base.pop(key)
    message: Any = dict(draw(st.permutations(list(base.items()))))
    if draw(st.booleans()):
        message = {"stream": "x@trade", "data": message} | draw(st.sampled_from([{}, {"E": 5}, {"p": "1"}]))
    if draw(st.booleans()):
        message = {
            "recv_ns": draw(st.sampled_from([1721347021186954583, 2721347021186954583, 17, "x"])),
            "msg": message,
        }
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (",", " :"), ("\t,", ":")]))
    text = json.dumps(message, separators=separators, ensure_ascii=draw(st.booleans())).replace("\\\\", "\\").encode()
    end = draw(st.sampled_from([b"", b"", b"", b"\r", b" ", b"x", b"}", b',"p":"1"']))
    cut = draw(st.one_of(st.just(len(text)), st.integers(0, len(text))))
    return text[:cut] + end


@given(
    st.lists(st.one_of(_lines(), st.binary(max_size=40).map(lambda b: b.replace(b"\n", b""))), max_size=8),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
@example([b'{"E":1721347022708,"E":1}', b'{"m":true', b'{"', b"{}", b'{"a":01}'], True)
def test_both_parsers_read_the_same(lines: list[bytes], accept_new: bool) -> None:
    fast_symbols, careful_symbols = table(), table()
    fast = parse_lines(b"\n".join(lines), fast_symbols, accept_new)
    careful = parse_lines(b"\n".join(lines), careful_symbols, accept_new, fast=False)
    assert np.array_equal(fast.rows, careful.rows)
    assert fast.reasons == careful.reasons
    assert fast_symbols.instruments == careful_symbols.instruments


def test_the_fast_parser_takes_usual_messages() -> None:
    """Else the test above would compare the careful parser with itself."""
    capture = {"recv_ns": 1721347021186954583, "msg": {"stream": "x", "data": TRADE}}
    lines = b"\n".join(map(line, [TRADE, AGGREGATE, TODAY, capture, TRADE | {"X": "NA", "p": "0", "q": "0"}])) + b"\n"
    lines += json.dumps(capture).encode()
    symbols, rows = table(), np.zeros((6, c.WIDTH), np.int64)
    buffer = np.frombuffer(lines + PADDING, np.uint8)
    assert scan(buffer, 0, 0, rows, symbols.names, symbols.lengths, symbols.slots)[1] == 6
    assert np.all(rows[:, c.STATUS] == c.READ)
