"""Legs of ticks for tests: made ones, frames around them, and the Hayashi-Yoshida definition in its O(n·m) form as oracle."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from flows.asynchrony.legs import NO_GAP, LegTicks
from flows.domain.chunk import Chunk
from flows.domain.frames import PairLeadLag, PairTickStats, Ticks, concatenated
from flows.domain.instrument import Instrument
from flows.domain.pair import Pair
from flows.sources.files import PARTITION, FileSource

PAIR = Pair("ETHUSDT", "BTCUSDT")
PAIRS = (PAIR,)
S = 1_000_000


def leg(time: Sequence[int], price: Sequence[float], until: int, gaps: dict[int, int] | None = None) -> LegTicks:
    """Final ticks at microseconds; `gaps`: by row, where trades are missing from."""
    gap_from = np.full(len(time), NO_GAP)
    for row, proven in (gaps or {}).items():
        gap_from[row] = proven
    return LegTicks(np.array(time, np.int64), np.array([math.log(p) for p in price]), gap_from, until)


def random_leg(rng: np.random.Generator, ticks: int, seconds: int, start_s: int = 0, grid_us: int = 1_000) -> LegTicks:
    """Prices that often stand still, at times on a grid, so that both legs meet at times."""
    time = np.unique(rng.integers(0, seconds * S // grid_us, ticks)) * grid_us + start_s * S
    steps = rng.normal(0, 1e-4, len(time)) * (rng.random(len(time)) < 0.6)
    return leg(time.tolist(), np.round(3_000 * np.exp(np.cumsum(steps)), 2).tolist(), (start_s + seconds) * S)


def both(y: LegTicks, x: LegTicks) -> dict[str, LegTicks]:
    """The legs of the pair by symbol."""
    return {PAIR.y: y, PAIR.x: x}


@dataclass(frozen=True, slots=True)
class Products:
    """Every Δy·Δx whose intervals overlap, and every square, with the time at which it is known."""

    cov: np.ndarray
    cov_time: np.ndarray
    y: np.ndarray
    y_time: np.ndarray
    x: np.ndarray
    x_time: np.ndarray

    def window(self, start: int, end: int) -> tuple[float, float, float, int, int]:
        """Covariance, variances and counts of what is known in [start, end), summed without rounding."""
        cov, y, x = (
            value[(time >= start) & (time < end)].tolist()
            for value, time in ((self.cov, self.cov_time), (self.y, self.y_time), (self.x, self.x_time))
        )
        return math.fsum(cov), math.fsum(y), math.fsum(x), len(y), len(x)


def definition(y: LegTicks, x: LegTicks) -> Products:
    """The O(n·m) definition: all pairs of increments, those kept whose intervals have a moment in common."""
    dy, dx = np.diff(y.log_price), np.diff(x.log_price)
    later = np.maximum(y.time[1:, None], x.time[None, 1:])
    overlap = np.maximum(y.time[:-1, None], x.time[None, :-1]) < np.minimum(y.time[1:, None], x.time[None, 1:])
    cov = (dy[:, None] * dx[None, :])[overlap]
    return Products(cov, later[overlap], dy * dy, y.time[1:], dx * dx, x.time[1:])


def ticks_of(rows: Sequence[tuple[str, int, int, float]], decimals: dict[str, int]) -> Ticks:
    """Rows (symbol, time in µs, id, price) as a frame."""
    names = list(decimals)
    symbol = np.array([names.index(row[0]) for row in rows], np.int32)
    scale = np.array([10 ** decimals[row[0]] for row in rows], np.int64)
    price = np.rint(np.array([row[3] for row in rows]) * scale).astype(np.int64)
    size, side = np.ones(len(rows), np.int64), np.zeros(len(rows), np.int8)
    return Ticks(
        tuple(Instrument(name, decimals[name]) for name in names), symbol, np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.int64), price, size, side, np.zeros(len(rows), np.bool_),
    )  # fmt: skip


def file_source(path: Path, block_bytes: int = 1 << 22) -> FileSource:
    """A recorded file as the flow's source."""
    return FileSource(
        [path], symbols=None, lateness_us=S, archive_lateness_us=0, jump_limit_us=10**12, reject_share=0.05,
        block_bytes=block_bytes, silence_grace_us=3 * S, max_ahead_us=60 * S,
    )  # fmt: skip


def recorded_chunks(path: Path, block_bytes: int = 1 << 22) -> Iterator[Chunk[Ticks]]:
    """The chunks of ticks that the source makes of a recorded file."""
    part = file_source(path, block_bytes).build_part("", PARTITION, None)
    while True:
        try:
            batch = part.next_batch()
        except StopIteration:
            return
        yield from (Chunk(chunk.watermark, chunk.rows) for _, chunk in batch if isinstance(chunk.rows, Ticks))


def by_pair(frames: Iterable[object]) -> dict[tuple[str, str], PairTickStats | PairLeadLag]:
    """Of each pair its rows of each interval, and its looks, in the order in which they came."""
    found: dict[tuple[str, str], list[PairTickStats | PairLeadLag]] = {}
    for frame in frames:
        assert isinstance(frame, PairTickStats | PairLeadLag)
        assert np.all(np.diff(frame.pair) >= 0)
        name = str(frame.interval) if isinstance(frame, PairTickStats) else "looks"
        for p in np.unique(frame.pair).tolist():
            found.setdefault((str(frame.pairs[p]), name), []).append(frame.take(frame.pair == p))
    return {key: concatenated(parts) for key, parts in found.items()}


def bits(frame: PairTickStats | PairLeadLag) -> list[bytes]:
    """Every column but the pair's position to the last bit."""
    values = [getattr(frame, field.name) for field in fields(frame) if field.name != "pair"]
    return [np.ascontiguousarray(value).tobytes() for value in values if isinstance(value, np.ndarray)]
