"""The rules of a feed that believes nothing without proof, one by one."""

import json
import pickle
from typing import Any

import numpy as np
import pytest
from aggregates import (
    BTC,
    ETH,
    LEAD,
    MARGIN,
    SECOND,
    START,
    Aggregate,
    aggregate,
    answer,
    frames,
    ids,
    served,
    session,
    told,
    verified_feed,
)

from flows.domain.frames import FeedEvents, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.domain.scale import UNKNOWN
from flows.errors import FeedError
from flows.sources.binance.feed import Feed, FeedChunk
from flows.sources.binance.records import Event, Lost, Newest, Record, Resumed

NOW = START + 5 * SECOND + LEAD


def send(to: Feed, *messages: bytes | Aggregate, at: int = NOW) -> list[FeedChunk]:
    texts = [each.message() if isinstance(each, Aggregate) else each for each in messages]
    return to.on_messages(np.full(len(texts), at), texts)


def only(chunks: list[FeedChunk]) -> Ticks:
    ticks = frames(chunks, Ticks)
    assert ticks is not None
    return ticks


def begun(at_id: int = 1, **changed: Any) -> Feed:
    """A feed that has had one trade."""
    feed = verified_feed(**changed)
    assert ids(send(feed, aggregate(at_id))) == [at_id]
    return feed


def test_the_first_row_of_each_symbol_comes_after_a_gap() -> None:
    feed = verified_feed()
    first = only(send(feed, aggregate(7), aggregate(8), aggregate(3, symbol="ETHUSDT"), aggregate(9)))
    assert first.gap is not None
    assert first.gap.tolist() == [True, False, True, False]
    later = only(send(feed, aggregate(10)))
    assert later.gap is not None
    assert later.gap.tolist() == [False]


def test_a_row_behind_a_missing_id_waits_until_that_one_comes() -> None:
    feed = begun()
    assert send(feed, aggregate(3), aggregate(5), at=NOW + 1) == []
    assert send(feed, aggregate(4), at=NOW + 2) == []
    legs = feed.legs
    assert (legs.held[0], legs.first_held[0], legs.held_since[0], legs.last_id[0]) == (3, 3, NOW + 1, 1)
    assert (legs.held[1], legs.first_held[1], legs.held_since[1]) == (0, UNKNOWN, UNKNOWN)
    chunks = send(feed, aggregate(2), aggregate(6), at=NOW + 3)
    ticks = only(chunks)
    assert ids(chunks) == [2, 3, 4, 5, 6]
    assert ticks.price.tolist() == [100_025 + 100 * i for i in (2, 3, 4, 5, 6)]
    assert ticks.received is not None
    assert ticks.received.tolist() == [NOW + 3, NOW + 1, NOW + 2, NOW + 1, NOW + 3]
    assert ticks.gap is not None
    assert not ticks.gap.any()
    assert feed.legs.held.tolist() == [0, 0]
    assert feed.counts["missing"] == 0


def test_the_other_symbol_goes_on_meanwhile() -> None:
    feed = begun()
    chunks = send(feed, aggregate(3), aggregate(1, symbol="ETHUSDT"), aggregate(2, symbol="ETHUSDT"))
    assert (ids(chunks), ids(chunks, "ETHUSDT")) == ([], [1, 2])
    assert chunks[0].watermark.tolist() == [START + 1_000, START + 2_000], "the row that waits holds its watermark back"


def test_a_row_that_waits_twice_counts_once() -> None:
    feed = begun()
    send(feed, aggregate(3), aggregate(3), aggregate(4))
    assert ids(send(feed, aggregate(2), aggregate(3))) == [2, 3, 4]
    assert feed.counts["duplicates"] == 2


def test_rest_fills_what_is_missing_in_order() -> None:
    feed = begun()
    send(feed, aggregate(5), aggregate(6))
    chunks = feed.on_record(answer([aggregate(i) for i in (2, 3, 4, 5)], 2, NOW + SECOND))
    assert ids(chunks) == [2, 3, 4, 5, 6]
    ticks = only(chunks)
    assert ticks.event_time is not None
    assert ticks.received is not None
    assert ticks.event_time.tolist() == [*[UNKNOWN] * 4, START + 6_000], (
        "the answer's row wins over the one that waited"
    )
    assert ticks.received.tolist() == [*[NOW + SECOND] * 4, NOW]
    assert ticks.first_id is not None
    assert ticks.first_id.tolist() == [4, 6, 8, 10, 12]
    assert told(chunks) == [("filled", "BTCUSDT", 2, 5, 4)]
    assert (feed.legs.filled.tolist(), feed.counts["filled"]) == ([4, 0], 4)


