"""Comparison of what two runs said, cell by cell: the core of the audit, pure.

The rows of one entity (a symbol; a pair and model) come in an order that is part of the result, so they are compared as sequences: what
a run says must be the same sequence as the full run's, or the beginning of it, or a stretch of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from flows.audit.cells import Rows, Texts, nulls, told
from flows.domain.frames import I64

_AT_ONCE = 1 << 17
"""Rows that are held in memory at a time."""

Entity = tuple[int, ...]
"""Cells of the columns that name whose row it is, and whether it is complete."""
Watermarks = Mapping[str, int]
"""By symbol, microseconds: no trade before it follows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a run departs from the full run.

    Attributes:
        kind: `value`, or a row that is `missing` in the run, or one that it has `beside` the full run's.
        time_us: of the row. key: its other key columns, "name value". field: the first column that differs, '' where the row does.
        full, here: both values as texts.
    """

    table: str
    kind: str
    time_us: int
    key: str
    field: str
    full: str
    here: str


@dataclass(slots=True)
class Shown:
    """What was compared of one model, or of a table without models.

    Attributes:
        known: by column: values that are not null, of which alone the comparison says something.
    """

    rows: int
    known: I64


@dataclass(slots=True)
class Compared:
    """What was compared in one table.

    Attributes:
        shown: by model, '' in a table without models.
        differing: values and rows that differ. first: the earliest of them.
    """

    table: str
    columns: tuple[str, ...]
    shown: dict[str, Shown] = field(default_factory=dict)
    differing: int = 0
    first: Difference | None = None

    @property
    def rows(self) -> int:
        """Of all models."""
        return sum(shown.rows for shown in self.shown.values())

    @property
    def values(self) -> int:
        """Compared, nulls too."""
        return self.rows * len(self.columns)

    def note(self, difference: Difference, count: int = 1) -> None:
        """Add a difference; the earliest stays."""
        self.differing += count
        if self.first is None or difference.time_us < self.first.time_us:
            self.first = difference


class Sequences:
    """The rows of a table ordered by entity, within it as they came.

    Args:
        closed_only: without forming rows.
    """

    def __init__(self, rows: Rows, closed_only: bool) -> None:
        self.rows = rows
        chosen = np.arange(len(rows))
        if closed_only and rows.complete is not None:
            chosen = np.flatnonzero(rows.cells[:, rows.complete])
        columns = rows.entity_columns + ([] if rows.complete is None else [rows.complete])
        keys = np.asarray(rows.cells[:, columns])[chosen]
        by_entity = np.lexsort(keys.T[::-1]) if columns else np.arange(len(chosen))
        self.order: I64 = chosen[by_entity]
        ordered = keys[by_entity]
        changes = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
        starts = [0, *changes.tolist()] if len(chosen) else []
        ends = [*starts[1:], len(chosen)]
        self.entities: dict[Entity, tuple[int, int]] = {
            tuple(ordered[start].tolist()): (start, end - start) for start, end in zip(starts, ends, strict=False)
        }
        """Where each entity's rows begin in this order, and how many there are."""

    def cells(self, positions: I64) -> I64:
        """The rows at some positions of this order."""
        return np.asarray(self.rows.cells[self.order[positions]])

    def find(self, entity: Entity) -> tuple[int, int]:
        """Where an entity's rows begin and how many there are; (0, 0) without any."""
        return self.entities.get(entity, (0, 0))


class FullRun:
    """The run that others are measured by."""

    def __init__(self, tables: Mapping[str, Rows], texts: Texts) -> None:
        self.tables, self._texts = dict(tables), texts

    @cached_property
    def _whole(self) -> dict[str, Sequences]:
        return {name: Sequences(rows, False) for name, rows in self.tables.items()}

    def same(self, tables: Mapping[str, Rows]) -> list[Compared]:
        """A run that must have said all the same."""
        return self.stretches([tables])

    def stretches(self, runs: Sequence[Mapping[str, Rows]]) -> list[Compared]:
        """Runs one after the other, each going on from a snapshot of the one before: each said a stretch, together everything."""
        return [self._stretches(name, [run[name] for run in runs if name in run]) for name in self._names(runs)]

    def beginning(self, tables: Mapping[str, Rows], watermarks: Watermarks) -> list[Compared]:
        """A run over a prefix of the input: what it said of closed bars must stand, and all that its input decides must be said."""
        return [self._beginning(name, tables.get(name), watermarks) for name in self._names([tables])]

    def _names(self, runs: Sequence[Mapping[str, Rows]]) -> list[str]:
        return sorted(self.tables.keys() | {name for run in runs for name in run})

    def _stretches(self, name: str, runs: Sequence[Rows]) -> Compared:
        full = self._of(name, runs[0] if runs else self.tables[name], False)
        work = _Work(full, self._texts)
        covered = dict.fromkeys(full.entities, 0)
        for rows in runs:
            here = Sequences(rows, False)
            for entity in here.entities:
                start, count = here.find(entity)
                said = covered.get(entity, 0)
                offset = work.place(entity, here.cells(np.array([start]))[0], said)
                work.compare(entity, here, offset)
                covered[entity] = max(said, offset + count)
        for entity, said in covered.items():
            start, count = full.find(entity)
            if said < count:
                work.missing(start + said, count - said)
        return work.result

    def _beginning(self, name: str, rows: Rows | None, watermarks: Watermarks) -> Compared:
        full = self._of(name, rows, True)
        work = _Work(full, self._texts)
        here = Sequences(full.rows.none() if rows is None else rows, True)
        for entity in here.entities:
            work.compare(entity, here, 0)
        decides = _decides(full.rows, watermarks, self._texts)
        for entity in full.entities if decides else ():
            start, count = full.find(entity)
            _, said = here.find(entity)
            assert decides is not None
            left = full.cells(np.arange(start + said, start + count))
            if owed := int(np.sum(decides(left))) if len(left) else 0:
                work.missing(start + said, owed)
        return work.result

    def _of(self, name: str, like: Rows | None, closed_only: bool) -> Sequences:
        if name in self.tables:
            return Sequences(self.tables[name], True) if closed_only else self._whole[name]
        assert like is not None
        return Sequences(like.none(), closed_only)


