"""A feed that believes nothing without proof, against everything that a stream can do wrong: every true trade in order, once, none late."""

import json
import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from aggregates import BTC, ETH, LEAD, MARGIN, SECOND, START, Aggregate, everything, frames, served, session
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.frames import Rejects, Ticks
from flows.sources.binance.feed import Feed, FeedChunk
from flows.sources.binance.recorder import Recorder
from flows.sources.binance.records import Fill, Lost, Newest, Record, Resumed, Session
from flows.sources.captures import CaptureFiles

Input = tuple[int, bytes] | Record
SYMBOLS = ("BTCUSDT", "ETHUSDT")
LIMIT, HOLD_LIMIT = 5, 6
"""Rows of an answer and rows that may wait: few, so that gaps take several answers and too many wait."""
FAULTS = ("drop", "duplicate", "reorder", "malformed", "bogus", "stall", "skip", "lose", "bad answer", "give up")
BOGUS = 1_000_000_000
"""Ids from here on are none of the exchange."""


@dataclass
class World:
    """An exchange with a history, a stream that misbehaves, and an I/O that asks for what is missing: all by one generator.

    Attributes:
        faults: how likely each is, each time. trades: the true ones per symbol. lost: ids that nobody shows. pending: on the way.
        inputs: what entered the feed, in order. chunks: what came out.
    """

    rng: random.Random
    faults: dict[str, float]
    now: int = START
    trades: dict[str, list[Aggregate]] = field(default_factory=lambda: {symbol: [] for symbol in SYMBOLS})
    lost: set[tuple[str, int]] = field(default_factory=set)
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    chunks: list[FeedChunk] = field(default_factory=list)
    feed: Feed = field(default_factory=lambda: Feed((), None, 0, 0))

    def happens(self, fault: str) -> bool:
        return self.rng.random() < self.faults.get(fault, 0.0)

    def run(self, count: int) -> None:
        """So many trades, then silence until all of them are known."""
        self.put(session(self.now + LEAD, goes_on=False, hold_limit=HOLD_LIMIT))
        for _ in range(count):
            self.now += self.rng.choice((0, 1, 3, 40, 900)) * 1_000
            self.trade(self.rng.choice(SYMBOLS))
            self.deliver()
            if self.happens("restart"):
                self.restart()
            if self.happens("ask"):
                self.ask(self.rng.choice(SYMBOLS))
        self.now += 10 * SECOND
        self.deliver(everything_due=True)
        self.now += 10 * SECOND
        for symbol in SYMBOLS:
            while self.shown(symbol) and self.last(symbol) < self.shown(symbol)[-1].identity:
                self.ask(symbol, spoiled=False)
            self.ask(symbol, spoiled=False)

    def trade(self, symbol: str) -> None:
        """One more true trade, which the stream shows or not."""
        before = self.trades[symbol][-1] if self.trades[symbol] else Aggregate(symbol, 100, 0, 0, 199)
        unused = self.rng.randint(1, 3) if self.happens("skip") else 0
        first = before.last + 1
        trade = Aggregate(symbol, before.identity + 1 + unused, self.now, first, first + self.rng.randint(0, 3))
        self.trades[symbol].append(trade)
        if self.happens("lose"):
            self.lost.add((symbol, trade.identity))
            return
        if self.happens("drop"):
            return
        message = trade.message()
        if self.happens("malformed"):
            message = self.rng.choice((message[:-9], trade.message(p="x"), trade.message(T=0), b"garbage"))
        elif self.happens("bogus") and self.last(symbol) >= 0:
            message = trade.message(a=BOGUS + trade.identity)
        delay = self.rng.choice((1, 5, 60)) + (self.rng.randint(100, 5_000) if self.happens("reorder") else 0)
        self.pending.append((self.now + 1_000 * delay, message))
        if self.happens("duplicate"):
            self.pending.append((self.now + 1_000 * self.rng.randint(1, 3_000), message))

    def deliver(self, everything_due: bool = False) -> None:
        """What has arrived by now; more rarely, nothing for a while."""
        if self.happens("stall") and not everything_due:
            return
        due = sorted((each for each in self.pending if everything_due or each[0] <= self.now), key=lambda each: each[0])
        self.pending = [each for each in self.pending if each not in due]
        for at, message in due:
            self.put((max(at, self.now) + LEAD, message))

    def ask(self, symbol: str, spoiled: bool = True) -> None:
        """An answer of REST from the next id on, as true as the exchange's memory; sometimes no answer worth the name."""
        asked = self.now
        first = self.last(symbol) + 1 if self.last(symbol) >= 0 else -1
        rows = self.shown(symbol)
        page = rows[-1:] if first < 0 else [each for each in rows if each.identity >= first][:LIMIT]
        body, limit = served(page), 1 if first < 0 else LIMIT
        if spoiled and first >= 0 and rows and self.rng.random() < 0.3:
            self.ask_newest(symbol, rows[-1])
            return
        if spoiled and self.happens("bad answer"):
            body = self.rng.choice((b"<html>", b"", b'{"code":-1003}', body[:-3], json.dumps([{"a": 1}]).encode()))
        self.now += 30_000
        self.deliver()
        self.put(Fill(self.now + LEAD, symbol, first, asked + LEAD, limit, body))
        legs, k = self.feed.legs, SYMBOLS.index(symbol)
        if legs.held[k] and legs.first_held[k] < BOGUS and spoiled and self.happens("give up"):
            gone = range(int(legs.last_id[k]) + 1, int(legs.first_held[k]))
            self.lost |= {(symbol, identity) for identity in gone}
            self.put(Lost(self.now + LEAD, symbol, gone[-1], "given up"))

    def ask_newest(self, symbol: str, trade: Aggregate) -> None:
        """An answer of REST with the newest single trade."""
        asked = self.now
        self.now += 30_000
        self.deliver()
        self.put(Newest(self.now + LEAD, symbol, asked + LEAD, json.dumps([{"id": trade.last}]).encode()))

    def restart(self) -> None:
        """The process dies: the feed goes on from its last snapshot, without what waited."""
        state = self.feed.state()
        self.feed = Feed((BTC, ETH), "aggTrade", 3 * SECOND, 60 * SECOND, state, LEAD, True, MARGIN, HOLD_LIMIT)
        self.put(session(self.now + LEAD, hold_limit=HOLD_LIMIT))
        self.put(Resumed(self.now + LEAD))

    def put(self, entering: Input) -> None:
        self.inputs.append(entering)
        self.chunks += applied(self.feed, [entering])

    def last(self, symbol: str) -> int:
        return int(self.feed.legs.last_id[SYMBOLS.index(symbol)])

    def shown(self, symbol: str) -> list[Aggregate]:
        """What REST serves by now."""
        return [t for t in self.trades[symbol] if (symbol, t.identity) not in self.lost and t.time_us <= self.now]


