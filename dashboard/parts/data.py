"""The Data view: what is stored, the newest ticks, export and upload."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bokeh.models import Column, CustomJS, InlineStyleSheet, Row

from dashboard import theme, transfers
from dashboard.charts.panel import html
from dashboard.parts.exporter import Choice, Exporter
from dashboard.parts.part import Context, Seen
from dashboard.stored import Stored
from dashboard.stored_watch import StoredWatch, TradesWatch
from dashboard.transfers import too_large
from dashboard.uploader import Uploader
from dashboard.views.export import export_form
from dashboard.views.stored import stored_card, trades_card
from dashboard.views.upload import upload_form, upload_report

_SIDE_PX = 372


class DataPart:
    """The regions, and the watches behind them. What is asked of the server comes as tags of `box`, which shows nothing."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon = context.hub, context.desk, context.soon
        self._transfers = transfers.begin()
        self.exporter = Exporter(context.hub, self._transfers, context.soon)
        self.form, self.status, self.stored, self.trades = map(
            _region, ("export-form", "export-status", "stored", "trades")
        )
        self.box = html("data-box", by_browser=False)
        self.box.visible = False
        self.uploader = Uploader(self._transfers, context.soon)
        self.upload, self.report = _region("upload-form"), _region("upload-report")
        if transfers.served:
            self.upload.text = upload_form(self._transfers.token, too_large("{size}"))
        self._seen = Seen()
        self._paused = False
        self._stored: StoredWatch | None = None
        self._trades: TradesWatch | None = None
        self._endings: dict[str, Callable[[], None]] = {}
        self.box.on_change("tags", self._asked)
        self.box.js_on_change("tags", CustomJS(code="pairsTransfers.shown()"))
        self.status.js_on_change("text", CustomJS(code="pairsTransfers.save()"))
        self.layout: Any = self._layout()

    def _layout(self) -> Any:
        self.stored.styles = {"flex": "0 1 auto", "max-height": "58%", "min-height": "180px", "overflow": "auto"}
        self.trades.styles = {"flex": "1 1 0", "min-height": "0", "overflow": "auto"}
        side = Column(
            *(self.form, self.status, self.upload, self.report, self.box),
            name="data-side", width=_SIDE_PX, sizing_mode="stretch_height", spacing=0, margin=0,
            styles={"flex": f"0 0 {_SIDE_PX}px", "width": f"{_SIDE_PX}px", "overflow": "auto", "height": "100%"},
        )  # fmt: skip
        main = Column(
            self.stored, self.trades, sizing_mode="stretch_both", spacing=0, margin=0,
            styles={"flex": "1 1 0", "min-width": "0", "min-height": "0"},
        )  # fmt: skip
        return Row(
            side, main, name="data-view", sizing_mode="stretch_both", spacing=6, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0"},
        )  # fmt: skip

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch what the view needs."""
        self._seen = seen
        catalogue, selection = seen.catalogue, seen.selection
        if not shown or catalogue is None or selection is None:
            self._unwatch()
            return
        dataset, intervals, pair = catalogue.dataset, catalogue.intervals, selection.pair
        if "stored" not in self._endings:
            key = (StoredWatch, dataset, intervals)
            self._stored = self._hub.kept(key, lambda source: StoredWatch(source, dataset, intervals))
            self._endings["stored"] = self._stored.subscribe(self._soon)
        if self._trades is None or self._trades.pair != pair:
            before = self._endings.pop("trades", None)
            self._trades = self._hub.kept(
                (TradesWatch, dataset, pair), lambda source: TradesWatch(source, dataset, pair)
            )
            self._endings["trades"] = self._trades.subscribe(self._soon)
            if before is not None:
                before()

    def write(self, seen: Seen) -> None:
        """Bring the regions up to date."""
        catalogue = seen.catalogue
        if catalogue is None or seen.selection is None:
            self.stored.text = stored_card(Stored(), self._desk.dataset, "", "Nothing has been written here yet.")
            return
        watch = self._stored
        stored = watch.stored if watch is not None else Stored()
        self.stored.text = stored_card(
            stored, catalogue.dataset, catalogue.origin, watch.status.reason if watch is not None else ""
        )
        names = [table.name for table in stored.tables if table.rows is not None]
        if names:
            if self.exporter.choice.table not in names:
                self.exporter.choice = replace(self.exporter.choice, table=names[0])
            choice = self.exporter.choice
            self.form.text = self._form_text(names, choice)
        self.status.text = self.exporter.status()
        self.report.text = upload_report(self.uploader.upload, [str(pair) for pair in catalogue.pairs])
        if self._trades is not None and self._trades.asked and not self._paused:
            why = "No ticks are stored: candles have none." if catalogue.recorded else "No trade has been stored yet."
            self.trades.text = trades_card(self._trades.trades, False, self._trades.status.reason or why)

    def _form_text(self, names: list[str], choice: Choice) -> str:
        """Written anew only with other tables or another pair: the browser keeps what is chosen in it."""
        made = (tuple(names), str(self._seen.selection.pair) if self._seen.selection else "")
        if getattr(self, "_made", None) == made:
            return str(self.form.text)
        self._made = made
        return export_form(names, choice.table, choice.form, choice.whose, made[1], transfers.served)

    def end(self) -> None:
        """Let go of everything."""
        self._unwatch()
        self.exporter.end()
        self.uploader.end()
        self._transfers.end()

    def _unwatch(self) -> None:
        for ending in self._endings.values():
            ending()
        self._endings.clear()
        self._stored = self._trades = None

    def _asked(self, _name: str, _old: object, new: list[dict[str, Any]]) -> None:
        """Something was chosen or pressed. Texts of the browser are not believed: each is checked where it is used."""
        values = new[0]
        if values.get("preset"):
            return  # our own answer
        action = str(values.get("action", ""))
        stored = self._stored.stored if self._stored is not None else Stored()
        if action in ("change", "export") or action.startswith("preset-"):
            self.exporter.choice = Choice(
                **{name: str(values.get(name, ""))[:100] for name in ("table", "form", "whose", "since", "until")}
            )
        if action == "export":
            self.exporter.begin(self._seen, stored)
        elif action == "cancel":
            self.exporter.cancel()
        elif action == "pause":
            self._pause()
        elif action == "check":
            self.uploader.check([str(key) for key in values.get("files", ())])
        elif action == "store":
            self.uploader.store(str(values.get("dataset", "")), str(values.get("pairs", ""))[:1_000])
        elif action == "cancel-upload":
            self.uploader.cancel()
        elif action == "discard":
            self.uploader.discard()
        elif action.startswith("preset-"):
            texts = self.exporter.preset(action.removeprefix("preset-"), self._seen, stored)
            self.exporter.choice = replace(self.exporter.choice, **texts)
            self.box.tags = [{**values, **texts, "preset": True}]
        self._soon()

    def _pause(self) -> None:
        self._paused = not self._paused
        if self._paused and self._trades is not None:
            self.trades.text = trades_card(self._trades.trades, True, "")


def _region(name: str) -> Any:
    region = html(name, by_browser=False)
    region.stylesheets = [*region.stylesheets, InlineStyleSheet(css=theme.DATA_CSS)]
    return region
