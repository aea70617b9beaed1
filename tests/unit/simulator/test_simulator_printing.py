"""Printed rows against Python's own printing, and frames against the library's own reader."""

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from flows.simulator.listing import Listing, decimal
from flows.simulator.printing import Template, frame
from flows.simulator.trades import Execution, Field
from flows.simulator.wire import Answers, message_template

LISTINGS = (
    Listing("BTCUSDT", 1.0, price_decimals=2, tick=1, size_decimals=3, share=1.0),
    Listing("A0USDC", 1.0, price_decimals=7, tick=1, size_decimals=0, share=1.0),
)
row = st.tuples(
    st.integers(0, 1),
    *[st.integers(-(2**62), 2**62)] * 3,
    *[st.integers(0, 2**62)] * 4,
    st.integers(0, 1),
    st.sampled_from(Execution),
)


@given(st.lists(row, max_size=20), st.tuples(st.booleans(), st.booleans()))
@settings(max_examples=100, deadline=None)
def test_every_field_is_printed_as_python_prints_it(rows: list[tuple[int, ...]], wanted: tuple[bool, bool]) -> None:
    text = "<symbol>|<SYMBOL>|<event>|<time>|<id>|<price>|<size>|<first>|<last>|<maker>|<execution>;"
    table = np.array(rows, np.int64).reshape(-1, len(Field)).T
    printed, ends = Template(text, LISTINGS, framed=False)(table, np.array(wanted))
    expected = []
    for k, event, time, identity, price, size, first, last, maker, execution in rows:
        listed = LISTINGS[k]
        prices = decimal(price, listed.price_decimals) if price else "0"
        sizes = decimal(size, listed.size_decimals) if size else "0"
        truth, word = "true" if maker else "false", Execution(execution).name
        if wanted[k]:
            expected.append(
                f"{listed.symbol.lower()}|{listed.symbol}|{event}|{time}|{identity}|{prices}|{sizes}|{first}|{last}|{truth}|{word};"
            )
    assert printed.decode() == "".join(expected)
    assert ends.tolist() == np.cumsum([len(each) for each in expected], dtype=int).tolist()


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_frames_are_read_by_the_library(length: int) -> None:
    assert _read(frame("x" * length)) == ["x" * length]


@pytest.mark.parametrize("kind", ["aggTrade", "trade"])
@pytest.mark.parametrize("combined", [True, False])
def test_messages_are_frames_of_json(kind: str, combined: bool) -> None:
    rows = np.array(
        [
            [0, 5, 4, 3, 123, 45, 7, 9, 1, 0],
            [1, 1_800_000_000_005, 1_800_000_000_004, 10**12, 1, 10**7, 10**12, 10**12, 0, 0],
        ]
    ).T
    frames, ends = message_template(kind, combined, LISTINGS)(rows)
    assert ends[-1] == len(frames)
    texts = [json.loads(text) for text in _read(frames)]
    assert len(texts) == 2
    first, second = [text["data"] for text in texts] if combined else texts
    assert (first["e"], first["s"], first["p"], first["q"], first["m"]) == (kind, "BTCUSDT", "1.23", "0.045", True)
    assert (second["p"], second["q"], second["m"]) == ("0.0000001", "10000000", False)
    assert Decimal(second["p"]) == Decimal(1).scaleb(-7)
    if combined:
        assert [text["stream"] for text in texts] == [f"btcusdt@{kind}", f"a0usdc@{kind}"]


def test_no_rows() -> None:
    nothing = np.zeros((len(Field), 0), np.int64)
    assert Answers(LISTINGS)(nothing) == b"[]"
    frames, ends = message_template("trade", True, LISTINGS)(nothing)
    assert (frames, len(ends)) == (b"", 0)


def _read(frames: bytes) -> list[str]:
    """Texts of the frames as a client's protocol takes them apart."""
    protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
    protocol.receive_data(frames)
    events = protocol.events_received()
    assert all(event.opcode is Opcode.TEXT and event.fin for event in events)
    return [bytes(event.data).decode() for event in events]
