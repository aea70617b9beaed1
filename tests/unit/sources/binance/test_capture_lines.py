"""Lines of captures: exact both ways, and plain about what is wrong."""

import json
from typing import Any

import numpy as np
import pytest
from aggregates import START, aggregate, session
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.instrument import Instrument
from flows.sources.binance.capture_lines import (
    CaptureLineError,
    begins_session,
    decode,
    encode,
    encode_message,
    unwrap,
)
from flows.sources.binance.records import Continued, Event, Fill, Lost, Message, Newest, Resumed

_id = st.integers(-1, 10**15)
_time = st.integers(1, 2 * 10**15)
_text = st.text(st.characters(codec="utf-8"), max_size=20)
_records = st.one_of(
    st.builds(Resumed, _time),
    st.builds(Fill, _time, _text, _id, _time, st.integers(1, 1000), st.binary(max_size=30)),
    st.builds(Newest, _time, _text, _time, st.binary(max_size=30)),
    st.builds(Lost, _time, _text, _id, _text),
    st.builds(Event, _time, _text, _text, _text, _id, _id, _id),
    st.builds(session, _time, hold_limit=_id, goes_on=st.booleans(), lead_us=st.integers(-(10**12), 10**12)),
    st.builds(Continued, _time, st.builds(session, _time), _text),
)
_messages = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"{}", b"{\n}", b'{"recv_ns":5}', b"{]}", b'{"e":"x"}}', b"[1]", b"\xff{}", b'{"a":"\xff"}', b"{", b"}",
         aggregate(1).message()]
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_records)
def test_a_record_comes_back_as_it_was(record: Any) -> None:
    line = encode(record)
    assert line.count(b"\n") == 1
    assert decode(line) == record
    assert json.loads(line)["recv_ns"] == record.received_us * 1000, "a line of JSON for anybody"


@settings(max_examples=300, deadline=None)
@given(_time, _messages)
def test_a_message_comes_back_as_it_was(received: int, message: bytes) -> None:
    line = encode_message(received, message)
    assert line.count(b"\n") == 1
    assert decode(line) == Message(received, message)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(_messages.map(lambda m: (START, m)), _records), max_size=8))
def test_the_compiled_way_takes_messages_as_the_careful_one(lines: list[Any]) -> None:
    """It may leave a line to the careful one, but never one that looks like every other."""
    whole = b"".join(encode_message(*each) if isinstance(each, tuple) else encode(each) for each in lines)
    buffer, position, found = np.frombuffer(whole, np.uint8), 0, list[Any]()
    while position < len(whole):
        out, received = np.zeros(len(whole), np.uint8), np.zeros(len(lines), np.int64)
        position, taken, filled = unwrap(buffer, position, out, received)
        texts = out[:filled].tobytes().split(b"\n")[:taken]
        found += [Message(at, text) for at, text in zip(received[:taken].tolist(), texts, strict=True)]
        if position < len(whole):
            end = whole.index(b"\n", position) + 1
            assert not whole[position:end].endswith(b'"m":false}}}\n'), "a usual message"
            found.append(decode(whole[position:end]))
            position = end
    assert found == [Message(*each) if isinstance(each, tuple) else each for each in lines]


def test_a_usual_message_stands_as_it_came() -> None:
    assert encode_message(START, b'{"e": 1}') == b'{"recv_ns":%d000,"msg":{"e": 1}}\n' % START
    assert encode_message(START, b"oops") == b'{"recv_ns":%d000,"raw":"oops"}\n' % START


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "expected a line of a capture: "),
        (b"[" * 100_000, "expected a line of a capture: "),
        (b"[]", 'expected a line of a capture, found "[]"'),
        (b'{"msg":{}}', "recv_ns: expected a whole number, found "),
        (b'{"recv_ns":true,"raw":""}', 'recv_ns: expected a whole number, found "True"'),
        (b'{"recv_ns":1000}', "expected recv_ns and one more member"),
        (b'{"recv_ns":1000,"note":{}}', 'expected one of msg, raw, session, .*, found "note"'),
        (b'{"recv_ns":1000,"raw":5}', 'raw: expected a text, found "5"'),
        (b'{"recv_ns":1000,"raw":"\\ud800"}', "raw: expected bytes as text"),
        (b'{"recv_ns":1000,"lost":[]}', "lost: expected an object"),
        (b'{"recv_ns":1000,"lost":{"symbol":"A"}}', "lost: expected symbol, to_id, reason, found symbol"),
        (b'{"recv_ns":1000,"lost":{"symbol":"A","to_id":"5","reason":""}}', 'lost.to_id: expected a whole number, found "5"'),
        (encode(session()).replace(b'"aggTrade"', b'"kline"'), 'session.stream: expected aggTrade or trade, found "kline"'),
        (encode(session()).replace(b'"BTCUSDT",2', b'"BTCUSDT",99'), "session.instruments: BTCUSDT: expected 0 to 15 decimals"),
        (encode(session()).replace(b'"BTCUSDT",2,3', b'"BTCUSDT",2'), "session.instruments: expected a list of"),
        (encode(session()).replace(b'"BTCUSDT"', b'"btcusdt"'), "session.instruments: symbol not in upper case"),
        (encode(session()).replace(b'"goes_on":true', b'"goes_on":1'), "session.goes_on: expected true or false"),
    ],
)  # fmt: skip
def test_what_is_no_line_of_a_capture_is_told(line: bytes, reason: str) -> None:
    with pytest.raises(CaptureLineError, match=reason.replace("[", r"\[")):
        decode(line)


def test_the_first_line_of_a_capture_is_known_even_when_cut() -> None:
    line = encode(session(instruments=tuple(Instrument(f"S{i}USDT", 2, 3) for i in range(500))))
    assert begins_session(line)
    assert begins_session(line[:100])
    assert begins_session(encode(Continued(START, session(), "capture-x")))
    for other in (
        b"",
        b'{"recv_ns":1}',
        encode_message(START, b"{}"),
        encode(Resumed(START)),
        b'{"recv_ns":"x","session":{}}',
    ):
        assert not begins_session(other)
