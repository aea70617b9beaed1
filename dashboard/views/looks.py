"""The test panel: every statistic of the newest look, with its critical values and what it says in words."""

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from dashboard.views.analysis import figures_table
from dashboard.views.text import DASH, date_utc, number

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfLooks

_HEADS = ("Test", "Statistic", "1 %", "5 %", "10 %", "p", "Reading")
_ADF_NOTE = "right only for a fixed hedge ratio"


class _Look:
    """The newest look by its columns; null is NaN or ''."""

    def __init__(self, row: Mapping[str, float | int | str | None]) -> None:
        self._row = row
        self._why = dict(part.partition(": ")[::2] for part in self.text("missing").split("; "))

    def __call__(self, name: str) -> float:
        value = self._row.get(name)
        return float(value) if isinstance(value, (int, float)) else math.nan

    def text(self, name: str) -> str:
        return str(self._row.get(name) or "")

    def why(self, test: str) -> str:
        return self.text("reason") or self._why.get(test, "")


def looks_panel(of: "OfLooks", y: str, x: str) -> str:
    """The whole panel; where there is no look, why, and when there will be one."""
    rows, level = of.rows, of.rows.rule.level
    if not rows.table:
        return _card("Tests", '<div class="quiet">Not in this dataset: an earlier version wrote it.</div>')
    if not rows.newest:
        return _card(
            "Tests", '<div class="quiet">No look at this pair yet: the first comes with the first round of looks.</div>'
        )
    look = _Look(rows.newest)
    title = f"Tests · look of {date_utc(int(look('open_time')))} · {number(look('n'), 0)} bars"
    if look.text("reason"):
        return _card(title, f'<div class="quiet">This look says nothing: {escape(look.text("reason"))}.</div>')
    lines = (
        _engle_granger(look, "y_on_x", f"Engle-Granger {y} on {x}", level),
        _engle_granger(look, "x_on_y", f"Engle-Granger {x} on {y}", level),
        *_johansen(look, of),
        _half_life(look),
        _variance_ratio(look, of, level),
        _hurst(look),
        _break(look, of),
        _hedge_ratio(look),
        _adf(look, level),
        _kpss(look, of, level),
    )
    return _card(title, figures_table("tests", "All tests of the newest look", _HEADS, "".join(lines)))


def _engle_granger(look: _Look, way: str, label: str, level: float) -> str:
    p = look(f"{way}_p_value")
    said = "reverts" if p < level else "no evidence that it reverts"
    critical = tuple(look(f"coint_critical_{at}") for at in (1, 5, 10))
    return _row(
        way,
        label,
        look(f"{way}_statistic"),
        critical,
        p,
        said,
        "",
        f"{number(look(f'{way}_lag'), 0)} lagged differences",
        p < level,
    )


def _johansen(look: _Look, of: "OfLooks") -> tuple[str, str]:
    low, high = sorted((look("johansen_p_above"), look("johansen_p_below")))
    p = f"{number(low, 2)} to {number(high, 2)}"
    rank, why = look("johansen_rank"), look.why("johansen")
    said = {
        0.0: "rank 0: no combination reverts", 1.0: "rank 1: one combination reverts",
        2.0: "rank 2: each leg keeps to a level by itself, no evidence of a tie",
    }.get(rank, "")  # fmt: skip
    none, one = of.johansen_critical
    hedge = f"hedge ratio {number(look('johansen_hedge_ratio'), 4)}"
    largest = [f"largest eigenvalue {number(look(f'johansen_largest_{at}'), 2)}" for at in (0, 1)]
    traces = [look(f"johansen_trace_{at}") for at in (0, 1)]
    return (
        _row("johansen0", "Johansen trace, rank 0", traces[0], none, p, said, why, largest[0], rank == 1.0),
        _row("johansen1", "Johansen trace, rank ≤ 1", traces[1], one, DASH, hedge, why, largest[1]),
    )


def _half_life(look: _Look) -> str:
    says, why = look.text("half_life_says"), look.why("half_life")
    note = f"φ {number(look('phi'), 4)} ± {number(look('phi_se'), 4)}"
    if says != "reverts":
        return _row("half-life", "Half-life, bars", math.nan, (), DASH, says, why or (says and ""), note)
    low, high = number(look("half_life_low"), 1), number(look("half_life_high"), 1)
    few = look.text("window_says")
    held = f"{number(look('half_lives'), 1)} in the window" + (f": {few}, z follows badly" if few else "")
    return _row(
        "half-life", "Half-life, bars", look("half_life"), (), DASH, f"95 %: {low} to {high}; {held}", "", note, not few
    )


