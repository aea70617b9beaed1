"""What an audit found, for a person."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from flows.audit.cells import utc
from flows.audit.compare import Compared, Difference, first_difference
from flows.audit.trials import KINDS, WORKERS, Audit, Kind, Trial
from flows.domain.frames import I64, Bools

_TITLES: dict[Kind, str] = {"prefix": "prefixes", "cut": "cuts", "workers": f"{WORKERS} workers", "restart": "restarts"}


def passed(audit: Audit) -> bool:
    """Whether something was compared and nothing differed."""
    compared = [each for trial in audit.trials for each in trial.compared]
    return sum(each.rows for each in compared) > 0 and not any(each.differing for each in compared)


def show(audit: Audit, tables: Sequence[str], console: Console) -> None:
    """Print what was compared, what could not be, and the first difference of each trial.

    Args:
        tables: those that a flow with these settings can fill.
    """
    console.print(_grid(audit))
    for line in [*_not_compared(audit, tables), "", *_differences(audit), _verdict(audit)]:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def told(difference: Difference) -> str:
    """One line: where, and both values."""
    where = f"{difference.table}, {utc(difference.time_us)}, {difference.key}"
    if difference.kind == "value":
        return f"{where}, {difference.field}: full run {difference.full}, here {difference.here}"
    if difference.kind == "missing":
        return f"{where}: the full run has this row, it is missing here"
    return f"{where}: this row is here, the full run does not have it"


def _grid(audit: Audit) -> Grid:
    grid = Grid(title=f"seed {audit.seed}: rows compared bit for bit with the full run", title_justify="left")
    grid.add_column("table")
    grid.add_column("model")
    for name in ("full run", *(_TITLES[kind] for kind in KINDS), "values compared", "of them not null"):
        grid.add_column(name, justify="right")
    for each in audit.full:
        for model, shown in each.shown.items():
            of_kind = [_rows(audit.trials, kind, each.table, model) for kind in KINDS]
            known = sum(int(known.sum()) for known in _known(audit.trials, KINDS, each.table, model))
            figures = [shown.rows, *of_kind, sum(of_kind) * len(each.columns), known]
            grid.add_row(each.table, model, *(f"{figure:,}" for figure in figures))
    return grid


def _rows(trials: Sequence[Trial], kind: Kind, table: str, model: str) -> int:
    compared = _of(trials, (kind,), table)
    return sum(each.shown[model].rows for each in compared if model in each.shown)


def _known(trials: Sequence[Trial], kinds: Sequence[Kind], table: str, model: str) -> list[I64]:
    return [each.shown[model].known for each in _of(trials, kinds, table) if model in each.shown]


def _of(trials: Sequence[Trial], kinds: Sequence[Kind], table: str) -> list[Compared]:
    return [each for trial in trials if trial.kind in kinds for each in trial.compared if each.table == table]


def _not_compared(audit: Audit, tables: Sequence[str]) -> list[str]:
    """Sentences about what the audit says nothing of."""
    seen = {each.table for each in audit.full if each.rows}
    empty = [table for table in tables if table not in seen]
    unknown: list[tuple[str, str, tuple[str, ...]]] = []
    late: list[tuple[str, str, tuple[str, ...]]] = []
    for each in audit.full:
        none = np.zeros(len(each.columns), np.int64)
        for model, shown in each.shown.items():
            in_prefix = sum(_known(audit.trials, ("prefix",), each.table, model), none)
            unknown.append((each.table, model, _named(each, shown.known == 0)))
            late.append((each.table, model, _named(each, (shown.known > 0) & (in_prefix == 0))))
    lines = [f"NOT COMPARED, as this input makes no row of them: {', '.join(empty)}"] if empty else []
    lines += grouped("NOT COMPARED but as nulls, as this input makes no value of them:", unknown)
    return lines + grouped("compared, but in no prefix, as those drawn had no value of them:", late)


def _named(compared: Compared, which: Bools) -> tuple[str, ...]:
    return tuple(name for name, yes in zip(compared.columns, which.tolist(), strict=True) if yes)


def grouped(title: str, found: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[str]:
    """Lines of (table, model, columns), the models of the same columns together; none where there are no columns."""
    models: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for table, model, columns in found:
        if columns:
            models.setdefault((table, columns), []).append(model)
    lines = [f"  {table}{_of_models(of)}: {', '.join(columns)}" for (table, columns), of in models.items()]
    return [title, *lines] if lines else []


def _of_models(models: Sequence[str]) -> str:
    return f" ({', '.join(models)})" if any(models) else ""


def _differences(audit: Audit) -> list[str]:
    lines = []
    for trial in audit.trials:
        difference = first_difference(trial.compared)
        if difference is not None:
            count = sum(each.differing for each in trial.compared)
            lines += [
                f"DIFFERENT: {trial.kind}, {trial.told}: {count:,} values or rows, the first:",
                f"  {told(difference)}",
            ]
    return lines


def _verdict(audit: Audit) -> str:
    rows = sum(each.rows for trial in audit.trials for each in trial.compared)
    values = sum(each.values for trial in audit.trials for each in trial.compared)
    bad = sum(any(each.differing for each in trial.compared) for trial in audit.trials)
    counts = {kind: sum(trial.kind == kind for trial in audit.trials) for kind in KINDS}
    runs = f"{counts['prefix']} prefixes, {counts['cut']} cuts, {counts['workers']} with {WORKERS} workers"
    runs += f", {counts['restart']} with restarts"
    if not rows:
        return "NOT AUDITED: no row could be compared"
    if bad:
        return f"FAILED: {bad} of {len(audit.trials)} runs differ from the full run ({runs}; again with --seed {audit.seed})"
    nulls = sum(int((shown.known == 0).sum()) for each in audit.full for shown in each.shown.values())
    beside = f"; {nulls} columns had no value to compare, see above" if nulls else ""
    return f"passed: {values:,} values of {rows:,} rows are bit-identical to the full run ({runs}){beside}"
