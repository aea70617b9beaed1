"""How messages are cut into batches, and when somebody looked at the clock in between, changes no bit."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.frames import Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.sources.binance.feed import Feed, FeedState
from flows.sources.symbols import at_scale

START = 1_721_347_020_000_000
Event = tuple[int, bytes | None]
"""Receive time and message, or None for a moment at which somebody looks at the clock."""

_message = st.fixed_dictionaries(
    {
        "pause": st.sampled_from([0, 0, 300, 40_000, 99_000, 100_000, 1_500_000, 4_000_000, 61_000_000]),
        "symbol": st.sampled_from(["BTCUSDT", "ETHUSDT", "ETHUSDT", "XRPUSDT"]),
        "step": st.sampled_from([1, 1, 1, 1, 0, -1, 5]),
        "age": st.sampled_from([0, 3, 3, 20, 2_400, 5_000, -1_500]),
        "sent": st.sampled_from([0, 2, 2_000]),
        "price": st.sampled_from(["60000.1", "60000.10", "3000.125", "0", "x", "9999999999.12345678"]),
        "kind": st.sampled_from(["MARKET", "MARKET", "MARKET", "NA", "broken", "far"]),
    }
)


def _events(drawn: list[dict[str, Any]]) -> list[Event]:
    now, ids, events = START, {"BTCUSDT": 10, "ETHUSDT": 10, "XRPUSDT": 10}, list[Event]()
    for each in drawn:
        now += each["pause"]
        ids[each["symbol"]] = max(1, ids[each["symbol"]] + each["step"])
        time = now // 1000 - each["age"] + (100_000 if each["kind"] == "far" else 0)
        data = {
            "e": "trade", "E": time + each["sent"], "T": time, "s": each["symbol"], "t": ids[each["symbol"]], "p": each["price"],
            "q": "0.5", "X": each["kind"], "m": True,
        }  # fmt: skip
        text = json.dumps(data).encode()
        events.append((now, text[:-5] if each["kind"] == "broken" else text))
    return events


def _run(
    events: list[Event], cuts: set[int], restarts: set[int], accept_new: bool
) -> tuple[Ticks | None, list[Any], FeedState]:
    """Ticks at their final scale, rejects, and the final state with the last watermark."""
    instruments = None if accept_new else [Instrument("BTCUSDT", 1, 1), Instrument("ETHUSDT", 0, 0)]
    feed = Feed(instruments, None, 3_000_000, 60_000_000)
    ticks: list[Ticks] = []
    rejects: list[Any] = []

    def take(chunks: list[Any]) -> None:
        for chunk in chunks:
            if isinstance(chunk.rows, Rejects):
                rejects.extend(
                    zip(
                        *(getattr(chunk.rows, name).tolist() for name in ("line", "time", "reason", "text")),
                        strict=True,
                    )
                )
            elif len(chunk.rows):
                ticks.append(chunk.rows)

    batch: list[tuple[int, bytes]] = []
    for i, (now, message) in enumerate(events):
        if message is not None:
            batch.append((now, message))
        if batch and (message is None or i in cuts):
            take(feed.on_messages(np.array([received for received, _ in batch]), [text for _, text in batch]))
            batch = []
        if message is None:
            take(feed.on_timer(now))
        if i in restarts and not batch:
            feed = Feed(instruments, None, 3_000_000, 60_000_000, pickle.loads(pickle.dumps(feed.state())))
    scaled = [at_scale(each, (*feed.instruments,)) for each in (_padded(each, feed.instruments) for each in ticks)]
    return _together(scaled), rejects, feed.state()


def _padded(ticks: Ticks, instruments: tuple[Instrument, ...]) -> Ticks:
    """The same ticks with a table as long as the final one."""
    return replace(ticks, instruments=(*ticks.instruments, *instruments[len(ticks.instruments) :]))


def _together(parts: list[Ticks]) -> Ticks | None:
    if not parts:
        return None
    names = [name for name in Ticks.__slots__ if isinstance(getattr(parts[0], name), np.ndarray)]
    return replace(parts[-1], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@given(st.lists(_message, min_size=1, max_size=40), st.data(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_cut_gives_the_same_ticks_rejects_and_state(
    drawn: list[dict[str, Any]], data: st.DataObject, accept_new: bool
) -> None:
    events = _events(drawn)
    end: Event = (events[-1][0] + 9_000_000, None)
    whole, whole_rejects, whole_state = _run([*events, end], set(), set(), accept_new)
    looked = []
    for i, event in enumerate(events):
        looked.append(event)
        following = events[i + 1][0] if i + 1 < len(events) else event[0] + 9_000_000
        moments = data.draw(st.lists(st.integers(event[0], following), max_size=2), label="looks")
        looked += [(moment, None) for moment in sorted(moments)]
    looked.append(end)
    places = st.sets(st.integers(0, len(looked)))
    cut, cut_rejects, cut_state = _run(
        looked, data.draw(places, label="cuts"), data.draw(places, label="restarts"), accept_new
    )
    assert cut_rejects == whole_rejects
    assert cut_state == whole_state
    assert (cut is None) == (whole is None)
    if whole is not None and cut is not None:
        for name in Ticks.__slots__:
            assert np.array_equal(getattr(cut, name), getattr(whole, name)), name
