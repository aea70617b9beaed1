"""The words around the pictures of trades."""

from dashboard.analysis.ticks import COLUMNS, RANGES, Grid, TickGrids
from dashboard.views.analysis import head, note
from dashboard.views.text import date_utc, moment_utc, number

_NAMES = {"1h": "1 h", "6h": "6 h", "24h": "24 h", "all": "all stored"}

_ASK = "Bokeh.documents[0].get_model_by_name('tick-ranges').tags = [{{ ticks: '{}', at: Date.now() }}]"
"""With the time, so that the same range can be asked for again."""


def ranges(chosen: str, zoomed: bool) -> str:
    """The buttons of the range; none is pressed while a part is zoomed into."""
    buttons = "".join(
        f'<button aria-pressed="{"true" if name == chosen and not zoomed else "false"}" data-ticks="{name}"'
        f' onclick="{_ASK.format(name)}">{_NAMES[name]}</button>'
        for name in RANGES
    )
    hint = "zoomed: double click or a button goes back" if zoomed else "drag and wheel move and zoom"
    return (
        f'<div class="filter ranges" role="group" aria-label="Range of the trades"><span class="label">Trades</span>{buttons}'
        f'<span class="muted">{hint}</span></div>'
    )


def ticks_head(grid: Grid | None, symbol: str, grids: TickGrids | None) -> str:
    """How many trades are in view, and how fine the cells are."""
    if grid is None or grids is None or not grid.trades:
        return head(symbol)
    cell_s = (grids.end_us - grids.start_us) / COLUMNS / 1e6
    decimals = 4 if grid.row_height < 0.1 else 2
    return head(
        symbol,
        f"<b data-trades>{grid.trades:,}</b> trades in view",
        f"{date_utc(grids.start_us).removesuffix(' UTC')} to {moment_utc(grids.end_us, grids.start_us)}",
        f'<span class="wide">a cell is {number(cell_s, 3 if cell_s < 1 else 1)} s × {number(grid.row_height, decimals)}</span>',
    )


def ticks_note(grid: Grid | None, grids: TickGrids | None, why: str) -> str:
    """Why there is no picture; '' where there is one."""
    if grids is None:
        return note("Trades", why)
    if grids.why:
        return note("No trades", grids.why)
    return (
        ""
        if grid is not None and grid.trades
        else note("No trade in view", "A double click goes back to those stored.")
    )