def test_a_long_gap_is_told_once() -> None:
    feed = begun()
    send(feed, aggregate(8))
    pages = [[2, 3], [4, 5], [6, 7]]
    chunks = [feed.on_record(answer(map(aggregate, page), page[0], NOW + SECOND, limit=2)) for page in pages]
    assert [ids(each) for each in chunks] == [[2, 3], [4, 5], [6, 7, 8]]
    assert [told(each) for each in chunks] == [[], [], [("filled", "BTCUSDT", 2, 7, 6)]]


def test_what_rest_gives_while_a_stream_is_silent_is_told_once_when_it_speaks_again() -> None:
    feed = begun()
    send(feed, aggregate(1, symbol="ETHUSDT"))
    answers = [feed.on_record(answer([aggregate(i)], i, NOW + i * SECOND)) for i in range(2, 8)]
    assert [ids(each) for each in answers] == [[2], [3], [4], [5], [6], [7]]
    assert [told(each) for each in answers] == [[]] * 6, "the stream is silent still"
    assert told(send(feed, aggregate(2, symbol="ETHUSDT"), at=NOW + 8 * SECOND)) == [], (
        "so it is while the other speaks"
    )
    assert told(send(feed, aggregate(8).message(p="x"), at=NOW + 8 * SECOND)) == [], (
        "and what cannot be read is no word"
    )
    chunks = send(feed, aggregate(8), aggregate(9), at=NOW + 9 * SECOND)
    assert (ids(chunks), told(chunks)) == ([8, 9], [("filled", "BTCUSDT", 2, 7, 6)])
    events = frames(chunks, FeedEvents)
    assert events is not None
    assert events.time.tolist() == [NOW + 9 * SECOND]
    assert told(send(feed, aggregate(10), at=NOW + 10 * SECOND)) == [], "once"


def test_what_rest_gave_is_told_when_the_hole_behind_a_silence_is_closed_too() -> None:
    feed = begun()
    feed.on_record(answer(map(aggregate, (2, 3)), 2, NOW + SECOND))
    assert told(send(feed, aggregate(7), at=NOW + 2 * SECOND)) == [], "it speaks, and 4 to 6 are missing"
    chunks = feed.on_record(answer(map(aggregate, (4, 5, 6)), 4, NOW + 3 * SECOND))
    assert (ids(chunks), told(chunks)) == ([4, 5, 6, 7], [("filled", "BTCUSDT", 2, 6, 5)])


def test_what_rest_gave_is_told_when_the_stream_closes_the_hole_itself() -> None:
    feed = begun()
    send(feed, aggregate(5), at=NOW)
    feed.on_record(answer([aggregate(2)], 2, NOW + SECOND))
    chunks = send(feed, aggregate(4), aggregate(3), aggregate(6), at=NOW + 2 * SECOND)
    assert (ids(chunks), told(chunks)) == ([3, 4, 5, 6], [("filled", "BTCUSDT", 2, 2, 1)])


def test_what_rest_gave_is_told_by_a_row_that_is_known_already() -> None:
    feed = begun()
    feed.on_record(answer([aggregate(2)], 2, NOW + SECOND))
    assert told(send(feed, aggregate(2), at=NOW + 2 * SECOND)) == [("filled", "BTCUSDT", 2, 2, 1)]


@pytest.mark.parametrize(
    ("end", "after"),
    [
        (Event(NOW + 2 * SECOND, "flowing", "BTCUSDT", "a new connection"), [("flowing", "BTCUSDT", UNKNOWN, UNKNOWN, UNKNOWN)]),
        (Lost(NOW + 2 * SECOND, "BTCUSDT", 5, "gone"), [("lost", "BTCUSDT", 4, 5, 2)]),
        (session(NOW + 2 * SECOND, goes_on=False), []),
    ],
)  # fmt: skip
def test_what_rest_gave_is_told_when_a_silence_ends_in_another_way(end: Record, after: list[tuple[Any, ...]]) -> None:
    feed = begun()
    feed.on_record(answer(map(aggregate, (2, 3)), 2, NOW + SECOND))
    events = told(feed.on_record(end))
    assert sorted(events) == sorted([("filled", "BTCUSDT", 2, 3, 2), *after])
    assert told(feed.on_record(Event(NOW + 3 * SECOND, "flowing", "BTCUSDT")))[1:] == [], "once"


