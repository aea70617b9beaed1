"""Files of ticks as one input, in time order: the same rows however they are cut into blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Bools, Rejects, Ticks, concatenated
from flows.domain.instrument import Instrument
from flows.errors import InputError
from flows.sources.detect import TickFile
from flows.sources.order import find_jumps, find_repeats, mark_late, number_rows
from flows.sources.symbols import SymbolTable, at_scale
from flows.sources.tally import Tally
from flows.sources.text import TEXT_LIMIT, Block, Reject

FileChunk = Chunk[Ticks] | Chunk[Rejects]


@dataclass(frozen=True, slots=True)
class FileState:
    """Where a file is to be read on, and the rows of it that were read but not yet released (at most a few blocks).

    Attributes:
        newest: newest believed time. done: read to its end. cut: that end came before its time, nothing can follow.
        waiting, key: rows in order with the newest time up to each. unjudged: a row so far ahead that the one after it must tell
            whether to believe it, and its line.
    """

    position: int = 0
    line: int = 1
    newest: int = 0
    done: bool = False
    cut: bool = False
    waiting: Ticks | None = None
    key: I64 | None = None
    unjudged: Ticks | None = None
    unjudged_line: int = 0


@dataclass(frozen=True, slots=True)
class MergeState:
    """What a resume needs."""

    instruments: tuple[Instrument, ...]
    files: tuple[FileState, ...]
    newest: int
    numbers: I64
    newest_id: I64
    tally: Tally


class TickFiles:
    """Reads files block by block and releases their rows in time order; within a file the order of its lines stays.

    Args:
        files: rows of one time come in the order of the files, so the one that begins first must stand first.
        lateness_us: how far a row may be behind the newest one before it and still be in time.
        jump_limit_us: a row further ahead of both its neighbours has a wrong time.
        reject_share: above this share of malformed rows the input is refused.

    Raises:
        InputError: files of different kinds of identity in one input.
    """

    def __init__(
        self,
        files: Sequence[TickFile],
        accepts: Callable[[str], bool],
        lateness_us: int,
        jump_limit_us: int,
        reject_share: float,
        block_bytes: int,
        state: MergeState | None = None,
    ) -> None:
        _check_one_kind(files)
        self._lateness, self._jump_limit, self._reject_share = lateness_us, jump_limit_us, reject_share
        self._table = SymbolTable(state.instruments if state else ())
        positions = state.files if state else (FileState(),) * len(files)
        self._heads = [
            _Head(file, self._table, accepts, block_bytes, at) for file, at in zip(files, positions, strict=True)
        ]
        self._newest = state.newest if state else 0
        self._numbers = state.numbers.copy() if state else np.zeros(0, np.int64)
        self._newest_id = state.newest_id.copy() if state else np.zeros((len(files), 0), np.int64)
        self.tally = replace(state.tally) if state else Tally()

    def state(self) -> MergeState:
        """A picklable snapshot."""
        return MergeState(
            self._table.instruments,
            tuple(head.state for head in self._heads),
            self._newest,
            self._numbers.copy(),
            self._newest_id.copy(),
            replace(self.tally),
        )

    @property
    def consumed(self) -> int:
        """How far the files are read, in the units of their sizes."""
        return sum(head.consumed for head in self._heads)

    def read(self) -> list[FileChunk] | None:
        """The next chunks, or None at the end of the last file.

        Raises:
            TooManyRejectsError: too large a share of malformed rows.
        """
        chunks: list[FileChunk] = []
        while not chunks:
            chunks += self._filled()
            rejects, released = self._released()
            chunks += rejects
            if released is None:
                self.tally.check(self._reject_share, at_end=True)
                return chunks or None
            if len(released):
                chunks.append(self._chunk(released))
            self.tally.check(self._reject_share, at_end=False)
        return chunks

    def _filled(self) -> list[FileChunk]:
        """See to it that every file that is not at its end has rows waiting; the rejects found on the way."""
        chunks: list[FileChunk] = []
        for head in self._heads:
            while not head.state.done and head.state.waiting is None:
                chunks += self._loaded(head)
        return chunks

    def _loaded(self, head: "_Head") -> list[FileChunk]:
        loaded = head.load(self._jump_limit)
        self.tally.rows += loaded.rows
        self.tally.excluded += loaded.excluded
        if not loaded.rejects:
            return []
        self.tally.rejected += len(loaded.rejects)
        first, _ = loaded.rejects[0]
        self.tally.first_reject = self.tally.first_reject or f"{head.file.path} line {first.line:,}, {first.reason}"
        self.tally.check(self._reject_share, at_end=False)
        frame = _rejects_frame(head.file.path.name, loaded.rejects)
        return [Chunk(np.full(1, self._newest, np.int64), frame)]

    def _released(self) -> tuple[list[FileChunk], Ticks | None]:
        """Rows that no unread row can precede, None when all is read and released; and the rejects found on the way."""
        live = [head for head in self._heads if head.state.waiting is not None]
        if not live:
            return [], None
        horizon = min((int(head.last_key) for head in live if not head.state.done), default=None)
        if len(self._heads) == 1:
            horizon = None
        parts = [(f, *head.release(horizon)) for f, head in enumerate(self._heads) if head.state.waiting is not None]
        chunks: list[FileChunk] = []
        if not any(len(rows) for _, rows, _ in parts):  # a whole block of one time: read on behind it
            for head in live:
                if not head.state.done and head.last_key == horizon:
                    chunks += self._loaded(head)
        return chunks, self._merged(parts)

    def _merged(self, parts: list[tuple[int, Ticks, I64]]) -> Ticks:
        instruments = self._table.instruments
        ticks = concatenated([at_scale(rows, instruments) for _, rows, _ in parts])
        file = np.repeat(np.array([f for f, _, _ in parts], np.int32), [len(rows) for _, rows, _ in parts])
        if len(parts) > 1:
            order = np.argsort(np.concatenate([key for _, _, key in parts]), kind="stable")
            ticks, file = ticks.take(order), file[order]
        if len(self._heads) > 1 and ticks.ids_known:
            room = np.full((len(self._heads), len(instruments) - self._newest_id.shape[1]), -1, np.int64)
            self._newest_id = np.concatenate([self._newest_id, room], axis=1)
            repeat = find_repeats(ticks.symbol, ticks.trade_id, file, self._newest_id)
            self.tally.repeated += int(repeat.sum())
            ticks = ticks.take(~repeat)
        return ticks

    def _chunk(self, ticks: Ticks) -> Chunk[Ticks]:
        if not ticks.ids_known:
            self._numbers = np.append(self._numbers, np.zeros(len(ticks.instruments) - len(self._numbers), np.int64))
            number_rows(ticks.symbol, self._numbers, ticks.trade_id)
        self._newest, late = mark_late(ticks.time, self._newest, self._lateness, ticks.late)
        self.tally.kept += len(ticks)
        self.tally.symbols = tuple(instrument.symbol for instrument in ticks.instruments)
        self.tally.late += late
        watermark = np.full(len(ticks.instruments), max(0, self._newest - self._lateness), np.int64)
        return Chunk(watermark, ticks)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What one more block brought, apart from its ticks. With each reject comes the time to file it at; its own is not trusted."""

    rows: int
    excluded: int
    rejects: list[tuple[Reject, int]]


