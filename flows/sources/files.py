"""Files as a Bytewax source: one partition, as a symbol may live in one only."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.errors import InputError
from flows.sources import stop
from flows.sources.binance.feed import FeedChunk
from flows.sources.captures import CaptureFiles, CaptureState
from flows.sources.detect import in_order, recognise, without_prefixes
from flows.sources.merge import FileChunk, MergeState, TickFiles
from flows.sources.tally import Tally

PARTITION = "files"
Item = tuple[str, FileChunk | FeedChunk]
SourceState = MergeState | CaptureState


class FileSource(FixedPartitionedSource[Item, SourceState]):
    """Tick files and captures of every format, as one input in time order: `(PARTITION, chunk)` each.

    Args:
        paths: files of one kind of identity: trades with ids, aggregates, trades without ids, or captures.
        symbols: those wanted, others are rejected; None: all.
        lateness_us, archive_lateness_us: allowed lateness of ordinary files, and of the exchange's sorted archives.
        silence_grace_us, max_ahead_us: of the feed that captures go through.

    Raises:
        InputError: a file that is missing, empty, of no known kind, or of another kind than the others.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        symbols: frozenset[str] | None,
        lateness_us: int,
        archive_lateness_us: int,
        jump_limit_us: int,
        reject_share: float,
        block_bytes: int,
        silence_grace_us: int,
        max_ahead_us: int,
    ) -> None:
        if not paths:
            raise InputError("no file to read")
        twice = {path for path in paths if sum(path.resolve() == other.resolve() for other in paths) > 1}
        if twice:
            raise InputError(f"{', '.join(sorted(map(str, twice)))}: named twice")
        files = [recognise(path) for path in paths]
        captures = [file for file in files if file.kind == "capture"]
        if captures and len(captures) < len(files):
            other = next(file for file in files if file.kind != "capture")
            raise InputError(f"{captures[0].path} is a capture and {other.path} is not: they cannot be one input")
        self.size = sum(path.stat().st_size for path in paths)
        files, self._notes = without_prefixes(files)
        self._files = files if captures else in_order(files)
        self._symbols = symbols
        self.on_progress: Callable[[int], None] = lambda _: None
        """Called with the bytes read so far, after each batch."""
        archive = all(file.sorted_archive for file in self._files)
        self._lateness = archive_lateness_us if archive else lateness_us
        self._jump_limit, self._reject_share, self._block_bytes = jump_limit_us, reject_share, block_bytes
        self._silence_grace, self._max_ahead = silence_grace_us, max_ahead_us
        self.tally = Tally()
        """Of the partition that was built last; complete when the run is over."""

    def list_parts(self) -> list[str]:
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: SourceState | None) -> "_FilePartition":
        reader: TickFiles | CaptureFiles
        if self._files[0].kind == "capture":
            state = resume_state if isinstance(resume_state, CaptureState) else None
            reader = CaptureFiles(
                [file.path for file in self._files], self._silence_grace, self._max_ahead,
                self._reject_share, self._block_bytes, state,
            )  # fmt: skip
        else:
            merge_state = resume_state if isinstance(resume_state, MergeState) else None
            reader = TickFiles(
                self._files, self._accepts, self._lateness, self._jump_limit,
                self._reject_share, self._block_bytes, merge_state,
            )  # fmt: skip
        reader.tally.notes[:] = self._notes
        self.tally = reader.tally
        return _FilePartition(reader, self.on_progress)

    def _accepts(self, symbol: str) -> bool:
        return self._symbols is None or symbol in self._symbols


class _FilePartition(StatefulSourcePartition[Item, SourceState]):
    def __init__(self, reader: TickFiles | CaptureFiles, on_progress: Callable[[int], None]) -> None:
        self._reader, self._on_progress = reader, on_progress

    def next_batch(self) -> Iterable[Item]:
        if stop.requested():
            raise StopIteration
        chunks = self._reader.read()
        if chunks is None:
            raise StopIteration
        self._on_progress(self._reader.consumed)
        return [(PARTITION, chunk) for chunk in chunks]

    def next_awake(self) -> datetime | None:
        return None

    def snapshot(self) -> SourceState:
        return self._reader.state()