def test_a_snapshot_within_a_silence_keeps_what_is_to_be_told() -> None:
    feed = begun()
    feed.on_record(answer(map(aggregate, (2, 3)), 2, NOW + SECOND))
    again = Feed(
        (BTC, ETH), "aggTrade", 3 * SECOND, 60 * SECOND, pickle.loads(pickle.dumps(feed.state())), LEAD, True, MARGIN
    )
    assert again.on_record(session(NOW + 2 * SECOND)) == []
    assert told(send(again, aggregate(4), at=NOW + 3 * SECOND)) == [("filled", "BTCUSDT", 2, 3, 2)]


def test_answers_do_not_touch_the_lead() -> None:
    feed = begun()
    before = feed.lead_us
    feed.on_record(answer([aggregate(2)], 2, START - 10 * SECOND))
    assert feed.lead_us == before == NOW - START - 1_000
    send(feed, aggregate(3, NOW - LEAD), at=NOW)
    assert feed.lead_us == LEAD


def test_a_row_that_waits_tells_the_lead_when_it_comes() -> None:
    feed = begun()
    send(feed, aggregate(3, NOW - LEAD), at=NOW)
    assert feed.lead_us == LEAD


def test_an_answer_that_says_nothing_more_proves_silence() -> None:
    feed = begun()
    asked = NOW + 10 * SECOND
    (chunk,) = feed.on_record(answer([], 2, asked + 90_000, asked_us=asked))
    proven = asked - (NOW - START - 1_000) - MARGIN
    assert chunk.watermark.tolist() == [proven, 0]
    assert len(chunk.rows) == 0
    assert (feed.legs.proven.tolist(), feed.legs.watermark.tolist()) == ([proven, UNKNOWN], [proven, 0])
    late = only(send(feed, aggregate(2, proven - 1_000), aggregate(3, proven)))
    assert late.late.tolist() == [True, False]


def newest(body: bytes, asked_us: int, symbol: str = "BTCUSDT") -> Newest:
    return Newest(asked_us + 90_000, symbol, asked_us, body)


def single(identity: Any) -> bytes:
    return json.dumps([{"id": identity, "price": "1", "qty": "1", "time": 1, "isBuyerMaker": True}]).encode()


def test_a_newest_trade_that_is_the_last_of_ours_proves_silence() -> None:
    feed = begun(7)
    asked = NOW + 10 * SECOND
    for body in (single(14), single(16), b"[]"):
        assert feed.on_record(newest(body, asked)) == [], "older, newer or none: REST lags, or a trade is missing here"
    (chunk,) = feed.on_record(newest(single(15), asked))
    proven = asked - (NOW - START - 7_000) - MARGIN
    assert (chunk.watermark.tolist(), len(chunk.rows)) == ([proven, 0], 0)
    assert feed.counts["answers"] == 4
    send(feed, aggregate(9))
    assert feed.on_record(newest(single(15), asked + 60 * SECOND)) == [], "the stream knows more"
    assert feed.on_record(newest(single(15), asked + 60 * SECOND, "ETHUSDT")) == [], "of it nothing is known"
    (chunk,) = feed.on_record(newest(b"[]", asked + 60 * SECOND, "ETHUSDT"))
    assert chunk.watermark[1] > START, "it has never traded"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "expected a JSON array of trades"),
        (b"{}", "expected an array of trades"),
        (b"[1]", '"id": expected a whole number, found nothing'),
        (single("15"), '"id": expected a whole number, found "15"'),
        (single(True), '"id": expected a whole number'),
        (single(-1), '"id": expected a whole number'),
        (b"[{},{}]", "expected at most 1 row, found 2"),
    ],
)
def test_a_newest_trade_that_is_not_right_is_rejected(body: bytes, reason: str) -> None:
    feed = begun(7)
    (chunk,) = feed.on_record(newest(body, NOW + SECOND))
    assert isinstance(chunk.rows, Rejects)
    assert chunk.rows.reason[0].startswith(f"BTCUSDT, the newest trade: {reason}")


