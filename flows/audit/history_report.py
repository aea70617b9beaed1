"""What a look at history found, for a person."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from flows.audit.history import Dependence, History, by_model
from flows.audit.report import grouped


def show_history(history: History, console: Console) -> None:
    """Print how many bars each column of each table and model depends on where history started."""
    if not history.starts:
        console.print("nothing to compare: the input is shorter than two bars of every interval", highlight=False)
        return
    starts = ", ".join(f"{count} at bars of {span // 1_000_000} s" for span, count in history.starts.items())
    grid = Grid(title=f"begun later, beside the full run; the worst of the starts: {starts}", title_justify="left")
    for name in ("table", "model", "equal to the last bit", "warmup_left = 0", "columns"):
        grid.add_column(name, overflow="fold")
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
            grid.add_row(table, model, words, _promised(columns), ", ".join(names))
    console.print(grid)
    lines = grouped("equal from the first bar on:", at_once)
    for line in lines + grouped("NOT COMPARED but as nulls, as this input makes no value of them:", nulls):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _is_null(each: Dependence) -> bool:
    return each.bars == 0 and not each.known


def _found(each: Dependence) -> str:
    if each.bars is None:
        return f"never within {each.followed:,} bars"
    return f"after {each.bars:,} of {each.followed:,} bars{'' if each.known else ', as null'}"


def _promised(columns: Sequence[Dependence]) -> str:
    if not any(each.column == "warmup_left" for each in columns):
        return ""
    promised = [each.promised for each in columns]
    known = [bar for bar in promised if bar is not None]
    return f"at bar {max(known):,}" if len(known) == len(promised) else f"never within {columns[0].followed:,} bars"
