"""Random ticks as a source makes them, for tests of the bars: any order within the lateness, late ones, silences proven or not, missing
trades, growing decimals, a second symbol in mid-stream, any cut."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from bar_oracle import Trade, trades_of
from hypothesis import strategies as st

from flows.bars.open_bars import BarsState, OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval

START = 1_721_347_190_000_000
LATENESS = 1_000_000
S = 1_000_000
GAP_LIMIT = 5 * S

steps = st.one_of(
    st.integers(0, 400_000), st.integers(0, 3 * S), st.integers(50 * S, 130 * S), st.integers(290 * S, 700 * S)
)
rows = st.lists(
    st.tuples(
        steps,
        st.integers(0, 1_500_000),  # how far back it steps: beyond the lateness it is late
        st.integers(0, 1),
        st.integers(1, 10**7),
        st.integers(1, 10**6),
        st.sampled_from((1, -1, 0)),
        st.integers(1, 4),
        st.integers(0, 4).map(lambda n: n == 0),  # trades are missing before it
    ),
    min_size=1,
    max_size=40,
)


@dataclass(frozen=True, slots=True)
class Input:
    """Chunks, and the limits of fill and gap. A chunk without rows proves that until its watermark nothing is missing."""

    chunks: list[Chunk[Ticks]]
    fill_limit: int
    gap_limit: int = GAP_LIMIT

    def bars(self, forming_every_us: int = 0, state: BarsState | None = None) -> OpenBars:
        """A fold with these limits."""
        return OpenBars(tuple(Interval), self.fill_limit, self.gap_limit, forming_every_us, state)

    def trades(self) -> list[Trade]:
        """The rows for the oracle."""
        out: list[Trade] = []
        proven = 0
        for chunk in self.chunks:
            out += trades_of(chunk.rows, proven)
            proven = proven if len(chunk.rows) else int(chunk.watermark[0])
        return out


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is drawn beside the rows. With `apart` each symbol's watermark follows its own trades, as in the live feed."""

    with_ids: bool
    with_sides: bool
    aggregates: bool
    apart: bool
    finer_at: int
    proofs: dict[int, int]


Row = tuple[int, int, int, int, int, int, bool, int, int, bool]
"""symbol, time, id, price, size, side, late, first id, last id, gap."""


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    """Gaps are drawn only where the watermarks are apart: a common one moves by the other symbol's trades, which proves a silence too."""
    drawn = draw(rows)
    cuts = sorted(draw(st.sets(st.integers(0, len(drawn)), max_size=6)) | {0, len(drawn)})
    proofs = {cut: draw(st.integers(0, 20 * S)) for cut in cuts[1:-1] if draw(st.booleans())}
    how = _Drawn(*(draw(st.booleans()) for _ in range(4)), draw(st.integers(0, len(drawn))), proofs)
    fill_limit = draw(st.sampled_from((0, 500_000, 2 * S, 60 * S, 900 * S)))
    gap_limit = draw(st.sampled_from((0, S, GAP_LIMIT, 100 * S)))
    chunks = list(_chunks(_timed(drawn, how), cuts, how))
    last = chunks[-1]
    end = np.full_like(last.watermark, last.watermark.max() + draw(st.integers(0, 1_300 * S)))
    return Input([*chunks, Chunk(end, last.rows.take(slice(0, 0)))], fill_limit, gap_limit)


def _timed(drawn: list[tuple[int, int, int, int, int, int, int, bool]], how: _Drawn) -> list[Row]:
    """The rows with their times and ids."""
    time = START
    proven = 0
    newest, next_id = [START, START], [1, 1]
    columns: list[Row] = []
    for i, (step, back, symbol, price, size, side, count, gap) in enumerate(drawn):
        symbol = symbol if i else 0
        if i in how.proofs:
            proven = max(newest) + how.proofs[i]
            time = max(time, proven)
        time += step
        at = time - back
        late = at < max(_clock(newest, symbol, how) - LATENESS, proven)
        newest[symbol] = max(newest[symbol], at)
        count = count if how.aggregates else 1
        first = next_id[symbol]
        next_id[symbol] += count
        side, gap = side if how.with_sides else 0, gap and how.apart
        columns.append((symbol, at, first, price, size, side, late, first, first + count - 1, gap))
    return columns


def _clock(newest: list[int], symbol: int, how: _Drawn) -> int:
    return newest[symbol] if how.apart else max(newest)


def _chunks(columns: list[Row], cuts: list[int], how: _Drawn) -> list[Chunk[Ticks]]:
    chunks: list[Chunk[Ticks]] = []
    newest, proven = [START, START], 0
    for start, end in pairwise(cuts):
        part = list(zip(*columns[start:end], strict=True))
        fine = 2 if end > how.finer_at else 0
        coins = (Instrument("AUSDT", 1 + fine, 2), Instrument("BUSDT", 3, fine))[: 1 + any(c[0] for c in columns[:end])]
        i64 = [np.array(values, np.int64) for values in part]
        scale = np.array([10**fine, 1])[i64[0]], np.array([1, 10**fine])[i64[0]]
        for symbol, time in zip(i64[0], i64[1], strict=True):
            newest[symbol] = max(newest[symbol], int(time))
        ticks = Ticks(
            coins, i64[0].astype(np.int32), i64[1], i64[2], i64[3] * scale[0], i64[4] * scale[1],
            i64[5].astype(np.int8), i64[6].astype(np.bool_), i64[7] if how.aggregates else None,
            i64[8] if how.aggregates else None, ids_known=how.with_ids, gap=i64[9].astype(np.bool_) if any(part[9]) else None,
        )  # fmt: skip
        watermark = np.array([max(_clock(newest, s, how) - LATENESS, proven) for s in range(len(coins))])
        chunks.append(Chunk(watermark, ticks))
        if end in how.proofs:
            proven = max(newest) + how.proofs[end]
            chunks.append(Chunk(np.full(len(coins), proven), ticks.take(slice(0, 0))))
    return chunks