def applied(feed: Feed, inputs: Iterable[Input], together: Iterable[bool] = ()) -> list[FeedChunk]:
    """Inputs into a feed; messages side by side go in one batch as long as `together` says so."""
    chunks: list[FeedChunk] = []
    batch: list[tuple[int, bytes]] = []
    follows = iter(together)

    def flush() -> None:
        if batch:
            chunks.extend(feed.on_messages(np.array([at for at, _ in batch]), [message for _, message in batch]))
            batch.clear()

    for entering in inputs:
        if not isinstance(entering, tuple):
            flush()
            chunks += feed.on_record(entering)
            continue
        batch.append(entering)
        if not next(follows, False):
            flush()
    flush()
    return chunks


_share = st.sampled_from([0.0, 0.0, 0.05, 0.3])
_faults = st.fixed_dictionaries(
    dict.fromkeys(FAULTS, _share)
    | {"restart": st.sampled_from([0.0, 0.02]), "ask": st.sampled_from([0.05, 0.5])}
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), _faults, st.integers(1, 70))
def test_every_true_trade_comes_out_in_order_and_once(seed: int, faults: dict[str, float], count: int) -> None:
    world = World(random.Random(seed), faults)
    world.run(count)
    ticks = frames(world.chunks, Ticks)
    for k, symbol in enumerate(SYMBOLS):
        mine = ticks.take(ticks.symbol == k) if ticks is not None else None
        found = mine.trade_id.tolist() if mine is not None else []
        true = [t for t in world.trades[symbol] if found and t.identity >= found[0]]
        wanted = [t for t in true if (symbol, t.identity) not in world.lost]
        assert found == [t.identity for t in wanted]
        if mine is None or not found:
            assert not world.shown(symbol)
            continue
        assert mine.time.tolist() == [t.time_us for t in wanted]
        assert mine.price.tolist() == [100 * (1_000 + t.identity) + 25 for t in wanted]
        assert not mine.late.any()
        after_lost = {b.identity for a, b in pairwise(wanted) if b.first != a.last + 1}
        assert mine.gap is not None
        assert {i for i, gap in zip(found, mine.gap.tolist(), strict=True) if gap} == {found[0]} | after_lost
    assert not world.feed.legs.held.any()
    rejects = frames(world.chunks, Rejects)
    texts = [] if rejects is None else zip(rejects.reason, rejects.text, strict=True)
    refuted = [text for reason, text in texts if "too high" in reason]
    assert all(int(text.split(",")[0].removeprefix("a ")) >= BOGUS for text in refuted)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), _faults, st.integers(1, 70), st.sampled_from([1, 300, 5_000, 1 << 20]))