def _variance_ratio(look: _Look, of: "OfLooks", level: float) -> str:
    p = look("variance_ratio_p_value")
    ratios = " · ".join(number(look(f"variance_ratio_{q}"), 2) for q in (2, 4, 8, 16))
    kind = "changes are taken back" if look("variance_ratio_16") < 1.0 else "changes go on"
    said = f"{kind if p < level else 'like a random walk'}; 2 4 8 16 bars: {ratios}"
    return _row(
        "vr",
        "Variance ratio",
        look("variance_ratio_statistic"),
        of.variance_ratio_critical,
        p,
        said,
        look.why("variance_ratio"),
        good=p < level,
    )


def _hurst(look: _Look) -> str:
    value = look("hurst")
    said = "below ½: reverts" if value < 0.5 else "½ or above: does not revert"
    return _row(
        "hurst",
        "Hurst exponent",
        value,
        (),
        DASH,
        f"{said}; a description, no test",
        look.why("hurst"),
        good=value < 0.5,
    )


def _break(look: _Look, of: "OfLooks") -> str:
    p = look("break_p_value")
    said = "the line breaks within the window" if p < 0.01 else "no break seen, which is no proof of none"
    plain = f"plain {number(look('cusum_plain'), 2)} (p {number(look('cusum_plain_p_value'), 3)})"
    note = f"hedge ratio {number(look('cusum_hedge_ratio'), 2)}; {plain}"
    return _row(
        "break",
        "Break (CUSUM, level)",
        look("cusum_level"),
        of.cusum_critical,
        p,
        said,
        look.why("cusum"),
        note,
        bad=p < 0.01,
    )


def _hedge_ratio(look: _Look) -> str:
    ends = f"95 %: {number(look('hedge_ratio_low'), 4)} to {number(look('hedge_ratio_high'), 4)}"
    errors = (("plain", "hedge_ratio_se"), ("HAC", "hedge_ratio_se_hac"), ("long-run", "hedge_ratio_se_long_run"))
    note = "± " + ", ".join(f"{number(look(column), 4)} {kind}" for kind, column in errors)
    return _row(
        "hedge-ratio",
        "Hedge ratio of the look",
        look("hedge_ratio"),
        (),
        DASH,
        ends,
        look.why("hedge_ratio_se"),
        note,
        digits=4,
    )


def _adf(look: _Look, level: float) -> str:
    p = look("adf_p_value")
    critical = tuple(look(f"adf_critical_{at}") for at in (1, 5, 10))
    said = f"{'reverts' if p < level else 'a unit root is not refused'}: {_ADF_NOTE} (here {number(look('fixed_hedge_ratio'), 2)})"
    return _row("adf", "Periodic ADF", look("adf_statistic"), critical, p, said, look.why("adf"), _ADF_NOTE)


def _kpss(look: _Look, of: "OfLooks", level: float) -> str:
    p, bound = look("kpss_p_value"), look.text("kpss_bound")
    said = "does not keep to a level" if p < level else "keeps to a level: not refused"
    shown = f"{bound} {number(p, 2)}".strip() if math.isfinite(p) else DASH
    return _row(
        "kpss",
        "KPSS",
        look("kpss_statistic"),
        of.kpss_critical,
        shown,
        f"{said}: {_ADF_NOTE}",
        look.why("kpss"),
        "its null is the opposite of the others'",
    )


def _row(
    key: str, label: str, statistic: float, critical: tuple[float, ...], p: float | str, said: str, why: str = "", note: str = "",
    good: bool = False, bad: bool = False, digits: int = 2,
) -> str:  # fmt: skip
    """One line; the reason in place of the numbers where it says nothing."""
    shown = p if isinstance(p, str) else number(p, 3)
    head = f'<tr data-test="{key}" title="{escape(note)}"><th scope="row">{escape(label)}</th>'
    if why:
        return f'{head}<td class="off">{DASH}</td><td colspan="4"></td><td class="words off">{escape(why)}</td></tr>'
    cells = "".join(f"<td>{number(value, 2)}</td>" for value in critical) or '<td colspan="3"></td>'
    colour = "amber" if bad else "up" if good else ""
    words = f'<td class="words {colour}">{escape(said)}</td>'
    return f'{head}<td title="{statistic!r}">{number(statistic, digits)}</td>{cells}<td>{shown}</td>{words}</tr>'


def _card(title: str, text: str) -> str:
    return f'<div class="card" data-role="all-tests"><h4>{title}</h4>{text}</div>'
