"""`explain`: everything about one stored row of statistics, as data."""

import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass

from flows.errors import NotStoredError
from flows.explain.compare import Compared, compared
from flows.explain.history import History, as_stored, history, own_row
from flows.explain.joined import vwap
from flows.explain.oracle.lines import LIBRARIES, NoOracleError
from flows.explain.oracle.row import Bars, OracleRow, Recipe, as_floats, oracle_row
from flows.explain.question import Question, iso
from flows.explain.reasons import notes, null_reasons
from flows.explain.stored import Stored, StoredRow
from flows.explain.windows import WindowUse, windows
from flows.stats.correlation_interval import correlation_interval, no_interval_reason
from flows.storage.datasets import Dataset
from flows.storage.datasets import stale_after_ms as limit_of

_FIT_COLUMNS = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_mean", "spread_std", "zscore",
    "zscore_one_step", "hedge_ratio_se_hac", "innovation_sd", "innovation_autocorrelation", "fit_age", "spread_bp",
    "correlation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """One row: what it was made of, and what it is when it is made again.

    Attributes:
        dataset: with the version and the settings that wrote the row. version: of the library that recomputed it.
        y_close, x_close: prices of the bar. bars: bars read; run: consecutive ones of them that end with the row.
        stale_after_ms: the limit that was used. notes: sentences about the row as a whole. nulls: why a column is null, by its name.
        columns: every column, stored and made again.
        oracle: which other library was asked, or why none.
        correlation_interval: at 95 %, None where there is none, and `no_interval` says why.
    """

    question: Question
    dataset: Dataset
    version: str
    row: StoredRow
    y_close: float
    x_close: float
    bars: int
    run: int
    stale_after_ms: int
    windows: tuple[WindowUse, ...]
    notes: tuple[str, ...]
    nulls: Mapping[str, str]
    columns: tuple[Compared, ...]
    oracle: str
    correlation_interval: tuple[float, float] | None
    no_interval: str | None

    @property
    def reproduced(self) -> bool:
        """Our library gives every column of the stored row to the last bit."""
        return all(column.same for column in self.columns)

    @property
    def confirmed(self) -> bool | None:
        """Another library gives every number within its tolerance; None where none could be asked."""
        asked = [column.agrees for column in self.columns if column.agrees is not None]
        return all(asked) if asked else None


def explain(stored: Stored, question: Question, stale_after_ms: int) -> Explanation:
    """The recipe of a stored row, and the row made again by our library and by another.

    Args:
        stale_after_ms: used where the dataset does not say what its flow had.

    Raises:
        NotStoredError: there is no such row, or its own bars are no longer stored; with what is near.
        StorageError: the storage cannot be read.
    """
    row = stored.row(question)
    if row is None:
        raise NotStoredError(_nothing(stored, question))
    past = history(stored, question, row)
    if not len(past) or past.index[-1] * question.interval.us != question.open_time:
        raise NotStoredError(f"{_where(question)}: the row is stored, the bars of its legs at that time are not")
    limit = limit_of(stored.dataset.settings, stale_after_ms)
    own = as_stored(own_row(question, past, row, limit))
    asked, library = _asked(question, past)
    oracle = None
    if asked is not None:
        oracle = as_floats(asked.columns)
        if own["stale"]:
            oracle |= dict.fromkeys(_FIT_COLUMNS)
    fit_ends = asked.fit_ends if asked else None
    bars = _bars(question, past)
    interval, why = _interval(row, question.model.correlation_window)
    return Explanation(
        question=question,
        dataset=stored.dataset,
        version=importlib.metadata.version("pairdesk"),
        row=row,
        y_close=float(past.y.close[-1]),
        x_close=float(past.x.close[-1]),
        bars=len(past),
        run=len(past) - past.run,
        stale_after_ms=limit,
        windows=windows(question, past, fit_ends),
        notes=notes(question, row, past, limit),
        nulls=null_reasons(question, row, past, fit_ends),
        columns=compared(
            row, own, oracle, question.model.method, question.model.price == "log", bars.x[-1], bars.y[-1]
        ),
        oracle=library,
        correlation_interval=interval,
        no_interval=why,
    )


def _interval(row: StoredRow, returns: int) -> tuple[tuple[float, float] | None, str | None]:
    stored = row["correlation"]
    correlation = stored if isinstance(stored, float) else math.nan
    if why := no_interval_reason(correlation, returns):
        return None, why
    low, high = correlation_interval(correlation, returns).tolist()
    return (low, high), None


def _asked(question: Question, past: History) -> tuple[OracleRow | None, str]:
    """The row by other libraries and their names, or None and why there is none."""
    model = question.model
    recipe = Recipe(
        model.method, str(question.pair), model.window, model.z_window, model.correlation_window,
        model.price == "log", model.bars_between_fits, model.forget_bars or model.window, model.delta_alpha, model.restart_windows,
    )  # fmt: skip
    if model.method not in LIBRARIES:
        return None, f"none: no other library is known for method {model.method}"
    try:
        return oracle_row(recipe, _bars(question, past)), LIBRARIES[model.method]
    except NoOracleError as error:
        return None, f"none: {error}"


def _bars(question: Question, past: History) -> Bars:
    """The run that ends with the row, as the oracle takes it. `math.log` is part of the definition, so it is shared."""
    weighted = question.model.source == "vwap"
    raw = [(vwap(leg) if weighted else leg.close)[past.run :].tolist() for leg in (past.y, past.x)]
    logs = [[math.log(price) if 0 < price < math.inf else math.nan for price in leg] for leg in raw]
    y, x = logs if question.model.price == "log" else raw
    return Bars(past.index[past.run :].tolist(), y, x, *logs)


def _where(question: Question) -> str:
    return f"{question.pair} {question.interval} {question.model.name} at {iso(question.open_time)}"


def _nothing(stored: Stored, question: Question) -> str:
    found = stored.nearest(question)
    if found.first is None or found.last is None:
        return f"{_where(question)}: nothing is stored of this pair, interval and model"
    if not found.first <= question.open_time <= found.last:
        return f"{_where(question)}: not stored; there are rows from {iso(found.first)} to {iso(found.last)}"
    near = " and ".join(iso(time) for time in (found.before, found.after) if time is not None)
    return f"{_where(question)}: no bar opens then; nearest: {near}"