def test_what_proves_no_silence() -> None:
    feed = begun()
    send(feed, aggregate(2), aggregate(9))
    later = NOW + 20 * SECOND
    page = feed.on_record(answer([aggregate(3)], 3, later, limit=1))
    assert page[0].watermark.tolist() == [START + 3_000, 0], "a full page"
    feed.on_record(answer([aggregate(4)], 4, later))
    assert feed.watermark.tolist() == [START + 4_000, 0], "the stream knows more than the answer"
    feed.on_record(answer([], 7, later))
    feed.on_record(answer(b"[", 5, later))
    assert feed.watermark.tolist() == [START + 4_000, 0], "asked from an id that is not next, or not understood"
    feed.on_timer(later + 100 * SECOND)
    feed.on_record(Resumed(later + 100 * SECOND))
    assert feed.watermark.tolist() == [START + 4_000, 0], "time alone"
    send(feed, aggregate(1, later, "ETHUSDT"), at=later + LEAD)
    assert feed.watermark.tolist() == [START + 4_000, later], "the other symbol"
    feed.on_record(answer([aggregate(i) for i in range(5, 10)], 5, later))
    assert feed.legs.proven[0] > START + 9_000, "now it does"


def test_ids_that_the_exchange_never_used_are_skipped() -> None:
    feed = begun()
    later = Aggregate("BTCUSDT", 50, START + 9_000, 4, 9)
    assert send(feed, later) == []
    chunks = feed.on_record(answer([later], 2, NOW + SECOND))
    assert ids(chunks) == [50]
    assert told(chunks) == [("skipped", "BTCUSDT", 2, 49, 48), ("filled", "BTCUSDT", 50, 50, 1)]
    gap = only(chunks).gap
    assert gap is not None
    assert not gap.any()
    assert feed.counts["missing"] == 0


def test_ids_that_rest_does_not_serve_are_lost() -> None:
    feed = begun()
    send(feed, aggregate(9))
    chunks = feed.on_record(answer(map(aggregate, (4, 5, 8)), 2, NOW + SECOND))
    assert ids(chunks) == [4, 5, 8, 9]
    events = [("lost", "BTCUSDT", 2, 3, 2), ("lost", "BTCUSDT", 6, 7, 2), ("filled", "BTCUSDT", 4, 8, 3)]
    assert told(chunks) == events
    gap = only(chunks).gap
    assert gap is not None
    assert gap.tolist() == [True, False, True, False]
    assert feed.legs.missing.tolist() == [4, 0]


def test_what_waits_fills_the_holes_of_an_answer() -> None:
    feed = begun()
    send(feed, aggregate(3), aggregate(5))
    chunks = feed.on_record(answer(map(aggregate, (2, 4, 6)), 2, NOW + SECOND))
    assert ids(chunks) == [2, 3, 4, 5, 6]
    assert [event[0] for event in told(chunks)] == ["filled"]


def test_what_is_given_up_lets_the_others_go() -> None:
    feed = begun()
    send(feed, aggregate(4), aggregate(7))
    chunks = feed.on_record(Lost(NOW + SECOND, "BTCUSDT", 6, "REST was away for 600 s"))
    assert ids(chunks) == [4, 7]
    assert told(chunks) == [("lost", "BTCUSDT", 2, 3, 2), ("lost", "BTCUSDT", 5, 6, 2)]
    events = frames(chunks, FeedEvents)
    assert events is not None
    assert list(events.detail) == ["REST was away for 600 s"] * 2
    gap = only(chunks).gap
    assert gap is not None
    assert gap.tolist() == [True, True]


def test_ids_can_be_given_up_when_nothing_waits() -> None:
    feed = begun()
    chunks = feed.on_record(Lost(NOW + SECOND, "BTCUSDT", 5, "gone"))
    assert told(chunks) == [("lost", "BTCUSDT", 2, 5, 4)]
    assert feed.on_record(Lost(NOW + SECOND, "BTCUSDT", 5, "gone")) == [], "they are given up already"
    gap = only(send(feed, aggregate(6), aggregate(7))).gap
    assert gap is not None
    assert gap.tolist() == [True, False]


