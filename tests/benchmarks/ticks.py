"""The lines about the correlation of ticks: what it costs beside a live flow."""

from tests.benchmarks.measure import child
from tests.benchmarks.table import Line, at_most

_EVERY_S = 60


def ticks(ticks: int, repeats: int) -> list[Line]:
    """The fastest of several runs of a minute; the number of ticks is that of all works and has no meaning here."""
    alone, looking = (
        min((child("tests.benchmarks.tick_load", str(every)) for _ in range(repeats)), key=lambda run: run["ms_per_s"])
        for every in (0, _EVERY_S)
    )
    per_look = (looking["ms_per_s"] - alone["ms_per_s"]) / looking["looks_per_s"]
    what = "correlation of ticks, 100 symbols, 99 pairs, 20,000 trades/s"
    cost = f"{alone['ms_per_s']:.1f} ms a second without looks at which leg leads, {looking['ms_per_s']:.1f} with one each {_EVERY_S} s"
    looks = f"{per_look:.1f} ms a look, {looking['looks_per_s']:.2f} looks a second; slowest without looks {alone['slowest_ms']:.1f} ms"
    return [
        at_most(f"{what}, 1s, 1m, 5m", alone["ms_per_s"] / 10, 5.0, "% of a core", cost),
        at_most(f"{what}: slowest chunk of 50 ms, looks included", looking["slowest_ms"], 10.0, "ms", looks),
    ]
