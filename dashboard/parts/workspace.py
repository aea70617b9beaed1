"""The Workspace view: charts that follow, and the cards beside them."""

import time
from collections.abc import Hashable
from typing import Any

from dashboard.charts.workspace import charts, signal_columns
from dashboard.frame import Frame, columns, plan
from dashboard.parts.part import Context, Seen
from dashboard.selection import Selection
from dashboard.signals import Signals
from dashboard.state import spread_scale, spread_unit
from dashboard.views.notice import computing, notice, waiting
from dashboard.views.quality import legs_card, look_card, verdict_card, why_no_ticks
from dashboard.views.rail import SOURCES, model_card, signal_card, window_table
from dashboard.views.signals import signals_card


class WorkspacePart:
    """The charts on one column source, written to as rows change whether they are shown or not: what was missed could not be told."""

    def __init__(self, context: Context) -> None:
        self._desk = context.desk
        self.charts = charts()
        self.layout: Any = self.charts.layout
        self._selected: tuple[Selection | None, str, int, bool] = (None, "", 0, False)
        self._drawn = Frame()
        self._meta: dict[str, object] = {}
        self._signals = Signals()

    def follow(self, seen: Seen, shown: bool) -> None:
        """Bring the charts up to date."""
        if seen.catalogue is None or seen.now is None or seen.selection is None:
            if seen.at_us is not None and not self._selected[3]:  # rows of now may be later than what is looked back to
                self._selected = (None, "", 0, True)
                self._draw(Frame(generation=-1))
            return
        selected = (seen.selection, self._desk.what, self._desk.lookback, seen.at_us is not None)
        if selected != self._selected:
            self._selected, self._drawn = selected, Frame(generation=-1)
        self._tell(seen)
        self._draw(seen.frame)
        self._mark((seen.selection, seen.at_us is not None and seen.frame.generation), seen.selection, seen.frame)

    def write(self, seen: Seen) -> None:
        """Bring what stands around the charts up to date."""
        now, entry, exit_ = seen.now, self._desk.entry, self._desk.exit
        away = seen.status.down_since is not None
        if now is None:
            asked = bool(seen.status.latency_s)
            self._notice("" if away else waiting(self._desk.dataset, asked))
            return
        self._notice("" if away else computing(now, seen.progress) or notice(now, seen.status.reason))
        self.charts.signal.text = signal_card(now, entry, exit_)
        self.charts.latest.text = signals_card(self._signals.found, entry, exit_)
        self.charts.looks.text = verdict_card(seen.quality, now) + look_card(seen.quality, now)
        self.charts.rail.text = legs_card(seen.quality, now) + window_table(seen.frame, now) + model_card(now)

    def end(self) -> None:
        """Nothing is held."""

    def _notice(self, text: str) -> None:
        self.charts.notice.update(text=text, visible=bool(text))

    def _tell(self, seen: Seen) -> None:
        """Tell the browser how to draw, when that changes."""
        desk, catalogue, now, status = self._desk, seen.catalogue, seen.now, seen.status
        if catalogue is None or now is None:
            return
        meta: dict[str, object] = {
            "key": f"{desk.dataset} {desk.pair} {desk.interval} {desk.what or desk.model}{'' if seen.at_us is None else ' past'}",
            "tried": now.model.name if now.what_if else "",
            "y": now.y.symbol, "x": now.x.symbol, "step": now.interval.us / 1000, "scale": spread_scale(now.model),
            "unit": spread_unit(now.model), "entry": desk.entry, "exit": desk.exit,
            "no_ticks": why_no_ticks(seen.quality, now),
            "no_bodies": "" if now.model.source == "close" else f"the model is of {SOURCES[now.model.source]}",
            "down": status.down_since is not None, "replay": catalogue.recorded,
        }  # fmt: skip
        if meta != self._meta:
            self._meta = meta
            self.charts.source.tags = [{**meta, "now": time.time() * 1000}]
            self.charts.layout.styles = {
                **self.charts.layout.styles,
                "filter": "grayscale(0.75) brightness(0.8)" if meta["down"] else "none",
            }

    def _mark(self, of: Hashable, selection: Selection, frame: Frame) -> None:
        """The signals, and word of those that have just come; after a jump in time none has."""
        signals, rows = self._signals, self.charts.signal_rows
        if signals.follow(of, frame, self._desk.entry, self._desk.exit):
            rows.data = signal_columns(signals.found)
        if signals.fresh:
            columns = signal_columns(signals.fresh)
            fresh = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            rows.tags = [{"pair": str(selection.pair), "fresh": fresh}]

    def _draw(self, frame: Frame) -> None:
        source = self.charts.source
        if self._drawn.generation == -1 or not len(frame):
            if len(frame) or len(source.data["time"]):
                source.data = columns(frame)
        else:
            update = plan(self._drawn, frame)
            if update.full is not None:
                source.data = update.full
            if update.patches:
                source.patch(update.patches)
            if update.stream:
                source.stream(update.stream, rollover=self._desk.lookback)
        self._drawn = frame