def test_a_malformed_message_moves_no_id() -> None:
    feed = begun()
    chunks = send(feed, aggregate(2).message(p="x"), aggregate(3))
    rejects = frames(chunks, Rejects)
    assert rejects is not None
    assert (rejects.source[0], rejects.line[0]) == ("binance", 2)
    assert (ids(chunks), feed.legs.held[0]) == ([], 1)
    assert ids(feed.on_record(answer([aggregate(2)], 2, NOW))) == [2, 3]


def test_a_time_too_far_ahead_moves_no_id() -> None:
    feed = begun()
    chunks = send(feed, aggregate(2).message(sent_us=NOW + 61 * SECOND), aggregate(3))
    rejects = frames(chunks, Rejects)
    assert rejects is not None
    assert "too far ahead" in rejects.reason[0]
    assert feed.legs.held[0] == 1


def test_a_trade_that_cannot_be_summed_leaves_a_gap() -> None:
    feed = begun()
    chunks = send(feed, aggregate(2).message(p="9999999999", q="9999999999"), aggregate(3))
    assert ids(chunks) == [3]
    gap = only(chunks).gap
    assert gap is not None
    assert gap.tolist() == [True]
    send(feed, aggregate(5).message(p="9999999999", q="9999999999"))
    rejects = frames(send(feed, aggregate(4)), Rejects)
    assert rejects is not None
    assert (rejects.source[0], rejects.line[0]) == ("binance", 4), "one that waited keeps its number"
    assert rejects.text[0].startswith("a 5, T ")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>please log in</html>", 'expected a JSON array of trades, found "<html>please log in</html>"'),
        (b"", "expected a JSON array of trades"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "expected an array of trades, found"),
        (served([aggregate(2)])[:-9], "expected a JSON array"),
        (b"[1]", 'row 1: expected an object, found "1"'),
        (served([aggregate(2), aggregate(4), aggregate(3)]), 'row 3: "a": expected at least 5, as ids rise, found 3'),
        (served([aggregate(2), aggregate(2)]), 'row 2: "a": expected at least 3'),
        (served([aggregate(1), aggregate(2)]), 'row 1: "a": expected at least 2'),
        (served(aggregate(i) for i in range(2, 13)), "expected at most 10 rows, found 11"),
        (json.dumps([aggregate(2).row() | {"p": "n/a"}]).encode(), 'row 1: "p": expected a decimal text'),
        (json.dumps([aggregate(2).row() | {"s": "ETHUSDT"}]).encode(), 'row 1: "s": expected BTCUSDT, found "ETHUSDT"'),
        (json.dumps([aggregate(2).row() | {"m": 1}]).encode(), 'row 1: "m": expected true or false'),
        (served([aggregate(2, NOW + 61 * SECOND)]), 'row 1: "T":'),
    ],
)
def test_an_answer_that_is_not_right_is_not_believed_at_all(body: bytes, reason: str) -> None:
    feed = begun()
    send(feed, aggregate(3))
    before = feed.state()
    chunks = feed.on_record(answer(body, 2, NOW, limit=10))
    (chunk,) = chunks
    assert isinstance(chunk.rows, Rejects)
    assert (chunk.rows.source[0], chunk.rows.line[0]) == ("rest", 1)
    assert chunk.rows.reason[0].startswith(f"BTCUSDT from id 2: {reason}")
    assert (feed.state().legs, feed.state().clock) == (before.legs, before.clock)
    assert ids(feed.on_record(answer([aggregate(2)], 2, NOW, limit=10))) == [2, 3], "the next answer is"


def test_an_answer_for_a_symbol_nobody_asked_for_is_refused() -> None:
    (chunk,) = begun().on_record(answer([aggregate(2)], 2, NOW, "XRPUSDT"))
    assert isinstance(chunk.rows, Rejects)
    assert "expected an answer for a subscribed symbol" in chunk.rows.reason[0]


def test_a_leg_that_never_spoke_is_anchored_by_its_newest_trade() -> None:
    feed = verified_feed()
    chunks = feed.on_record(answer([aggregate(90)], -1, NOW, limit=1))
    assert ids(chunks) == [90]
    assert told(chunks) == []
    assert feed.legs.proven[0] == NOW - 50_000 - LEAD - MARGIN, "and nothing has come since"
    assert send(feed, aggregate(92)) == [], "it waits for 91"
    stale = feed.on_record(answer([aggregate(95)], -1, NOW + 60 * SECOND, limit=1))
    assert stale == [], "of the ids up to it nothing is known"


