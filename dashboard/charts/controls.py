"""What stands in the side bar under the selectors. All of it acts in the browser, which tells the server what it has to know."""

from collections.abc import Mapping

_VISIBLE = """<div class="label-text">Visible bars</div><div class="buttons" role="group" aria-label="Visible bars">
<button data-bars="60" onclick="pairsDesk.show(60)">60</button><button data-bars="180" onclick="pairsDesk.show(180)">180</button>
<button data-bars="600" onclick="pairsDesk.show(600)">600</button><button data-bars="all" onclick="pairsDesk.show(Infinity)">all</button>
</div><button class="live" onclick="pairsDesk.goLive()">● Go live</button>
<button class="live explain" title="how the numbers of a bar came to be; click a chart to choose the bar"
 onclick="pairsDesk.explain()">Explain <span>newest bar</span></button>"""

_SPREAD = """<div class="label-text section">Spread</div><div class="buttons two" role="group" aria-label="Spread as">
<button data-bodies="" onclick="pairsDesk.showBodies(false)">line</button>
<button data-bodies="1" onclick="pairsDesk.showBodies(true)"
 title="from open to close of each bar; high and low are not known">candles</button></div>"""

_SIGNALS = """<div class="label-text">Signals at the close</div>
<label class="check"><input type="checkbox" data-kept="sound" onchange="pairsDesk.wantSound(this.checked)"> Sound on signal</label>
<label class="check"><input type="checkbox" data-kept="notify" onchange="pairsDesk.wantNotification(this.checked)">
 Desktop notification</label>
<div class="refused" role="status"></div>"""

_TITLES = {
    "entry": "a position is entered where |z| reaches it",
    "exit": "and left where z comes back to it; never above entry",
}


def controls(bounds: Mapping[str, tuple[float, float]]) -> str:
    """The buttons, thresholds and switches.

    Args:
        bounds: lowest and highest of each threshold, `entry` and `exit`.
    """
    thresholds = "".join(_threshold(name, *bounds[name]) for name in ("entry", "exit"))
    return f'{_VISIBLE}{_SPREAD}<div class="label-text section">Thresholds</div>{thresholds}{_SIGNALS}'


def _threshold(name: str, low: float, high: float) -> str:
    label, common = f"{name.capitalize()} |z|", f'min="{low:g}" max="{high:g}" data-threshold="{name}" step="0.05"'
    return (
        f'<div class="threshold" title="{_TITLES[name]}"><label for="{name}-number">{label}</label>'
        f'<input id="{name}-number" type="number" {common} onchange="pairsDesk.threshold(\'{name}\', this.value, true)">'
        f'<input type="range" aria-label="{label}, slider" {common} oninput="pairsDesk.threshold(\'{name}\', this.value, false)"'
        f" onchange=\"pairsDesk.threshold('{name}', this.value, true)\"></div>"
    )