class _Work:
    """Comparison of one table with the full run's."""

    def __init__(self, full: Sequences, texts: Texts) -> None:
        table = full.rows.table
        self._full, self._texts = full, texts
        self._nulls = nulls(table)
        names = tuple(name for name, _ in table.columns)
        self._model = full.rows.entity_columns.index(names.index("model")) if "model" in names else None
        self.result = Compared(table.name, names)

    def place(self, entity: Entity, first: I64, said: int) -> int:
        """Where in the full run's sequence a stretch that begins with this row lies; behind what was said where it is not in it."""
        if said == 0:
            return 0  # nothing was said before it: it must be the beginning
        start, count = self._full.find(entity)
        keys, found = self._full.rows.key_columns, said
        for at in range(0, min(count, said + 1), _AT_ONCE):  # a stretch cannot begin behind what was said
            rows = self._full.cells(np.arange(start + at, start + min(at + _AT_ONCE, count, said + 1)))
            same = np.flatnonzero((rows[:, keys] == first[keys]).all(axis=1))
            found = at + int(same[-1]) if len(same) else found
        return found

    def compare(self, entity: Entity, here: Sequences, offset: int) -> None:
        """All rows of an entity with the full run's from `offset` on."""
        start, count = here.find(entity)
        full_start, full_count = self._full.find(entity)
        common = max(0, min(count, full_count - offset))
        for at in range(0, common, _AT_ONCE):
            piece = np.arange(at, min(at + _AT_ONCE, common))
            self._cells(entity, self._full.cells(full_start + offset + piece), here.cells(start + piece))
        if common < count:
            self._beside(here.cells(np.array([start + common]))[0], count - common)

    def missing(self, position: int, count: int) -> None:
        """Rows of the full run that the other did not say, the first of them given."""
        row = self._full.cells(np.array([position]))[0]
        self.result.note(self._difference("missing", row, None, None), count)

    def _beside(self, row: I64, count: int) -> None:
        self.result.note(self._difference("beside", row, None, None), count)

    def _cells(self, entity: Entity, full: I64, here: I64) -> None:
        result = self.result
        model = "" if self._model is None else self._texts.text(entity[self._model]) or ""
        shown = result.shown.setdefault(model, Shown(0, np.zeros(len(result.columns), np.int64)))
        shown.rows += len(full)
        shown.known += (full != self._nulls).sum(axis=0)
        different = full != here
        if not different.any():
            return
        rows = np.flatnonzero(different.any(axis=1))
        row = int(rows[np.argmin(full[rows, 0])])
        keys = self._full.rows.key_columns
        if different[row, keys].any():  # the sequences are shifted from here on: one of them lacks a row
            kind, shown = ("missing", full[row]) if full[row, 0] <= here[row, 0] else ("beside", here[row])
            difference = self._difference(kind, shown, None, None)
        else:
            difference = self._difference("value", full[row], here[row], int(np.flatnonzero(different[row])[0]))
        result.note(difference, int(different.sum()))

    def _difference(self, kind: str, row: I64, here: I64 | None, column: int | None) -> Difference:
        table = self._full.rows.table
        types = dict(table.columns)
        keys = [(key, row[self._full.rows.column(key)]) for key in table.keys if key != table.timestamp]
        key = ", ".join(f"{name} {told(types[name], int(cell), self._texts)}" for name, cell in keys)
        if here is None or column is None:
            return Difference(table.name, kind, int(row[0]), key, "", "", "")
        name, type_ = table.columns[column]
        full, other = (told(type_, int(cells[column]), self._texts) for cells in (row, here))
        return Difference(table.name, kind, int(row[0]), key, name, full, other)


def _decides(rows: Rows, watermarks: Watermarks, texts: Texts) -> Callable[[I64], I64] | None:
    """Which rows an input with these watermarks decides: those of time spans that have ended on every leg. None for tables of rows that
    speak of no such span, like single trades and events."""
    by_name = {name: n for n, (name, _) in enumerate(rows.table.columns)}
    if "pair" not in by_name and not ("symbol" in by_name and rows.span_us):
        return None
    column, span = by_name.get("pair", by_name.get("symbol")), rows.span_us

    def ended(number: int) -> int:
        return min((watermarks.get(leg, 0) for leg in (texts.text(number) or "").split("/")), default=0)

    def decided(cells: I64) -> I64:
        numbers, at = np.unique(cells[:, column], return_inverse=True)
        until = np.array([ended(int(number)) for number in numbers], np.int64)[at]
        return np.asarray(cells[:, 0] + span <= until)

    return decided


def first_difference(compared: Sequence[Compared]) -> Difference | None:
    """The earliest of several tables."""
    found = [each.first for each in compared if each.first is not None]
    return min(found, key=lambda difference: difference.time_us, default=None)