def test_a_symbol_that_never_traded_is_silent_by_proof() -> None:
    feed = verified_feed()
    feed.on_record(answer([], -1, NOW, limit=1))
    assert (feed.legs.last_id[0], feed.legs.proven[0]) == (-1, NOW - 50_000 - LEAD - MARGIN)


def test_too_many_waiting_rows_are_dropped_where_most_wait() -> None:
    feed = begun(hold_limit=4)
    send(feed, aggregate(1, symbol="ETHUSDT"))
    assert told(send(feed, aggregate(3), aggregate(4), aggregate(5), aggregate(3, symbol="ETHUSDT"))) == []
    chunks = send(feed, aggregate(6), aggregate(7))
    assert told(chunks) == [("hold_dropped", "BTCUSDT", 3, 6, 4)]
    assert (feed.legs.held.tolist(), feed.legs.first_held[0]) == ([1, 1], 7)
    assert ids(feed.on_record(answer(map(aggregate, range(2, 7)), 2, NOW))) == [2, 3, 4, 5, 6, 7]


BOGUS = 1_000_000_000


def test_an_id_that_the_exchange_does_not_know_is_refuted() -> None:
    feed = begun()
    send(feed, aggregate(2), aggregate(3).message(a=BOGUS), at=NOW)
    assert feed.legs.held[0] == 1
    soon = feed.on_record(answer([], 3, NOW + SECOND, asked_us=NOW + MARGIN - 1))
    assert (told(soon), feed.legs.held[0]) == ([], 1), "the answer may be older than the message"
    chunks = feed.on_record(answer([aggregate(3)], 3, NOW + 2 * SECOND, asked_us=NOW + MARGIN))
    assert ids(chunks) == [3], "the trade itself comes from REST"
    assert told(chunks) == [("refuted", "BTCUSDT", BOGUS, BOGUS, 1), ("filled", "BTCUSDT", 3, 3, 1)]
    rejects = frames(chunks, Rejects)
    assert rejects is not None
    assert (rejects.source.tolist(), rejects.line.tolist()) == (["binance"], [3])
    assert rejects.reason[0] == "its id is too high: 1.5 s later the newest that the exchange knew was 3"
    assert rejects.text[0].startswith(f"a {BOGUS}, T ")
    assert (feed.legs.held[0], feed.legs.proven[0]) == (0, UNKNOWN), "of silence it says nothing"
    assert ids(send(feed, aggregate(4), at=NOW + 3 * SECOND)) == [4]


def test_what_is_behind_a_true_jump_is_not_refuted() -> None:
    feed = begun()
    send(feed, aggregate(9), aggregate(10), at=NOW)
    full = feed.on_record(answer(map(aggregate, (2, 3)), 2, NOW + 9 * SECOND, limit=2))
    assert (told(full), feed.legs.held[0]) == ([], 2), "a full page does not end before them"
    chunks = feed.on_record(answer(map(aggregate, range(4, 11)), 4, NOW + 9 * SECOND))
    assert (ids(chunks), told(chunks)) == ([*range(4, 11)], [("filled", "BTCUSDT", 2, 10, 9)])
    assert frames(chunks, Rejects) is None


def test_a_stream_that_goes_on_behind_a_jump_is_believed_though_rest_lags() -> None:
    feed = begun()
    for second in range(5):
        send(feed, aggregate(9 + second, START + second * SECOND), at=NOW + second * SECOND)
    assert feed.on_record(answer([], 2, NOW + 5 * SECOND, asked_us=NOW + 4 * SECOND)) == []
    assert feed.legs.held[0] == 5
    chunks = feed.on_record(answer(map(aggregate, range(2, 9)), 2, NOW + 6 * SECOND, asked_us=NOW + 5 * SECOND))
    assert ids(chunks) == [*range(2, 14)]


