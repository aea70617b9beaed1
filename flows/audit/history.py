"""How long a value depends on where history started: the same input begun later, beside the full run.

A windowed statistic forgets its beginning when the window has left it, a filter later. What a model says of itself, `warmup_left` in its
rows and its estimator's memory, stands beside what was found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from flows.audit.cells import Rows, Texts, nulls
from flows.audit.compare import Entity, Sequences
from flows.audit.runs import Said, fitted_runner, scratch
from flows.audit.sources import Treatment
from flows.domain.frames import I64
from flows.domain.model import Model
from flows.settings import Settings
from flows.stats import correlation
from flows.stats.methods import estimator


@dataclass(frozen=True, slots=True)
class Dependence:
    """Of a column, in the worst case over all starts and all symbols or pairs.

    Attributes:
        bars: after so many from its first one behind the start on, it equals the full run's to the last bit, until the end. None: its
            last bar still differs.
        followed: bars from that first one on. known: values other than null among those that are equal.
        warm: bars until `warmup_left` is 0; None: not within the input, or the table has no such column.
        memory: bars that the model says a value may depend on, itself included; None in a table without models.
    """

    table: str
    model: str
    column: str
    bars: int | None
    followed: int
    known: int
    warm: int | None
    memory: int | None

    def worst(self, other: "Dependence | None") -> "Dependence":
        """Of both together."""
        if other is None:
            return self
        longer = max(self, other, key=lambda each: (each.bars is None, each.bars or 0, -each.followed))
        warm = None if self.warm is None or other.warm is None else max(self.warm, other.warm)
        return replace(longer, known=self.known + other.known, warm=warm)

    @property
    def beyond(self) -> bool:
        """Whether it depends on more than the model says: from its memory's last bar on, nothing of before may be seen."""
        return self.memory is not None and (self.followed if self.bars is None else self.bars) >= self.memory


@dataclass(frozen=True, slots=True)
class History:
    """What was found. `starts`: how many, by the length of the bars in microseconds."""

    models: tuple[Model, ...]
    starts: dict[int, int]
    columns: tuple[Dependence, ...]


def history(
    paths: Sequence[Path],
    settings: Settings,
    seed: int,
    starts: int,
    window: int | None = None,
    on_run: Callable[[int, int], None] = lambda done, of: None,
) -> History:
    """Run the files as a whole and from later times on, and compare.

    Args:
        starts: times drawn for each length of bars, each where one begins. window: of the shorter forms of the models; None: sized to the
            input. on_run: called with the runs done and all of them.

    Raises:
        InputError: files that cannot be used. SettingsError: models that cannot.
    """
    found: dict[tuple[str, str, str], Dependence] = {}
    runner = fitted_runner(paths, settings, window)
    memory = _memory(runner.settings)
    with scratch() as folder:
        full = runner.run(paths, folder)
        drawn = _drawn(full, starts, Random(seed))
        for n, (span, begins) in enumerate(drawn):
            on_run(n, len(drawn))
            with scratch() as inside:
                later = runner.run(paths, inside, Treatment(begins_us=begins)).tables
                for name in [name for name, rows in full.tables.items() if rows.span_us == span]:
                    for each in _dependences(full.tables[name], later.get(name), begins, runner.texts, memory):
                        key = each.table, each.model, each.column
                        found[key] = each.worst(found.get(key))
    spans = [span for span, _ in drawn]
    return History(runner.settings.models, {span: spans.count(span) for span in spans}, tuple(found.values()))


def _drawn(full: Said, starts: int, random: Random) -> list[tuple[int, int]]:
    """(length of bars, time where one begins), in the first half of the input, so that enough follows."""
    first, last = full.source.first_us, full.source.last_us
    drawn: list[tuple[int, int]] = []
    if first is None or last is None:
        return drawn
    for span in sorted({rows.span_us for rows in full.tables.values() if rows.span_us}):
        edges = range(first - first % span + span, last - span, span)
        early = edges[: max(1, len(edges) // 2)]
        drawn += [(span, begins) for begins in sorted(random.sample(early, min(starts, len(early))))]
    return drawn


def _dependences(
    full: Rows, later: Rows | None, begins: int, texts: Texts, memory: Mapping[str, int]
) -> Iterator[Dependence]:
    """Of every column for each entity."""
    names = [name for name, _ in full.table.columns]
    skipped = {*full.table.keys, "complete"}
    model = full.entity_columns.index(names.index("model")) if "model" in names else None
    whole, begun = Sequences(full, True), Sequences(later if later is not None else full.none(), True)
    for entity in whole.entities:
        b = _since(begun, entity, begins)
        a = _since(whole, entity, int(b[0, 0]) if len(b) else begins)  # its history begins when every leg has traded
        different, known = _different(a, b), a != nulls(full.table)
        warm = _warm(b, names)
        label = "" if model is None else texts.text(entity[model]) or ""
        for column, name in enumerate(names):
            if name in skipped or not len(a):
                continue
            last = np.flatnonzero(different[:, column])
            bars = int(last[-1]) + 1 if len(last) else 0
            equal = int(known[bars:, column].sum())
            yield Dependence(
                full.table.name, label, name, bars if bars < len(a) else None, len(a), equal, warm, memory.get(label)
            )  # fmt: skip


def _memory(settings: Settings) -> dict[str, int]:
    """What each model says: of its fit and of its correlation, the longer."""
    return {
        model.name: max(estimator(model, settings.market.pairs).memory, correlation.warmup(model.correlation_window))
        for model in settings.models
    }


def _since(rows: Sequences, entity: Entity, begins: int) -> I64:
    start, count = rows.find(entity)
    cells = rows.cells(np.arange(start, start + count))
    return cells[cells[:, 0] >= begins]


def _different(full: I64, later: I64) -> I64:
    """Cell by cell; a row that the later run does not have differs in all of them."""
    different: I64 = np.ones(full.shape, np.bool_)
    both = np.isin(full[:, 0], later[:, 0])
    different[both] = full[both] != later[np.isin(later[:, 0], full[:, 0])]
    return different


def _warm(later: I64, names: Sequence[str]) -> int | None:
    """The first bar with nothing left to wait for, counted from 1."""
    if "warmup_left" not in names:
        return None
    warm = np.flatnonzero(later[:, names.index("warmup_left")] == 0)
    return int(warm[0]) + 1 if len(warm) else None


def by_model(columns: Sequence[Dependence]) -> Mapping[tuple[str, str], list[Dependence]]:
    """The columns of each table and model."""
    groups: dict[tuple[str, str], list[Dependence]] = {}
    for each in columns:
        groups.setdefault((each.table, each.model), []).append(each)
    return groups