class _Head:
    """One file and the rows that wait in it."""

    def __init__(
        self, file: TickFile, table: SymbolTable, accepts: Callable[[str], bool], block_bytes: int, state: FileState
    ) -> None:
        # A file may have grown since a run that read it to its end.
        self.file, self.state, self._table = file, replace(state, done=state.cut), table
        self._reader = file.open(table, accepts, block_bytes, state.position, state.line)

    @property
    def consumed(self) -> int:
        return self._reader.consumed

    @property
    def last_key(self) -> int:
        assert self.state.key is not None
        return int(self.state.key[-1])

    def load(self, jump_limit: int) -> _Loaded:
        """Read one more block behind the waiting rows."""
        newest = self.state.newest
        block = self._reader.read()
        done = block is None or block.last
        if block is None:
            block = Block(self._reader.no_rows(), np.zeros(0, np.int64), [], 0, 0)
        ticks, lines, held = block.ticks, block.lines, 0
        if self.state.unjudged is not None:
            held = len(self.state.unjudged)
            ticks = concatenated([at_scale(self.state.unjudged, ticks.instruments), ticks])
            lines = np.concatenate([np.full(held, self.state.unjudged_line), lines])
        jumps, judged, key, filed = find_jumps(ticks.time, newest, jump_limit, done)
        self._wait(ticks, lines, key, judged, jumps, done, block.last)
        found = [(reject, reject.after + held) for reject in block.rejects]
        filed_rejects = [(reject, int(filed[after - 1]) if after else newest) for reject, after in found]
        filed_rejects += [(_jump_reject(ticks, lines, int(i)), int(key[i])) for i in np.flatnonzero(jumps)]
        filed_rejects.sort(key=lambda made: made[0].line)
        return _Loaded(block.rows, block.excluded, filed_rejects)

    def _wait(self, ticks: Ticks, lines: I64, key: I64, judged: int, jumps: Bools, done: bool, cut: bool) -> None:
        """Put the rows that are believed behind those that wait, and keep the one that is not judged yet."""
        newest = self.state.newest
        unjudged = None if judged == len(ticks) else ticks.take(slice(judged, None))
        if unjudged is not None or jumps.any():
            believed = np.flatnonzero(~jumps[:judged])
            ticks, key = ticks.take(believed), key[believed]
        waiting, old_key = self.state.waiting, self.state.key
        if waiting is not None and old_key is not None:
            ticks = concatenated([at_scale(waiting, ticks.instruments), ticks])
            key = np.concatenate([old_key, key])
        some = len(ticks) > 0
        self.state = FileState(
            self._reader.position,
            self._reader.line,
            int(key[-1]) if some else newest,
            done,
            cut,
            ticks if some else None,
            key if some else None,
            unjudged,
            int(lines[-1]) if unjudged is not None else 0,
        )

    def release(self, horizon: int | None) -> tuple[Ticks, I64]:
        """Take out the rows before the horizon, all where there is none."""
        waiting, key = self.state.waiting, self.state.key
        assert waiting is not None
        assert key is not None
        count = len(key) if horizon is None else int(np.searchsorted(key, horizon))
        if count == len(key):
            self.state = replace(self.state, waiting=None, key=None)
            return waiting, key
        self.state = replace(self.state, waiting=waiting.take(slice(count, None)), key=key[count:])
        return waiting.take(slice(0, count)), key[:count]


