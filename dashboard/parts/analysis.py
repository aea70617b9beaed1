"""The Analysis view: how the legs hang together over the window and the look-back. Computed once for all pages that look at the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bokeh.models import Column, Row

from dashboard.analysis.rows import Asked
from dashboard.analysis.watch import AnalysisWatch, loading
from dashboard.charts.analysis import pictures
from dashboard.charts.panel import html
from dashboard.parts.part import Context, Seen
from dashboard.parts.ticks import Trades
from dashboard.state import spread_unit
from dashboard.views import analysis as words
from dashboard.views.looks import looks_panel
from dashboard.views.summaries import liquidity_card, summaries_card

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars, OfLead, OfLooks


_READING = "Reading the bars and computing."


@dataclass(frozen=True)
class _Drawn:
    """What the browser shows: the parts of the analysis that was asked for, and why there is nothing where there is none."""

    why: str = ""
    asked: Asked | None = None
    bars: "OfBars | None" = None
    looks: "OfLooks | None" = None
    lead: "OfLead | None" = None


class AnalysisPart:
    """The pictures and tables, and the watch behind them. Nothing is computed while no page shows it."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon = context.hub, context.desk, context.soon
        self.pictures, self.trades = pictures(), Trades(context)
        self.tests, self.summaries, self.liquidity = (
            html(name, by_browser=False) for name in ("all-tests", "summaries", "liquidity")
        )
        self.layout: Any = self._layout()
        self._watch: AnalysisWatch | None = None
        self._last: AnalysisWatch | None = None
        self._ending: Callable[[], None] | None = None
        self._drawn = _Drawn(_READING)
        self._draw(
            self._drawn, "", ""
        )  # before the browser is told of the pictures: it gets them so, and not one by one

    def _layout(self) -> Any:
        p = self.pictures
        for region, grow in ((self.tests, "5 1 0"), (self.summaries, "9 1 0"), (self.liquidity, "4 1 0")):
            region.styles = {"flex": grow, "min-width": "0", "overflow": "auto"}
        lines = _row(
            "348px", _column(5, p.scatter), _column(4, p.spread, p.zscore), _column(4, p.lags, p.lead),
        )  # fmt: skip
        looks = _row("380px", self.tests, _column(4, p.shares, p.half_lives))
        tables = _row("", self.summaries, self.liquidity)
        return Column(
            lines, looks, *self.trades.layouts, tables, name="analysis-view", sizing_mode="stretch_both", spacing=6, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0", "overflow": "auto"},
        )  # fmt: skip

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch what the page shows, or let go of it."""
        self.trades.follow(seen, shown)
        if not shown or seen.selection is None or seen.now is None:
            self.end()
            return
        asked = Asked(seen.selection, seen.now.model, self._desk.lookback, seen.now.what_if)
        if self._watch is not None and self._watch.of == asked:
            return
        before = self._ending
        self._watch = self._last = self._hub.analysis(asked, self._last)
        self._ending = self._watch.subscribe(self._soon)
        if before is not None:
            before()

    def write(self, seen: Seen) -> None:
        """Draw what has changed since the last time."""
        self.trades.write(seen)
        watch = self._watch
        found = watch.analysis if watch is not None else None
        before = self._drawn
        if found is None and watch is not None and before.asked == watch.of:
            return  # back on the view: what it showed last stays until there is something newer
        now = (
            _Drawn(_why(watch, seen))
            if watch is None or found is None
            else _Drawn("", watch.of, found.bars, found.looks, found.lead)
        )
        self._drawn = now
        y, x = (seen.selection.pair.y, seen.selection.pair.x) if seen.selection is not None else ("", "")
        self._draw(now, y, x, before if before.why == now.why else None)

    def _draw(self, now: _Drawn, y: str, x: str, before: _Drawn | None = None) -> None:
        """What differs from `before`, all without it."""
        if before is None or before.bars is not now.bars:
            self._draw_bars(now, x)
        if before is None or before.looks is not now.looks:
            self._draw_looks(now, y, x)
        if before is None or before.lead is not now.lead:
            self._draw_lead(now, y, x)

    def _draw_bars(self, now: _Drawn, x: str) -> None:
        of, p = now.bars, self.pictures
        if of is None:
            none = words.note("No bars yet", now.why or "The first comes as soon as both legs have closed one.")
            p.scatter.draw(None, words.head("Regression"), "", none)
            p.spread.draw(None, words.head("Spread"), none)
            p.zscore.draw(None, words.head("z"), none)
            p.lags.draw(None, words.head("Autocorrelation"), none)
            self.summaries.text = self.liquidity.text = ""
            return
        model = of.asked.model
        unit = f" {spread_unit(model)}"
        window = f"of the line's {len(of.fit.times):,} bars"
        p.scatter.draw(of, words.lines_head(of), words.lines_legend(of), "")
        p.spread.draw(
            of.spread, words.histogram_head("Spread", of.spread, unit, window, 2), words.note_of(of.spread.reason, of)
        )
        p.zscore.draw(
            of.zscore,
            words.histogram_head(
                "z", of.zscore, "", f"{'what if' if of.asked.what_if else 'as said'} over {of.bars:,} bars", 2
            ),
            words.note_of(of.zscore.reason, of),
        )
        p.lags.draw(of, words.acf_head(of.spread_acf, of.change_acf), words.note_of(of.spread_acf.reason, of))
        self.summaries.text, self.liquidity.text = summaries_card(of), liquidity_card(of)

    def _draw_looks(self, now: _Drawn, y: str, x: str) -> None:
        of, p = now.looks, self.pictures
        if of is None:
            none = words.note("No looks yet", now.why)
            p.shares.draw(None, words.head("Share of looks that pass"), none)
            p.half_lives.draw(None, words.head("Half-life"), none)
            self.tests.text = ""
            return
        p.shares.draw(of, words.share_head(of), words.looks_note(of))
        p.half_lives.draw(of, words.half_life_head(of), words.looks_note(of))
        self.tests.text = looks_panel(of, y, x)

    def _draw_lead(self, now: _Drawn, y: str, x: str) -> None:
        of = now.lead
        why = words.note("No curve", now.why) if of is None else words.lead_note(of)
        head = words.head("Which leg leads") if of is None else words.lead_head(of, y, x)
        self.pictures.lead.draw(of, head, words.lead_foot(y, x), why)

    def end(self) -> None:
        """Let go of the watch. What is drawn stays, and is brought up to date by the next visit."""
        self.trades.end()
        if self._ending is not None:
            self._ending()
        self._watch = self._ending = None


def _why(watch: AnalysisWatch | None, seen: Seen) -> str:
    """Why there is no analysis yet."""
    if watch is None:
        return "Nothing has been written to this dataset yet." if seen.status.latency_s else "Asking the database."
    if watch.status.down_since is not None:
        return "The database is away; this goes on when it is back."
    if watch.status.reason:
        return f"The database says: {watch.status.reason}"
    return "Loading the libraries; seconds, once for the whole server." if loading() else _READING


def _row(height: str, *parts: Any) -> Row:
    """Side by side; as high as said, or as what stands in it."""
    size = {"flex": f"0 0 {height}", "height": height} if height else {"flex": "0 0 auto"}
    return Row(*parts, sizing_mode="stretch_width", spacing=6, margin=0, styles=size)


def _column(weight: int, *drawn: Any) -> Column:
    """Pictures one under the other; `weight` is the share of the row."""
    return Column(
        *(one.picture.layout for one in drawn), sizing_mode="stretch_both", spacing=6, margin=0,
        styles={"flex": f"{weight} 1 0", "min-width": "0", "height": "100%"},
    )  # fmt: skip
