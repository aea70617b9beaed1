"""The lines about the statistics: one change of parameters on stored bars, a live second of many pairs, and what dashboards usually do."""

from tests.benchmarks.measure import child
from tests.benchmarks.stat_load import DAY, WINDOW
from tests.benchmarks.table import Line, at_least, at_most


def statistics(ticks: int, repeats: int) -> list[Line]:
    """The fastest of several runs; the number of ticks is that of all works and has no meaning here."""
    runs = [child("tests.benchmarks.stat_load") for _ in range(repeats)]
    what_if = {method: min(run["what_if"][method] for run in runs) for method in runs[0]["what_if"]}
    live, usual = (min(run[name] for run in runs) for name in ("live", "usual"))
    seconds = min((child("tests.benchmarks.stat_seconds") for _ in range(repeats)), key=lambda run: run["ms_per_s"])
    per_bar = 1e6 * what_if["ols"] / DAY
    lines = [
        at_most("OLS, errors, both z, correlation, columnar", per_bar, 0.25, "µs per pair-bar", f"{DAY:,} bars of one pair"),
        at_most(
            "100 pairs at 1s live: five methods, both correlations, tests", seconds["ms_per_s"] / 10, 5.0, "% of a core",
            f"{seconds['ms_per_s']:.1f} ms a second in the whole dataflow with {seconds['trades_per_s']:,} trades/s",
        ),
        at_most(
            "the same, the slowest of a hundred seconds", seconds["p99_ms"], 50.0, "ms",
            f"p50 {seconds['p50_ms']:.1f} ms, longest {seconds['longest_ms']:.1f} ms, of processor time",
        ),
    ]  # fmt: skip
    for method, needed in what_if.items():
        lines.append(
            at_most(f"{method}: change of parameters over {DAY:,} bars", 1e3 * needed, 150.0, "ms", "one call")
        )
    figures = (
        f"{1e3 * usual:.1f} ms a refresh against {1e6 * live:.1f} µs a bar of one of 50 pairs that come bar by bar"
    )
    work = f"the usual dashboard: OLS, rolling z, correlation, adfuller over {WINDOW} bars anew at each refresh"
    return [*lines, at_least(work, usual / live, 500.0, "times ours", figures)]