def _check_one_kind(files: Sequence[TickFile]) -> None:
    first = files[0]
    for other in files[1:]:
        if (other.has_ids, other.has_aggregates) != (first.has_ids, first.has_aggregates):
            raise InputError(
                f"{first.path} and {other.path} cannot be one input: {_identity(first)} and {_identity(other)} would be mixed"
            )


def _identity(file: TickFile) -> str:
    return "aggregate trades" if file.has_aggregates else "trades with ids" if file.has_ids else "trades without ids"


def _jump_reject(ticks: Ticks, lines: I64, i: int) -> Reject:
    when = f"{np.datetime64(int(ticks.time[i]), 'us')}Z"
    symbol = ticks.instruments[ticks.symbol[i]].symbol
    reason = f"column time: {when} is too far ahead of the rows around it (files.max_forward_jump_s is the limit)"
    return Reject(int(lines[i]), i, reason, f"{symbol} {when}"[:TEXT_LIMIT])


def _rejects_frame(source: str, filed: list[tuple[Reject, int]]) -> Rejects:
    return Rejects(
        source=np.array([source] * len(filed), np.object_),
        line=np.array([reject.line for reject, _ in filed], np.int64),
        time=np.array([time for _, time in filed], np.int64),
        reason=np.array([reject.reason for reject, _ in filed], np.object_),
        text=np.array([reject.text for reject, _ in filed], np.object_),
    )
