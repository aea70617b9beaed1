"""What a look at history found, for a person."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from flows.audit.history import Dependence, History, by_model
from flows.audit.report import grouped

_KEPT = "no value was seen to depend on more bars than its model says"


def kept(history: History) -> bool:
    """Whether nothing depends on more than its model says."""
    return not any(each.beyond for each in history.columns)


def show_history(history: History, console: Console) -> None:
    """Print how many bars each column of each table and model depends on where history started."""
    if not history.starts:
        console.print("nothing to compare: the input is shorter than two bars of every interval", highlight=False)
        return
    starts = ", ".join(f"{count} at bars of {span // 1_000_000} s" for span, count in history.starts.items())
    grid = Grid(title=f"begun later, beside the full run; the worst of the starts: {starts}", title_justify="left")
    for name in ("table", "model", "equal to the last bit", "warmup_left = 0", "memory says", "columns"):
        grid.add_column(name, overflow="fold", no_wrap=name != "columns")
    at_once: list[tuple[str, str, tuple[str, ...]]] = []
    nulls: list[tuple[str, str, tuple[str, ...]]] = []
    for (table, model), columns in by_model(history.columns).items():
        nulls.append((table, model, tuple(each.column for each in columns if _is_null(each))))
        at_once.append((table, model, tuple(each.column for each in columns if each.bars == 0 and not _is_null(each))))
        by_words: dict[str, list[str]] = {}
        for each in columns:
            if each.bars != 0:
                by_words.setdefault(_found(each), []).append(each.column)
        for words, names in by_words.items():
            grid.add_row(table, model, words, _warm(columns), _memory(columns[0]), ", ".join(names))
    console.print(grid)
    lines = grouped("equal from the first bar on:", at_once)
    beyond = sum(each.beyond for each in history.columns)
    verdict = f"FAILED: {beyond} columns depend on more bars than their model says" if beyond else _KEPT
    if not any(each.memory is not None for each in history.columns):
        verdict = "no model has a row in this input"
    for line in (
        lines + grouped("NOT COMPARED but as nulls, as this input makes no value of them:", nulls) + ["", verdict]
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _is_null(each: Dependence) -> bool:
    return each.bars == 0 and not each.known


def _found(each: Dependence) -> str:
    beyond = " BEYOND ITS MEMORY" if each.beyond else ""
    if each.bars is None:
        return f"never within {each.followed:,} bars{beyond}"
    return f"after {each.bars:,} of {each.followed:,} bars{'' if each.known else ', as null'}{beyond}"


def _warm(columns: Sequence[Dependence]) -> str:
    if not any(each.column == "warmup_left" for each in columns):
        return ""
    warm = [each.warm for each in columns if each.warm is not None]
    return f"at bar {max(warm):,}" if len(warm) == len(columns) else f"never within {columns[0].followed:,} bars"


def _memory(each: Dependence) -> str:
    return "" if each.memory is None else f"{each.memory:,} bars"
