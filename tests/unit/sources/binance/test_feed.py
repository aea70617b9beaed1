"""The feed's rules, one by one, at instants chosen by the test."""

import json
import pickle
from typing import Any

import numpy as np
import pytest

from flows.domain.chunk import Chunk
from flows.domain.frames import BUY, SELL, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.errors import FeedError
from flows.sources.binance.feed import Feed

BTC, ETH = Instrument("BTCUSDT", 2, 3), Instrument("ETHUSDT", 2, 3)
START = 1_721_347_020_000_000
SECOND = 1_000_000
GRACE = 3 * SECOND


def feed(stream: str | None = "aggTrade", **changed: Any) -> Feed:
    arguments: dict[str, Any] = {"instruments": [BTC, ETH], "silence_grace_us": GRACE, "max_ahead_us": 60 * SECOND}
    return Feed(stream=stream, **{**arguments, **changed})


def message(identity: int, at_us: int, symbol: str = "BTCUSDT", sent_us: int | None = None, **changed: Any) -> bytes:
    """An aggregate of two trades."""
    data = {
        "e": "aggTrade", "E": (at_us if sent_us is None else sent_us) // 1000, "s": symbol, "a": identity, "p": "60000.10", "q": "0.015",
        "f": 2 * identity, "l": 2 * identity + 1, "T": at_us // 1000, "m": False,
    }  # fmt: skip
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data | changed}, separators=(",", ":")).encode()


def send(to: Feed, received_us: int, *messages: bytes) -> tuple[list[Ticks], list[Rejects]]:
    chunks = to.on_messages(np.full(len(messages), received_us), list(messages))
    return [c.rows for c in chunks if isinstance(c.rows, Ticks)], [
        c.rows for c in chunks if isinstance(c.rows, Rejects)
    ]


def trade(to: Feed, received_us: int, *messages: bytes) -> Ticks:
    """The ticks of messages none of which is rejected."""
    ticks, rejects = send(to, received_us, *messages)
    assert not rejects
    return ticks[0]


def heartbeat(chunks: list[Any]) -> list[int] | None:
    """The watermark of a heartbeat, or None where none was sent."""
    if not chunks:
        return None
    (chunk,) = chunks
    assert isinstance(chunk, Chunk)
    assert len(chunk.rows) == 0
    return list(chunk.watermark - START)


def test_columns_of_a_trade() -> None:
    ticks = trade(feed(), START + 9_000, message(7, START, m=True), message(8, START + 1_000, sent_us=START + 5_000))
    assert ticks.instruments == (BTC, ETH)
    assert ticks.symbol.tolist() == [0, 0]
    assert ticks.time.tolist() == [START, START + 1_000]
    assert ticks.trade_id.tolist() == [7, 8]
    assert (ticks.price.tolist(), ticks.size.tolist()) == ([6_000_010] * 2, [15] * 2)
    assert ticks.side.tolist() == [SELL, BUY]
    assert ticks.first_id is not None
    assert ticks.last_id is not None
    assert (ticks.first_id.tolist(), ticks.last_id.tolist()) == ([14, 16], [15, 17])
    assert ticks.event_time is not None
    assert ticks.received is not None
    assert (ticks.event_time.tolist(), ticks.received.tolist()) == ([START, START + 5_000], [START + 9_000] * 2)
    assert not ticks.late.any()
    dtypes = [ticks.symbol.dtype, ticks.time.dtype, ticks.price.dtype, ticks.side.dtype, ticks.late.dtype]
    assert dtypes == [np.int32, np.int64, np.int64, np.int8, np.bool_]


def test_single_trades_have_no_span() -> None:
    single = b'{"e":"trade","E":1721347022708,"T":1721347022707,"s":"ETHUSDT","t":7,"p":"3424.98","q":"0.007","m":true}'
    ticks = trade(feed("trade"), START, single)
    assert (ticks.first_id, ticks.last_id, ticks.trade_id.tolist()) == (None, None, [7])


def test_watermark_is_the_newest_trade_time_of_the_symbol() -> None:
    chunks = feed().on_messages(np.full(2, START), [message(1, START), message(1, START + 5_000, "ETHUSDT")])
    assert list(chunks[0].watermark - START) == [0, 5_000]


def test_a_step_back_in_time_is_late_and_kept() -> None:
    ticks = trade(
        feed(), START + 9_000, message(1, START + 5_000), message(2, START + 4_000), message(3, START + 5_000)
    )
    assert ticks.late.tolist() == [False, True, False]


