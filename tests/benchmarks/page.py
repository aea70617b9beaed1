"""The line about the page: what one refresh costs the server."""

from tests.benchmarks.table import Line


def page(ticks: int, repeats: int) -> list[Line]:
    """One run of the page's own benchmark; the arguments are those of all works and have no meaning here."""
    from tests.benchmarks.dashboard_cost import BYTES_BOUND, CPU_BOUND_MS, measure

    figures = measure()
    cpu, size = figures["server_cpu_ms_per_refresh"], figures["websocket_bytes_per_refresh"]
    return [
        Line(
            "dashboard, one page, 600 bars: a refresh",
            f"{cpu:.1f} ms CPU, {size / 1000:.1f} kB",
            f"≤ {CPU_BOUND_MS:g}, ≤ {BYTES_BOUND / 1000:g}",
            cpu <= CPU_BOUND_MS and size <= BYTES_BOUND,
            f"{figures['refreshes']} refreshes, {figures['refreshes_per_s']:.1f} a second; row written → drawn p95 "
            f"{figures['write_to_drawn_p95_ms']:.0f} ms",
        )
    ]
