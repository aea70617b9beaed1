"""The view-model: what a page shows and how the newest rows read. Knows neither Panel nor the browser."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

import numpy as np
import param

from dashboard.analysis.ticks import RANGES
from dashboard.data import Catalogue
from dashboard.frame import Frame
from dashboard.model_text import read_model, text_of
from dashboard.playhead import SPEEDS
from dashboard.selection import Selection
from flows.domain.frames import LEG_NAMES
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.explain.question import iso, microseconds
from flows.storage.schema import dataset_problem

VIEWS = ("workspace", "pairs", "analysis", "data", "health", "explain")
EARLIER_VIEWS = {"feed": "health"}
"""Names that addresses of earlier versions have."""
SPREADS = ("", "line", "candles")
TICK_RANGES = tuple(RANGES)
THEMES = ("", "dark", "light")
"""'' is what the browser was used with last."""
LOOKBACKS = (600, 1800, 5000)
LONGEST_TIME = 40
BOARD_COLUMNS = (
    "pair", "z", "signal", "one-step", "spread", "rho", "ticks", "beta", "fit", "half-life", "verdict", "change", "age"
)  # fmt: skip
"""What the table of pairs can be sorted by; a minus before it for largest first."""
BOARD_MAPS = ("rho", "z")
LONGEST_FILTER = 40
LATEST_US = 4_102_444_800_000_000
"""2100: a later time is a mistake."""
THRESHOLDS = {"entry": (0.5, 5.0), "exit": (0.0, 2.0)}
"""Bounds of |z|; exit is never above entry."""


class Desk(param.Parameterized):
    """What one page looks at. Empty texts mean "not chosen yet": the catalogue's first is taken when it is known.

    Attributes:
        at_us: the moment the page looks back to, None for now. speed: how many times as fast as time it plays.
        board_sort: one of `BOARD_COLUMNS`, with a minus for largest first; '' for the order of the catalogue.
        board_filter: words of which all must stand in a row of the table of pairs. board_map: what its heat map shows.
        bodies: whether the spread is drawn as candles.
        ticks: how far back the pictures of trades reach.
        what: the model that is tried out, as `dashboard.model_text` writes it; '' while the stored one is looked at.
        explain: time of the bar whose numbers are to be explained, as it stands in the address; '' for the newest closed one.
    """

    dataset: str = param.String("")
    pair: str = param.String("")
    interval: str = param.String("")
    model: str = param.String("")
    what: str = param.String("")
    lookback: int = param.Integer(600, bounds=(10, 100_000))
    view: str = param.Selector(default=VIEWS[0], objects=list(VIEWS))
    gaps_only: bool = param.Boolean(False)
    explain: str = param.String("")
    bodies: bool = param.Boolean(False)
    ticks: str = param.Selector(default=TICK_RANGES[0], objects=list(TICK_RANGES))
    at_us: int | None = param.Integer(None, bounds=(0, LATEST_US), allow_None=True)
    speed: float = param.Selector(default=SPEEDS[0], objects=list(SPEEDS))
    theme: str = param.Selector(default=THEMES[0], objects=list(THEMES))
    board_sort: str = param.String("")
    board_filter: str = param.String("")
    board_map: str = param.Selector(default=BOARD_MAPS[0], objects=list(BOARD_MAPS))
    entry: float = param.Number(2.0, bounds=THRESHOLDS["entry"])
    exit: float = param.Number(0.5, bounds=THRESHOLDS["exit"])
    catalogue: Catalogue | None = param.Parameter(None)
    remarks: tuple[str, ...] = param.Parameter(())

    @property
    def selection(self) -> Selection | None:
        """What to read, once the catalogue has confirmed it."""
        if self.catalogue is None:
            return None
        return Selection(self.dataset, Pair.parse(self.pair), Interval(self.interval), self.model)

    @property
    def what_if(self) -> Model | None:
        """The model that is tried out in place of the stored one."""
        return read_model(self.what)[0] if self.what else None

    def adopt(self, catalogue: Catalogue) -> None:
        """Take what the dataset has; what was chosen and is not there gives way to its first, and that is said."""
        remarks = list(self.remarks)
        chosen = {}
        for name, texts in (
            ("pair", [str(pair) for pair in catalogue.pairs]),
            ("interval", [str(interval) for interval in catalogue.intervals]),
            ("model", [model.name for model in catalogue.models]),
        ):
            wanted = getattr(self, name)
            chosen[name] = wanted if wanted in texts else texts[0]
            if wanted and wanted != chosen[name]:
                remarks.append(f'no {name} "{wanted}" here: showing {chosen[name]}')
        self.param.update(catalogue=catalogue, remarks=tuple(remarks), **chosen)

    def read(self, query: Mapping[str, str]) -> None:
        """Take the state from an address: each value by itself, a bad one is left out and said."""
        remarks = list(self.remarks)
        if problem := dataset_problem(query.get("dataset", "")):
            remarks.append(problem)
        else:
            self.dataset = query.get("dataset", "")
        self.pair, self.interval, self.model = (query.get(key, "") for key in ("pair", "tf", "model"))
        if (spread := query.get("spread", "")) in SPREADS:
            self.bodies = spread == "candles"
        else:
            remarks.append(f'address: spread must be line or candles, was "{spread}"')
        if what := query.get("what", ""):
            tried, wrong = read_model(what)
            self.what = text_of(tried)
            remarks += wrong
        self.gaps_only = query.get("gaps", "") == "1"
        self.explain = query.get("explain", "")[:LONGEST_TIME]
        view = query.get("view", "explain" if self.explain else VIEWS[0])
        if (known := EARLIER_VIEWS.get(view, view)) in VIEWS:
            self.view = known
        else:
            remarks.append(f'address: view must be one of {", ".join(VIEWS)}, was "{view}"')
        if (ticks := query.get("ticks", TICK_RANGES[0])) in TICK_RANGES:
            self.ticks = ticks
        else:
            remarks.append(f'address: ticks must be one of {", ".join(TICK_RANGES)}, was "{ticks}"')
        remarks += self._read_moment(query)
        if (theme := query.get("theme", "")) in THEMES:
            self.theme = theme
        else:
            remarks.append(f'address: theme must be dark or light, was "{theme}"')
        remarks += self._read_board(query)
        for key, name, kind in (("n", "lookback", int), ("entry", "entry", float), ("exit", "exit", float)):
            if key not in query:
                continue
            try:
                setattr(self, name, kind(query[key]))
            except ValueError:
                low, high = self.param[name].bounds
                remarks.append(f'address: {key} must be a number from {low:,g} to {high:,g}, was "{query[key]}"')
        if self.exit > self.entry:
            remarks.append(f"address: exit must not be above entry ({self.entry:g}), was {self.exit:g}")
            self.exit = min(self.param["exit"].default, self.entry)
        self.remarks = tuple(remarks)

    def set_thresholds(self, entry: object, exit_: object) -> None:
        """Take both together, or neither where one is not a number inside its bounds, or exit is above entry."""
        wanted = {"entry": entry, "exit": exit_}
        for name, value in wanted.items():
            low, high = THRESHOLDS[name]
            if not isinstance(value, int | float) or not low <= value <= high:
                return
        if wanted["exit"] <= wanted["entry"]:  # type: ignore[operator]
            self.param.update(**wanted)

    def _read_board(self, query: Mapping[str, str]) -> list[str]:
        """The state of the Pairs view; what is wrong with it."""
        self.board_filter = query.get("filter", "")[:LONGEST_FILTER]
        wrong = []
        if is_board_sort(sort := query.get("sort", "")):
            self.board_sort = sort
        else:
            wrong.append(
                f'address: sort must be one of {", ".join(BOARD_COLUMNS)}, with or without a minus, was "{sort}"'
            )
        if (shown := query.get("map", BOARD_MAPS[0])) in BOARD_MAPS:
            self.board_map = shown
        else:
            wrong.append(f'address: map must be one of {", ".join(BOARD_MAPS)}, was "{shown}"')
        return wrong

    def _read_moment(self, query: Mapping[str, str]) -> list[str]:
        """Take the moment and the speed of play; what is wrong with them."""
        wrong = []
        if at := query.get("at", ""):
            try:
                self.at_us = microseconds(at[:LONGEST_TIME])
            except (NotStoredError, ValueError):
                wrong.append(
                    f'address: at must be a time in UTC such as 2024-03-01T12:00:00Z, was "{at[:LONGEST_TIME]}"'
                )
        if speed := query.get("speed", ""):
            known = {f"{each:g}": each for each in SPEEDS}
            if speed in known:
                self.speed = known[speed]
            else:
                wrong.append(f'address: speed must be one of {", ".join(known)}, was "{speed}"')
        return wrong

    def query(self) -> str:
        """The address of this state, as `read` takes it."""
        values = {
            "dataset": self.dataset, "pair": self.pair, "tf": self.interval, "model": self.model,
            "what": self.what,
            "n": str(self.lookback), "entry": f"{self.entry:g}", "exit": f"{self.exit:g}",
            "view": "" if self.view == VIEWS[0] else self.view, "gaps": "1" if self.gaps_only else "",
            "at": "" if self.at_us is None else iso(self.at_us),
            "speed": "" if self.at_us is None or self.speed == SPEEDS[0] else f"{self.speed:g}",
            "explain": self.explain if self.view == "explain" else "", "theme": self.theme,
            "sort": self.board_sort, "filter": self.board_filter, "map": "" if self.board_map == BOARD_MAPS[0] else self.board_map,
            "spread": "candles" if self.bodies else "",
            "ticks": "" if self.ticks == TICK_RANGES[0] else self.ticks,
        }  # fmt: skip
        return "?" + "&".join(f"{key}={quote(value, safe='/:')}" for key, value in values.items() if value)


def is_board_sort(text: str) -> bool:
    """Whether the table of pairs can be sorted by that; '' is its own order.

    >>> is_board_sort("-half-life"), is_board_sort("price")
    (True, False)
    """
    return not text or text.removeprefix("-") in BOARD_COLUMNS


class Phase(Enum):
    """Whether the statistics of the newest row can be read."""

    EMPTY = "empty"
    WARM_UP = "warm-up"
    STALE = "stale"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's newest bar. NaN where not known; `change` is a share over the look-back, `gaps` the bars in it that lack trades."""

    symbol: str
    price: float = math.nan
    change: float = math.nan
    age_ms: float = math.nan
    decimals: int = 2
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the newest rows say. Statistics are those of the newest row that has any; NaN where not known.

    Attributes:
        what_if: the model is tried out over stored bars, and not computed by the flow.
        open_time_us: of the newest bar. last_close_us: end of the newest one that both legs have closed.
        last_stats_us: open time of the newest closed row of statistics.
    """

    y: Leg
    x: Leg
    model: Model
    interval: Interval
    what_if: bool = False
    bars: int = 0
    open_time_us: int | None = None
    closed: bool = False
    last_close_us: int | None = None
    last_stats_us: int | None = None
    zscore: float = math.nan
    zscore_one_step: float = math.nan
    spread: float = math.nan
    spread_std: float = math.nan
    hedge_ratio: float = math.nan
    hedge_ratio_se: float = math.nan
    hedge_ratio_se_hac: float = math.nan
    r_squared: float = math.nan
    correlation: float = math.nan
    spread_bp: float = math.nan
    innovation_sd: float = math.nan
    innovation_autocorrelation: float = math.nan
    fit_age: float = math.nan
    n: float = math.nan
    warmup_left: float = math.nan
    stale: str | None = None
    gap: str | None = None

    @property
    def phase(self) -> Phase:
        if not self.bars or math.isnan(self.n):
            return Phase.EMPTY
        if self.stale:
            return Phase.STALE
        return Phase.WARM_UP if self.warmup_left > 0 else Phase.READY

    @property
    def wanted_bars(self) -> int:
        """Bars the warm-up takes in all."""
        return int(self.n + self.warmup_left)

    @property
    def spread_scale(self) -> float:
        """From the spread as stored to what is shown: basis points of a log spread, price units of a raw one."""
        return spread_scale(self.model)


def spread_scale(model: Model) -> float:
    """Basis points per unit of a log spread; a raw spread is a price difference and stays one."""
    return 1e4 if model.price == "log" else 1.0


def spread_unit(model: Model) -> str:
    """The unit of the spread as shown."""
    return "bp" if model.price == "log" else "price units"


def reading(frame: Frame, pair: Pair, interval: Interval, model: Model, what_if: bool = False) -> Reading:
    """Read the newest rows of `frame`, which is the look-back."""
    empty = Reading(Leg(pair.y), Leg(pair.x), model, interval, what_if)
    if not len(frame):
        return empty
    closed = np.flatnonzero((frame["y_closed"] == 1) & (frame["x_closed"] == 1))
    last_close = int(frame.times[closed[-1]]) + interval.us if len(closed) else None
    with_stats = np.flatnonzero(~np.isnan(frame["n"]))
    if not len(with_stats):
        return Reading(
            _leg(frame, "y", pair.y, -1), _leg(frame, "x", pair.x, -1), model, interval, what_if,
            len(frame), int(frame.times[-1]), False, last_close,
        )  # fmt: skip
    at = int(with_stats[-1])

    def now(column: str) -> float:
        return float(frame[column][at])

    return Reading(
        _leg(frame, "y", pair.y, at), _leg(frame, "x", pair.x, at), model, interval, what_if,
        len(frame), int(frame.times[-1]), now("stats_closed") == 1, last_close, _last_stats(frame),
        stale=LEG_NAMES[int(now("stale"))], gap=LEG_NAMES[int(now("gap"))], **{name: now(name) for name in _READ},
    )  # fmt: skip


def _last_stats(frame: Frame) -> int | None:
    closed = np.flatnonzero(frame["stats_closed"] == 1)
    return int(frame.times[closed[-1]]) if len(closed) else None


_READ = (
    "zscore", "zscore_one_step", "spread", "spread_std", "hedge_ratio", "hedge_ratio_se", "hedge_ratio_se_hac", "r_squared",
    "correlation", "spread_bp", "innovation_sd", "innovation_autocorrelation", "fit_age", "n", "warmup_left",
)  # fmt: skip
"""Columns of the frame that a reading holds under the same names."""


def _leg(frame: Frame, leg: str, symbol: str, at: int) -> Leg:
    closes = frame[f"{leg}_close"]
    known = closes[~np.isnan(closes)]
    if not len(known):
        return Leg(symbol)
    decimals = max(len(f"{price:.8f}".rstrip("0").partition(".")[2]) for price in known[-50:])
    gaps = int(np.count_nonzero(frame[f"{leg}_gap"] == 1))
    return Leg(
        symbol, float(known[-1]), float(known[-1] / known[0] - 1), float(frame[f"{leg}_age_ms"][at]), decimals, gaps
    )


class Signal(Enum):
    """The word beside z."""

    NONE = "–"
    SHORT = "SHORT SPREAD"
    LONG = "LONG SPREAD"
    FLAT = "EXIT / FLAT"
    HOLD = "HOLD"


def signal(zscore: float, entry: float, exit_: float) -> Signal:
    """What a z-score alone suggests, by the two thresholds.

    >>> signal(2.3, entry=2.0, exit_=0.5)
    <Signal.SHORT: 'SHORT SPREAD'>
    """
    if math.isnan(zscore):
        return Signal.NONE
    if abs(zscore) >= entry:
        return Signal.SHORT if zscore > 0 else Signal.LONG
    return Signal.FLAT if abs(zscore) <= exit_ else Signal.HOLD
