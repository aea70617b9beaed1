"""Is it the same work? `python -m tests.benchmarks.same FILE SYMBOLS`: the flow's Parquet files against the polars script's frames.

Every complete bar must be there on both sides with equal values, and so must the statistics but for the rounding of rolling sums. Prints
JSON with the rows compared.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.data import pairs_of
from tests.benchmarks.polars_pairs import MS, run
from tests.benchmarks.work import bench_settings

_STATISTICS = (
    "hedge_ratio",
    "hedge_ratio_se",
    "intercept",
    "r_squared",
    "spread",
    "spread_std",
    "zscore",
    "correlation",
)
_TOLERANCE = 1e-3
"""Of a column's largest value. The script's sums are those of levels, which cancel; any other window or formula is far outside."""


def main() -> None:
    path, symbols = Path(sys.argv[1]), int(sys.argv[2])
    theirs = run(path, pairs_of(symbols))
    with tempfile.TemporaryDirectory() as out:
        bars, stats = _ours(path, symbols, Path(out))
    compared = {}
    for interval in MS:
        compared[f"bars {interval}"] = _same_bars(bars.filter(interval=interval), theirs.bars[interval])
        compared[f"statistics {interval}"] = _same_stats(stats.filter(interval=interval), theirs.stats[interval])
    sys.stdout.write(json.dumps(compared) + "\n")


def _ours(path: Path, symbols: int, out: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Complete rows of the flow, times in ms."""
    from flows.replay import replay

    settings = bench_settings(symbols)
    settings = replace(settings, join=replace(settings.join, stale_after_s=1e6))  # the script knows no stale legs
    replay([path], settings, out, None)
    frames = (pl.read_parquet(out / f"{name}.parquet") for name in ("bars", "pair_stats"))
    bars, stats = (
        frame.filter(pl.col("complete")).with_columns(pl.col("open_time").dt.epoch("ms")) for frame in frames
    )
    return bars.with_columns(pl.col("last_trade_time").dt.epoch("ms")), stats


def _same_bars(ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    keys = ["symbol", "open_time"]
    end = ours["open_time"].max()
    theirs = theirs.filter(pl.col("open_time") <= end).with_columns(pl.col("symbol").cast(pl.String)).sort(keys)
    ours = ours.with_columns(pl.col("symbol").cast(pl.String)).sort(keys)
    _check(ours.select(keys).equals(theirs.select(keys)), f"open times differ: {len(ours)} bars and {len(theirs)}")
    for name in theirs.columns[2:]:
        a, b = (frame[name].cast(pl.Float64).to_numpy() for frame in (ours, theirs))
        close = np.isclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True)
        _check(bool(close.all()), f"{name} differs in {np.count_nonzero(~close)} of {len(a)} bars")
    return len(ours)


def _same_stats(ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    keys = ["pair", "open_time"]
    ours = ours.with_columns(pl.col("pair").cast(pl.String)).sort(keys)
    both = ours.join(theirs, on=keys, suffix="_theirs", maintain_order="left")
    _check(len(both) == len(ours), f"{len(ours)} rows of statistics, {len(both)} of them on both sides")
    for name in _STATISTICS:
        a, b = both[name].to_numpy(), both[f"{name}_theirs"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        _check(bool(np.array_equal(np.isnan(a), np.isnan(b))), f"{name} is known on one side only")
        if not np.isnan(a).all():
            worst = np.nanmax(np.abs(a - b)) / np.nanmax(np.abs(a))
            _check(bool(worst < _TOLERANCE), f"{name} differs by {worst:.1e} of its range")
    return len(ours)


def _check(same: bool, problem: str) -> None:
    if not same:
        raise SystemExit(f"the dataflow and the polars script do not make the same: {problem}")


if __name__ == "__main__":
    main()
