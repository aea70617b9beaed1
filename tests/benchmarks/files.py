"""Lines of the table about files: the whole dataflow against the fastest reader of the same file alone, and against a polars script."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import data
from tests.benchmarks.measure import Run, child, fastest
from tests.benchmarks.table import Line, at_least

OURS, SCRIPT = "pairdesk", "polars script"
WARM_TICKS = 50_000
_WHY_PARQUET = (
    "Why not: we decode with pyarrow, which needs about what polars needs for its whole read; scaling the doubles, folding ticks and "
    "the statistics come on top and are as fast as in the CSV line"
)


def csv_pair(ticks: int, repeats: int) -> list[Line]:
    """One pair, CSV."""
    readers = ("pyarrow csv", "polars csv")
    path, warm = data.csv_file(2, ticks), data.csv_file(2, WARM_TICKS)
    child("tests.benchmarks.same", str(data.csv_file(2, min(ticks, 500_000))), "2")
    runs = fastest((OURS, *readers, SCRIPT), path, warm, 2, repeats)
    work = f"CSV, 2 symbols, {_millions(ticks)}: bars, join, statistics"
    return [
        _against_readers(work, runs, readers, 0.8, ticks),
        _against_script(f"{work}, against a polars script", runs, 1.0, ticks),
    ]


def csv_many(ticks: int, repeats: int) -> list[Line]:
    """Fifty pairs, CSV."""
    path, warm = data.csv_file(100, ticks), data.csv_file(100, WARM_TICKS)
    child("tests.benchmarks.same", str(data.csv_file(100, min(ticks, 500_000))), "100")
    runs = fastest((OURS, SCRIPT), path, warm, 100, repeats)
    return [_against_script(f"CSV, 100 symbols, 50 pairs, {_millions(ticks)}", runs, 1.2, ticks)]


def parquet(ticks: int, repeats: int) -> list[Line]:
    """One pair, Parquet."""
    readers = ("pyarrow parquet", "polars parquet")
    runs = fastest((OURS, *readers), data.parquet_file(2, ticks), data.parquet_file(2, WARM_TICKS), 2, repeats)
    line = _against_readers(f"Parquet, 2 symbols, {_millions(ticks)}, same work", runs, readers, 0.5, ticks)
    return [line if line.met else replace(line, figures=f"{line.figures}. {_WHY_PARQUET}")]


def captures(ticks: int, repeats: int) -> list[Line]:
    """One pair, recorded messages."""
    return [_json_lines("capture", data.capture_file, ticks // 5, repeats)]


def collector(ticks: int, repeats: int) -> list[Line]:
    """One pair, lines of the collector."""
    return [_json_lines("collector", data.collector_file, ticks // 5, repeats)]


def _json_lines(kind: str, made: Callable[[int], Path], ticks: int, repeats: int) -> Line:
    readers = (f"pyarrow {kind}", f"polars {kind}", f"orjson {kind}")

    runs = fastest((OURS, *readers), made(ticks), made(WARM_TICKS), 2, repeats)
    name = "raw capture" if kind == "capture" else "collector NDJSON"
    return _against_readers(f"{name}, 2 symbols, {_millions(ticks)}, same work", runs, readers, 0.6, ticks)


def _against_readers(work: str, runs: dict[str, Run], readers: tuple[str, ...], limit: float, ticks: int) -> Line:
    best = min(readers, key=lambda name: runs[name].cpu_seconds)
    ratio = runs[best].cpu_seconds / runs[OURS].cpu_seconds
    return at_least(work, ratio, limit, f"of {best}", _figures(runs, (OURS, *readers), ticks))


def _against_script(work: str, runs: dict[str, Run], limit: float, ticks: int) -> Line:
    ratio = runs[SCRIPT].cpu_seconds / runs[OURS].cpu_seconds
    return at_least(work, ratio, limit, f"× {SCRIPT}", _figures(runs, (OURS, SCRIPT), ticks))


def _figures(runs: dict[str, Run], names: tuple[str, ...], ticks: int) -> str:
    rate = f"{ticks / runs[OURS].cpu_seconds / 1e6:.1f} M ticks/s; CPU s (wall s): "
    return rate + ", ".join(f"{name} {runs[name].cpu_seconds:.2f} ({runs[name].seconds:.2f})" for name in names)


def _millions(ticks: int) -> str:
    return f"{ticks / 1e6:g} M ticks"