def test_duplicates_go_before_anything_else() -> None:
    target = feed()
    trade(target, START, message(5, START))
    again = [
        message(5, START),
        message(4, START),
        message(5, START, p="nonsense"),
        message(5, START, sent_us=START + 10**9),
    ]
    assert send(target, START, *again) == ([], [])
    assert target.counts["duplicates"] == 4
    assert trade(target, START, message(5, START, "ETHUSDT")).trade_id.tolist() == [5], "ids are per symbol"


@pytest.mark.parametrize(
    ("changed", "counted"),
    [
        ({"X": "NA", "p": "0", "q": "0"}, "na"),
        ({"X": "INSURANCE_FUND", "p": "54000.00"}, "insurance_fund"),
        ({"X": "ADL"}, "other_execution"),
        ({"q": "0"}, "zero"),
        ({"p": "0.00"}, "zero"),
    ],
)
def test_what_is_no_trade_is_counted_and_moves_only_the_ids(changed: dict[str, Any], counted: str) -> None:
    target = feed()
    trade(target, START, message(1, START))
    assert send(target, START + SECOND, message(2, START + SECOND, **changed)) == ([], [])
    assert target.counts[counted] == 1
    assert list(target.watermark - START) == [0, -GRACE]
    assert trade(target, START + SECOND, message(3, START + 10)).late.tolist() == [False], "it closed nothing"
    assert target.counts["missing"] == 0, "its id was seen"


def test_missing_ids_are_counted() -> None:
    target = feed()
    trade(target, START, message(1, START), message(4, START, f=8, l=9), message(5, START, f=11, l=12))
    assert (target.counts["missing"], target.counts["missing_trades"]) == (2, 5)


def test_rejects_say_where_and_why() -> None:
    target = feed()
    _, none = send(target, START, message(1, START), message(2, START))
    assert not none
    ticks, rejects = send(
        target, START + 50, message(3, START, p="x"), b"{", message(4, START + 1_000), message(1, START, "XRPUSDT")
    )
    assert ticks[0].trade_id.tolist() == [4]
    assert target.counts["missing"] == 0
    (rows,) = rejects
    assert rows.line.tolist() == [3, 4, 6]
    assert rows.time.tolist() == [START, START, START + 1_000]
    assert list(rows.source) == ["binance"] * 3
    assert rows.reason[0] == '"p": expected a decimal text such as "0.001", found "x"'
    assert rows.reason[2] == '"s": expected a subscribed symbol, found "XRPUSDT"'
    assert rows.text[1] == "{"
    assert target.counts["malformed"] == 3


def test_a_long_reject_is_cut_and_a_line_feed_does_not_split_a_message() -> None:
    target = feed()
    _, (rows,) = send(target, START, b'{"e":"trade",\n"x":"' + b"y" * 500 + b'"}', b"")
    assert rows.line.tolist() == [1]
    assert len(rows.text[0]) == 200
    ticks = trade(target, START, message(1, START).replace(b",", b",\n"))
    assert ticks.trade_id.tolist() == [1]


@pytest.mark.parametrize("field", ["E", "T"])
def test_a_time_too_far_ahead_is_rejected_and_its_id_not_believed(field: str) -> None:
    target = feed()
    trade(target, START, message(1, START))
    ahead = (START + 61 * SECOND) // 1000
    _, (rows,) = send(target, START, message(900, START, **{field: ahead}))
    assert "too far ahead" in rows.reason[0]
    assert trade(target, START, message(2, START)).late.tolist() == [False]
    assert trade(target, START, message(3, START, **{field: ahead - 2_000})).trade_id.tolist() == [3], (
        "the limit is not reached"
    )


def test_ahead_is_judged_by_the_exchange_clock() -> None:
    behind = feed(lead_us=-7_200 * SECOND)
    assert len(trade(behind, START - 7_200 * SECOND, message(1, START))) == 1, "two hours behind, and known to be"
    assert send(feed(), START - 7_200 * SECOND, message(1, START))[0] == [], "not known to be: refused"


def test_numbers_that_cannot_be_summed_are_rejected() -> None:
    target = feed()
    _, (rows,) = send(
        target, START, message(1, START, p="9999999999", q="9999999999"), message(2, START, p="9999999999.12345678")
    )
    assert [reason.partition(",")[0] for reason in rows.reason] == ["price or size"] * 2
    assert target.instruments == (BTC, ETH), "the scale did not grow for them"


def test_scales_grow_where_a_price_is_finer() -> None:
    target = feed()
    first = trade(target, START, message(1, START))
    second = trade(target, START, message(2, START, p="60000.125"), message(3, START))
    assert first.instruments[0] == BTC
    assert second.instruments[0] == Instrument("BTCUSDT", 3, 3)
    assert second.price.tolist() == [60_000_125, 60_000_100]


