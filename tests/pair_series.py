"""Series of pair bars for tests: made ones with everything that hurts, and frames around arrays."""

import csv
import gzip
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from flows.domain.frames import PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair

PAIR = Pair("ETHUSDT", "BTCUSDT")
CORE = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_mean", "spread_std",
    "zscore", "zscore_one_step", "correlation", "spread_bp",
)  # fmt: skip
"""Columns that every method but for R² has once it has warmed up."""
FLOATS = (*CORE, "hedge_ratio_se_hac", "innovation_sd", "innovation_autocorrelation")


def logs(prices: np.ndarray) -> np.ndarray:
    """Logarithms by the standard library."""
    return np.array([math.log(p) for p in prices.tolist()])


def recorded_closes(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """A month of real one-minute closes: ETHUSDT and BTCUSDT, shape (43199,) each."""
    closes: dict[str, list[float]] = {"ETHUSDT": [], "BTCUSDT": []}
    with gzip.open(shared_data / "ohlcv" / "um_1m_BTCUSDT_ETHUSDT_20250504-0603.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            closes[row["symbol"]].append(float(row["close"]))
    return np.array(closes["ETHUSDT"]), np.array(closes["BTCUSDT"])


def hard_closes(rows: int, seed: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of two legs: most unchanged, flat stretches of each leg and of both, a jump, and a print a thousand times too high."""
    rng = np.random.default_rng(seed)
    x = 60_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows) * (rng.random(rows) < 0.58)))
    y = 3_000 * np.exp(0.8 * np.log(x / 60_000) + np.cumsum(rng.normal(0, 5e-5, rows) * (rng.random(rows) < 0.41)))
    part = rows // 8
    x[part : part + part // 2] = x[part]
    y[2 * part : 2 * part + part // 2] = y[2 * part]
    x[3 * part : 3 * part + part // 2] = x[3 * part]
    y[3 * part : 3 * part + part // 2] = y[3 * part]
    x[5 * part :] *= 1.03
    x, y = np.round(x, 1), np.round(y, 2)
    x[6 * part] *= 1_000
    return y, x


def planted(rows: int, half_life: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices of two legs at bitcoin-like levels with an AR(1) mispricing of 3 bp, and that mispricing."""
    rng = np.random.default_rng(42)
    phi, sd = 0.5 ** (1 / half_life), 3e-4
    mispricing = np.empty(rows)
    level = 0.0
    for i, shock in enumerate(rng.normal(0, sd * np.sqrt(1 - phi**2), rows).tolist()):
        level = phi * level + shock
        mispricing[i] = level
    log_x = np.log(60_000) + np.cumsum(rng.normal(0, 1e-4, rows))
    log_y = np.log(3_000) + 0.85 * (log_x - log_x[0]) + mispricing
    return np.round(np.exp(log_y), 2), np.round(np.exp(log_x), 1), mispricing


def pair_bars(
    y: np.ndarray,
    x: np.ndarray,
    index: np.ndarray | None = None,
    interval: Interval = Interval.S1,
    y_vwap: np.ndarray | None = None,
    x_vwap: np.ndarray | None = None,
) -> PairBars:
    """Fresh closed bars at absolute indices, by default consecutive ones that do not begin at a block."""
    rows = len(y)
    index = np.arange(1_700_000_123, 1_700_000_123 + rows) if index is None else index
    none, one = np.zeros(rows, np.int64), np.ones(rows, np.int64)
    no_gap = np.zeros(rows, np.int8)
    return PairBars(
        (PAIR,),
        np.zeros(rows, np.int32),
        interval,
        index * interval.us,
        y,
        x,
        y if y_vwap is None else y_vwap,
        x if x_vwap is None else x_vwap,
        none,
        none,
        one,
        one,
        np.ones(rows, np.bool_),
        no_gap,
    )


def together(of_pairs: dict[Pair, PairBars]) -> PairBars:
    """Bars of several pairs in one frame."""
    frames = [replace(bars, pair=np.full(len(bars), p, np.int32)) for p, bars in enumerate(of_pairs.values())]
    return replace(concatenated(frames), pairs=tuple(of_pairs))


def assert_same_bits(a: PairStats, b: PairStats) -> None:
    """Every column equal to the last bit; a NaN equals a NaN."""
    assert (a.pairs, a.interval, a.model) == (b.pairs, b.interval, b.model)
    for name in (
        *FLOATS,
        "pair",
        "open_time",
        "n",
        "fit_age",
        "warmup_left",
        "y_age_ms",
        "x_age_ms",
        "y_trade_count",
        "stale",
        "complete",
        "gap",
    ):
        left, right = getattr(a, name), getattr(b, name)
        assert left.shape == right.shape, name
        same = left == right
        if name in FLOATS:
            same = (left.view(np.int64) == right.view(np.int64)) | (np.isnan(left) & np.isnan(right))
        assert same.all(), (name, np.flatnonzero(~same)[:5], left[~same][:5], right[~same][:5])
