"""Faults that change the market itself: the same on the stream, over REST and in the reference, and a pure function of the trades."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from exchange_talk import BOTH, Listener, control, listening, steps
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import RunningExchange, market

from flows.simulator.chance import chance
from flows.simulator.edits import Edits
from flows.simulator.faults import Fault, read_fault
from flows.simulator.tape import Tape
from flows.simulator.trades import I64, Execution, Field, Pulse

SYMBOLS = ("BTCUSDT", "ETHUSDT")
ETH = 1
LENGTH_MS = 6_000


def fault(kind: str, number: int = 1, at_ms: int = 2_000, **given: Any) -> Fault:
    return read_fault(kind, given, number, at_ms)


def published(*faults: Fault, cuts: tuple[int, ...] = (), singles: bool = False) -> I64:
    """What is published in six seconds, with the clock read at the cuts as well."""
    tape = Tape(market(trades_per_s=300.0), Edits(SYMBOLS), 10**9, 10**6, faults)
    parts = [tape.advance(now) for now in (*sorted(cuts), LENGTH_MS)]
    pulse = Pulse(np.concatenate([part.rows for part in parts], axis=1), np.concatenate([part.fills for part in parts]))
    return pulse.of_kind("trade") if singles else pulse.of_kind("aggTrade")


def of(rows: I64, symbol: int = ETH) -> I64:
    return rows[:, rows[Field.symbol] == symbol]


def test_skip_moves_ids_and_nothing_else() -> None:
    calm, found = published(), published(fault("skip", symbol="ETHUSDT", count=7))
    assert np.array_equal(of(calm, 0), of(found, 0))
    calm, found = of(calm), of(found)
    after = calm[Field.event] > 2_000
    assert 100 < after.sum() < calm.shape[1] - 100
    assert np.array_equal(found[Field.id] - calm[Field.id], 7 * after)
    others = [field for field in Field if field is not Field.id]
    assert np.array_equal(found[others], calm[others])


@pytest.mark.parametrize("many", [{"count": 12}, {"for_s": 1.5}])
def test_lose_takes_trades_away(many: dict[str, float]) -> None:
    calm, found = of(published()), of(published(fault("lose", symbol="ETHUSDT", **many)))
    gone = (calm[Field.event] > 2_000) & (calm[Field.event] <= 3_500)
    if "count" in many:
        gone = np.cumsum(calm[Field.event] > 2_000) <= 12
        gone &= calm[Field.event] > 2_000
    assert gone.any()
    assert np.array_equal(found, calm[:, ~gone]), "ids and trade ids jump over them"


def test_rows_of_nothing_take_an_aggregate_id() -> None:
    calm, found = of(published()), of(published(fault("na", stream="ethusdt@aggTrade", share=0.2, for_s=2)))
    void = found[Field.execution] == Execution.VOID
    inside = (calm[Field.event] > 2_000) & (calm[Field.event] <= 4_000)
    assert 0.1 < void.sum() / inside.sum() < 0.3
    assert set(np.diff(found[Field.id]).tolist()) == {1}, "no id is missing"
    assert not found[Field.price, void].any()
    assert not found[Field.size, void].any()
    kept = [field for field in Field if field is not Field.id]
    assert np.array_equal(found[kept][:, ~void], calm[kept])
    assert np.array_equal(found[Field.last, void], found[Field.last, np.flatnonzero(void) - 1])


def test_rows_that_are_no_trade_take_a_trade_id() -> None:
    na = fault("na", stream="ethusdt@trade", share=0.2)
    calm, found = of(published(singles=True)), of(published(na, singles=True))
    empty = found[Field.execution] == Execution.NA
    assert empty.sum() > 50
    assert set(np.diff(found[Field.id]).tolist()) == {1}
    assert not found[Field.size, empty].any()
    assert np.array_equal(found[Field.size, ~empty], calm[Field.size])
    aggregates = of(published(na))
    assert np.array_equal(aggregates[Field.id], of(published())[Field.id])
    jumps = aggregates[Field.first, 1:] - aggregates[Field.last, :-1] - 1
    assert jumps.sum() == empty.sum() - (found[Field.event, empty] < aggregates[Field.event, 0]).sum()


def test_burst() -> None:
    calm, found = published(), published(fault("burst", at_ms=1_500, times=8, for_s=2))
    per_second = [np.bincount(rows[Field.time] // 1_000, minlength=6)[:6] for rows in (calm, found)]
    assert np.array_equal(per_second[0][:2], per_second[1][:2]), "the present second is as it was"
    assert per_second[1][2:4].mean() > 4 * per_second[0].mean()
    assert per_second[1][5] < 3 * per_second[0].mean()
    assert set(steps(of(found)[Field.id].tolist())) == {1}


@given(st.lists(st.integers(0, LENGTH_MS), max_size=30))
@settings(max_examples=20, deadline=None)
def test_how_often_the_clock_is_read_changes_nothing(cuts: list[int]) -> None:
    faults = (
        fault("skip", 1, 1_000, symbol="*", count=3),
        fault("lose", 2, 1_500, symbol="ETHUSDT", count=9),
        fault("na", 3, 500, share=0.1, for_s=4),
        fault("lose", 4, 3_000, symbol="B*", for_s=0.7),
        fault("burst", 5, 2_200, times=3, for_s=2),
    )
    for singles in (False, True):
        whole = published(*faults, singles=singles)
        assert np.array_equal(published(*faults, cuts=tuple(cuts), singles=singles), whole)


def test_chance_is_even_and_its_own_for_each_seed() -> None:
    identity = np.arange(100_000)
    luck = chance(5, np.zeros_like(identity), identity)
    counts = np.histogram(luck, 20, (0.0, 1.0))[0]
    assert ((counts - 5_000) ** 2 / 5_000).sum() < 50, "chi-square of 19 degrees of freedom"
    assert abs(np.corrcoef(luck[1:], luck[:-1])[0, 1]) < 0.02
    for other in (chance(6, np.zeros_like(identity), identity), chance(5, np.ones_like(identity), identity)):
        assert abs(np.corrcoef(luck, other)[0, 1]) < 0.02
    assert np.array_equal(luck[7:9], chance(5, np.zeros(2, np.int64), identity[7:9]))


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with RunningExchange() as running:
        yield running


def test_over_the_wire(exchange: RunningExchange) -> None:
    """All four, one after the other: the stream and the reference agree to the row."""

    async def changed(listener: Listener) -> None:
        await listener.more(20)
        await control(exchange, "add", fault="skip", symbol="ETHUSDT", count=100)
        await control(exchange, "add", fault="lose", symbol="ETHUSDT", count=10)
        await listener.until(lambda heard: _missing(heard.ids("ETHUSDT")) == 110)
        await control(exchange, "clear")
        await control(exchange, "add", fault="na", share=0.5)
        await listener.until(lambda heard: sum(message["p"] == "0" for message in heard.messages) > 10)
        await control(exchange, "clear")
        await control(exchange, "add", fault="burst", times=5, for_s=1)
        await listener.more(1_000)

    heard = listening(exchange, changed, BOTH)
    for symbol in ("ETHUSDT", "BTCUSDT"):
        shown = [message for message in heard.messages if message["s"] == symbol]
        stream = {
            message["a"]: (message["p"], message["f"], message["l"], message["T"])
            for message in shown
            if message["p"] != "0"
        }
        true = {row["a"]: (row["p"], row["f"], row["l"], row["T"]) for row in exchange.true_trades(symbol)}
        low, high = min(stream), max(stream)
        assert stream == {identity: row for identity, row in true.items() if low <= identity <= high}
        nothing = [message for message in shown if message["p"] == "0"]
        assert nothing
        assert all(message["a"] not in true and message["q"] == "0" for message in nothing)
    assert _missing(heard.ids("ETHUSDT")) == 110


def _missing(ids: list[int]) -> int:
    """Ids that are not there, of all from the first to the last."""
    return ids[-1] - ids[0] + 1 - len(ids) if ids else 0


def test_single_rows_of_nothing_over_the_wire(exchange: RunningExchange) -> None:
    async def nothing(listener: Listener) -> None:
        await control(exchange, "add", fault="na", stream="*@trade", share=0.3)
        await listener.until(lambda heard: sum(message["X"] == "NA" for message in heard.messages) > 10)
        await control(exchange, "clear")

    heard = listening(exchange, nothing, "/public/ws/ethusdt@trade")
    assert set(steps(heard.ids("ETHUSDT"))) == {1}
    assert {(message["p"], message["q"]) for message in heard.messages if message["X"] == "NA"} == {("0", "0")}