def test_one_kind_of_stream_only() -> None:
    target = feed(None)
    trade(target, START, message(1, START))
    single = b'{"e":"trade","E":1721347022708,"T":1721347022707,"s":"ETHUSDT","t":7,"p":"3424.98","q":"0.007","m":true}'
    _, (rows,) = send(target, START, single)
    assert "one kind of stream" in rows.reason[0]
    with pytest.raises(FeedError, match="another kind of stream"):
        feed("trade", state=target.state())


def test_a_silent_symbol_follows_what_the_other_proves() -> None:
    target = feed()
    trade(target, START, message(1, START), message(1, START, "ETHUSDT"))
    (chunk,) = target.on_messages(np.array([START + 10 * SECOND]), [message(2, START + 10 * SECOND)])
    assert list(chunk.watermark - START) == [10 * SECOND, 7 * SECOND]
    late = trade(
        target,
        START + 10 * SECOND,
        message(2, START + 7 * SECOND - 1_000, "ETHUSDT"),
        message(3, START + 7 * SECOND, "ETHUSDT"),
    )
    assert late.late.tolist() == [True, False]


def test_when_all_are_silent_the_local_clock_moves_them() -> None:
    target = feed()
    trade(target, START, message(1, START), message(1, START, "ETHUSDT"))
    assert heartbeat(target.on_timer(START + GRACE - 1)) is None, "not silent for long enough"
    assert heartbeat(target.on_timer(START + GRACE + 150_000)) == [100_000] * 2, (
        "the grid point, not the moment of asking"
    )
    assert heartbeat(target.on_timer(START + GRACE + 190_000)) is None, "the same grid point"


@pytest.mark.parametrize("lead", [-1_500_000, 0, 100_000, 7_200 * SECOND])
def test_a_clock_that_is_off_changes_nothing(lead: int) -> None:
    """The receive clock of the 2024 capture was 1.5 s behind the trades."""
    target = feed(lead_us=lead)
    trade(target, START + lead, message(1, START))
    assert heartbeat(target.on_timer(START + lead + GRACE + 500_000)) == [500_000] * 2


def test_the_lead_is_the_least_delay_of_a_trailing_window() -> None:
    target = feed()
    for second, delay in ((0, 500_000), (1, 20_000), (2, 900_000)):
        trade(target, START + second * SECOND + delay, message(second + 1, START + second * SECOND))
    silent = START + 2 * SECOND + 900_000
    assert heartbeat(target.on_timer(silent + 10 * SECOND)) == [silent - START + 7 * SECOND - 20_000] * 2
    for k in range(3):  # three windows later the quick delivery is forgotten
        trade(target, START + (60 * k + 60) * SECOND + 300_000, message(10 + k, START + (60 * k + 60) * SECOND))
    assert heartbeat(target.on_timer(START + 190 * SECOND)) == [187 * SECOND - 300_000] * 2


def test_nothing_is_promised_before_the_first_message() -> None:
    assert feed(lead_us=0).on_timer(START) == []


def test_time_in_which_nobody_read_proves_nothing() -> None:
    target = feed()
    trade(target, START, message(1, START))
    target.on_resume(START + 20 * SECOND)
    ticks = trade(
        target, START + 20 * SECOND + 200_000, message(2, START + 100_000), message(1, START + 200_000, "ETHUSDT")
    )
    assert ticks.late.tolist() == [False, False]
    control = feed()
    trade(control, START, message(1, START))
    ticks = trade(
        control, START + 20 * SECOND + 200_000, message(2, START + 100_000), message(1, START + 200_000, "ETHUSDT")
    )
    assert ticks.late.tolist() == [True, True], "what would happen without"


def test_state_goes_on_where_it_was() -> None:
    target = feed()
    trade(target, START, message(1, START), message(2, START, p="60000.125"), message(9, START, "ETHUSDT"))
    state = pickle.loads(pickle.dumps(target.state()))
    resumed = Feed([ETH, BTC, Instrument("SOLUSDT", 4, 0)], "aggTrade", GRACE, 60 * SECOND, state)
    assert resumed.instruments == (Instrument("BTCUSDT", 3, 3), ETH, Instrument("SOLUSDT", 4, 0)), (
        "places are kept, scales too"
    )
    again = trade(resumed, START, message(2, START), message(9, START, "ETHUSDT"), message(3, START))
    assert again.trade_id.tolist() == [3]
    assert len(pickle.dumps(target.state())) < 2_000


def test_symbols_as_they_come() -> None:
    target = feed(instruments=None)
    ticks = trade(target, START, message(1, START, "XRPUSDT", p="0.5123", q="12"), message(1, START))
    assert ticks.instruments == (Instrument("XRPUSDT", 4, 0), BTC)
    _, (rows,) = send(target, START, message(1, START, "xrpusdt"))
    assert "upper case" in rows.reason[0]