def test_any_cut_and_the_recorded_capture_give_the_same(
    seed: int, faults: dict[str, float], count: int, block: int
) -> None:
    world = World(random.Random(seed), faults)
    world.run(count)
    wanted = everything(world.chunks)
    together = [world.rng.random() < 0.7 for _ in world.inputs]
    assert everything(applied(Feed((), None, 0, 0), world.inputs, together)) == wanted
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), 0.002)
        for entering in world.inputs:
            if isinstance(entering, tuple):
                recorder.message(*entering)
            else:
                recorder.record(entering)
            if world.rng.random() < 0.1:
                recorder.position()
        recorder.close()
        found: list[FeedChunk] = []
        files = CaptureFiles(list(Path(folder).iterdir()), 1, 1, 0.05, block)
        while (chunks := files.read()) is not None:
            found += chunks
            if world.rng.random() < 0.2:
                files = CaptureFiles(list(Path(folder).iterdir()), 1, 1, 0.05, block, files.state())
        assert everything(found) == wanted


def test_a_swapped_answer_is_noticed() -> None:
    """The negative control: rows of an answer in the wrong order are refused, and their trades do not come out of it."""
    world = World(random.Random(5), {"drop": 0.3, "ask": 0.2})
    world.run(60)
    swapped, changed = list[Input](), 0
    for entering in world.inputs:
        if isinstance(entering, Fill) and len(rows := json.loads(entering.body)) > 1:
            body = json.dumps(rows[::-1]).encode()
            entering = Fill(
                entering.received_us, entering.symbol, entering.from_id, entering.asked_us, entering.limit, body
            )
            changed += 1
        swapped.append(entering)
    assert changed
    chunks = applied(Feed((), None, 0, 0), swapped)
    assert everything(chunks) != everything(world.chunks)
    rejects = frames(chunks, Rejects)
    assert rejects is not None
    assert list(rejects.source) == ["rest"] * changed


def test_the_faults_really_happen() -> None:
    """One long run with all of them: what the properties above draw is not empty."""
    world = World(random.Random(11), dict.fromkeys(FAULTS, 0.1) | {"ask": 0.4, "restart": 0.02})
    world.run(600)
    counts = world.feed.counts
    assert (
        min(counts[name] for name in ("trades", "duplicates", "waited", "malformed", "missing", "filled", "answers"))
        > 5
    )
    kinds = {row[2] for row in everything(world.chunks)[2][1]}
    assert kinds == {"filled", "skipped", "lost", "hold_dropped", "refuted"}
    assert sum(isinstance(entering, Session) for entering in world.inputs) > 2
