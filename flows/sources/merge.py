"""Files of ticks as one input, in time order: the same rows however they are cut into blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Rejects, Ticks, concatenated
from flows.domain.instrument import Instrument
from flows.errors import InputError
from flows.sources.detect import TickFile
from flows.sources.order import find_jumps, find_repeats, mark_late, number_rows, running_newest
from flows.sources.symbols import SymbolTable, at_scale
from flows.sources.tally import Tally
from flows.sources.text import TEXT_LIMIT, Block, Reject

FileChunk = Chunk[Ticks] | Chunk[Rejects]


@dataclass(frozen=True, slots=True)
class FileState:
    """Where a file is to be read on, and the rows of it that were read but not yet released (at most a few blocks).

    Attributes:
        newest: newest believed time. waiting, key: rows in order with the newest time up to each. unjudged: a row so far ahead
            that the one after it must tell whether to believe it.
    """

    position: int = 0
    line: int = 1
    newest: int = 0
    done: bool = False
    waiting: Ticks | None = None
    key: I64 | None = None
    unjudged: Ticks | None = None


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
            released = self._released()
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
        block, times = head.load(self._jump_limit)
        self.tally.rows += block.rows
        self.tally.excluded += block.excluded
        if not block.rejects:
            return []
        frame = _rejects_frame(head.file.path.name, block.rejects, times)
        self.tally.rejected += len(frame)
        first = block.rejects[0]
        self.tally.first_reject = self.tally.first_reject or f"{head.file.path} line {first.line:,}, {first.reason}"
        return [Chunk(np.full(1, self._newest, np.int64), frame)]

    def _released(self) -> Ticks | None:
        """Rows that no unread row can precede; None when all is read and released."""
        live = [head for head in self._heads if head.state.waiting is not None]
        if not live:
            return None
        horizon = min((int(head.last_key) for head in live if not head.state.done), default=None)
        if len(self._heads) == 1:
            horizon = None
        parts = [(f, *head.release(horizon)) for f, head in enumerate(self._heads) if head.state.waiting is not None]
        if not any(len(rows) for _, rows, _ in parts):
            for head in live:
                if not head.state.done and head.last_key == horizon:
                    self._loaded(head)
        return self._merged(parts)

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
        self.tally.late += late
        watermark = np.full(len(ticks.instruments), max(0, self._newest - self._lateness), np.int64)
        return Chunk(watermark, ticks)


class _Head:
    """One file and the rows that wait in it."""

    def __init__(
        self, file: TickFile, table: SymbolTable, accepts: Callable[[str], bool], block_bytes: int, state: FileState
    ) -> None:
        self.file, self.state, self._table = file, state, table
        self._reader = file.open(table, accepts, block_bytes, state.position, state.line)

    @property
    def consumed(self) -> int:
        return self._reader.consumed

    @property
    def last_key(self) -> int:
        assert self.state.key is not None
        return int(self.state.key[-1])

    def load(self, jump_limit: int) -> tuple[Block, I64]:
        """Read one more block behind the waiting rows: the block, and the newest time up to each of its rows."""
        block = self._reader.read()
        done = block is None
        unjudged = self.state.unjudged
        if block is None:
            block = Block(unjudged if unjudged is not None else self._reader.no_rows(), [], 0, 0)
            fresh = block.ticks
        else:
            fresh = (
                block.ticks
                if unjudged is None
                else concatenated([at_scale(unjudged, self._table.instruments), block.ticks])
            )
        jumps, judged = find_jumps(fresh.time, self.state.newest, jump_limit, done)
        times = running_newest(np.where(jumps, 0, fresh.time), self.state.newest)
        rejects = block.rejects + [_jump_reject(fresh, int(i)) for i in np.flatnonzero(jumps)]
        whole = judged == len(fresh) and not jumps.any()
        believed = fresh if whole else fresh.take(np.flatnonzero(~jumps[:judged]))
        key = times[:judged] if whole else times[:judged][~jumps[:judged]]
        self._wait(believed, key, done, None if judged == len(fresh) else fresh.take(slice(judged, None)))
        return Block(believed, rejects, block.excluded, block.rows), times

    def _wait(self, ticks: Ticks, key: I64, done: bool, unjudged: Ticks | None) -> None:
        waiting, old_key = self.state.waiting, self.state.key
        if waiting is not None and old_key is not None:
            ticks = concatenated([at_scale(waiting, ticks.instruments), ticks])
            key = np.concatenate([old_key, key])
        newest = int(key[-1]) if len(key) else self.state.newest
        some = len(ticks) > 0
        self.state = FileState(
            self._reader.position,
            self._reader.line,
            newest,
            done,
            ticks if some else None,
            key if some else None,
            unjudged,
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


def _jump_reject(ticks: Ticks, i: int) -> Reject:
    when = np.datetime64(int(ticks.time[i]), "us")
    symbol = ticks.instruments[ticks.symbol[i]].symbol
    reason = f"column time: {when}Z is far ahead of the rows around it"
    return Reject(0, i, reason, f"{symbol} {when}Z"[:TEXT_LIMIT])


def _rejects_frame(source: str, rejects: list[Reject], times: I64) -> Rejects:
    """Filed at the newest time before each, as its own is not trusted."""
    newest = [int(times[reject.after - 1]) if 0 < reject.after <= len(times) else 0 for reject in rejects]
    return Rejects(
        source=np.array([source] * len(rejects), np.object_),
        line=np.array([reject.line for reject in rejects], np.int64),
        time=np.array(newest, np.int64),
        reason=np.array([reject.reason for reject in rejects], np.object_),
        text=np.array([reject.text for reject in rejects], np.object_),
    )