def test_of_those_that_wait_only_what_lower_ids_were_traded_after_is_refuted() -> None:
    feed = begun()
    send(feed, aggregate(2, START + SECOND).message(a=BOGUS), at=NOW)
    later = START + SECOND + MARGIN + 1_000
    send(feed, aggregate(2, later), aggregate(3, later).message(a=BOGUS + 7), at=NOW + 4 * SECOND)
    assert feed.legs.held[0] == 2
    chunks = feed.on_record(answer([], 3, NOW + 5 * SECOND, asked_us=NOW + 4 * SECOND))
    assert told(chunks) == [("refuted", "BTCUSDT", BOGUS, BOGUS, 1)]
    assert (feed.legs.held[0], feed.legs.first_held[0]) == (1, BOGUS + 7)


def test_a_trade_that_was_refuted_though_it_was_true_is_filled() -> None:
    feed = begun()
    send(feed, aggregate(3), at=NOW)
    assert told(feed.on_record(answer([], 2, NOW + 9 * SECOND))) == [("refuted", "BTCUSDT", 3, 3, 1)]
    assert ids(feed.on_record(answer(map(aggregate, (2, 3)), 2, NOW + 10 * SECOND))) == [2, 3]


def test_events_are_numbered_since_the_beginning() -> None:
    feed = begun()
    first = frames(feed.on_record(Event(NOW, "disconnected", detail="reset by peer")), FeedEvents)
    second = frames(feed.on_record(Event(NOW + 1, "gap", "BTCUSDT", "asked for", 2, 4, 3)), FeedEvents)
    assert first is not None
    assert second is not None
    assert (first.number[0], first.time[0], first.symbol[0], first.from_id[0]) == (1, NOW, "", UNKNOWN)
    assert (second.number[0], second.from_id[0], second.to_id[0], second.count[0]) == (2, 2, 4, 3)
    resumed = Feed((), None, 0, 0, pickle.loads(pickle.dumps(feed.state())))
    third = frames(resumed.on_record(Event(NOW + 2, "connected")), FeedEvents)
    assert third is not None
    assert third.number.tolist() == [3]


def test_received_is_told_by_the_stream_alone_and_by_duplicates_too() -> None:
    feed = begun()
    feed.on_record(answer([aggregate(2)], 2, NOW + 9 * SECOND))
    assert feed.legs.received.tolist() == [NOW, UNKNOWN]
    send(feed, aggregate(2), at=NOW + SECOND)
    assert feed.legs.received.tolist() == [NOW + SECOND, UNKNOWN]


def test_a_session_goes_on_from_a_snapshot_without_what_waited() -> None:
    feed = begun()
    send(feed, aggregate(2), aggregate(4))
    state = pickle.loads(pickle.dumps(feed.state()))
    later = session(NOW, instruments=(ETH, BTC, Instrument("SOLUSDT", 4, 0)))
    resumed = Feed(later.instruments, "aggTrade", 3 * SECOND, 60 * SECOND, state, LEAD, True, MARGIN, 1_000)
    for target in (resumed, feed):  # the one that went on and the one that never stopped, as in a replay
        assert target.on_record(later) == []
        assert target.legs.held.tolist() == [0, 0, 0]
        assert [each.symbol for each in target.instruments] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        assert ids(send(target, aggregate(3), aggregate(5))) == [3]
    assert resumed.state() == feed.state()


def test_a_session_that_begins_anew_marks_the_next_rows() -> None:
    feed = begun()
    send(feed, aggregate(2))
    feed.on_record(session(NOW, goes_on=False))
    ticks = only(send(feed, aggregate(700), aggregate(701)))
    assert ticks.gap is not None
    assert (ticks.trade_id.tolist(), ticks.gap.tolist()) == ([700, 701], [True, False])


def test_a_session_of_the_other_stream_is_refused() -> None:
    with pytest.raises(FeedError, match="another kind of stream"):
        begun().on_record(session(stream="trade"))


def test_state_and_rows_that_wait_go_on_exactly() -> None:
    feed = begun()
    send(feed, aggregate(3), aggregate(5))
    again = Feed((BTC, ETH), "aggTrade", 3 * SECOND, 60 * SECOND, feed.state(), None, True, MARGIN, 1_000)
    again.hold_again(pickle.loads(pickle.dumps(feed.held_rows)))
    assert again.legs.held.tolist() == feed.legs.held.tolist() == [2, 0]
    for target in (feed, again):
        assert ids(send(target, aggregate(2), aggregate(4))) == [2, 3, 4, 5]
    assert again.state() == feed.state()
