"""The recorder: everything that enters a feed, in order, into compressed files that a crash leaves readable.

Each write is one whole zstd frame, so a file is readable up to its last frame whatever happens, and a place between two frames is one
where it can be cut and gone on. The files of a folder are named in the order in which they were begun.
"""

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path

import zstandard

from flows.errors import StorageError
from flows.sources.binance.capture_lines import encode, encode_message
from flows.sources.binance.records import Continued, Record, Session

_log = logging.getLogger(__name__)

FILE_NAME = re.compile(r"capture-\d{8}T\d{6}\.\d{6}Z\.ndjson\.zst", re.ASCII)
_NAME = "capture-%Y%m%dT%H%M%S.%fZ.ndjson.zst"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRAME_BYTES = 1 << 18
"""Text in one frame at most, about: what is in memory only, until `position` asks for it to be on the disk."""


@dataclass(frozen=True, slots=True)
class CapturePosition:
    """A place in a capture: everything before byte `size` of file `name` is on the disk, whole. A name of '': nothing yet."""

    name: str
    size: int


class Recorder:
    """Writes `capture-<UTC time>.ndjson.zst` files.

    At a resume the file of the position is cut there, and files begun after it are renamed `….orphan`: what they hold is fetched and
    written again. Where that file is gone or shorter, a new capture begins, and its first session says so.

    Args:
        folder: created where missing.
        rotate_mb: a file of this size (compressed) is followed by a new one.
        position: where to go on, out of a snapshot; None: a new capture begins.

    Raises:
        StorageError: by every method: the folder or a file in it cannot be written. What was written before stays readable.
    """

    def __init__(self, folder: Path, rotate_mb: float, position: CapturePosition | None = None) -> None:
        self._folder, self._rotate_bytes = folder, int(rotate_mb * (1 << 20))
        self._lines: list[bytes] = []
        self._waiting = 0
        self._compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self._session: Session | None = None
        self._file: FileIO | None = None
        self._path: Path | None = None
        self._size = 0
        self._first_us = 0
        self._failed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._goes_on = position is not None and position.name != "" and self._cut_back(position)
        except OSError as error:
            raise _cannot(folder, error) from error

    def message(self, received_us: int, message: bytes) -> None:
        """One message as it came."""
        self._add(received_us, encode_message(received_us, message))

    def messages(self, received_us: Iterable[int], messages: Iterable[bytes]) -> None:
        """Several, in order."""
        for received, message in zip(received_us, messages, strict=True):
            self.message(received, message)

    def record(self, record: Record) -> None:
        """Anything else that enters the feed. The first session of a new capture says that nothing before it is known."""
        if isinstance(record, Session):
            if self._session is None and not self._goes_on:
                record = replace(record, goes_on=False)
            self._session = record
        self._add(record.received_us, encode(record))

    def position(self) -> CapturePosition:
        """Bring everything to the disk; where the capture ends now."""
        self._write()
        if self._path is None:
            return CapturePosition("", 0)
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise _cannot(self._path, error) from error
        return CapturePosition(self._path.name, self._size)

    def close(self) -> None:
        """Bring everything to the disk and let go of the file; after an error only that, as what could not be written is lost."""
        try:
            if not self._failed:
                self.position()
        finally:
            self._release()

    def _add(self, received_us: int, line: bytes) -> None:
        if not self._lines:
            self._first_us = received_us
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting >= _FRAME_BYTES:
            self._write()

    def _write(self) -> None:
        """One frame of all lines that wait."""
        if not self._lines:
            return
        lines, self._lines, self._waiting = self._lines, [], 0
        if self._failed:  # going on would hide what is missing
            raise StorageError(f"{self._folder}: the capture could not be written before, and ends there")
        self._failed = True
        head = b"" if self._file is not None else self._next_file()
        assert self._file is not None
        assert self._path is not None
        frame = self._compressor.compress(head + b"".join(lines))
        try:
            written = self._file.write(frame)
            while written < len(frame):
                written += self._file.write(frame[written:])
        except OSError as error:
            self._take_back()
            raise _cannot(self._path, error) from error
        self._failed = False
        self._size += len(frame)
        if self._size >= self._rotate_bytes:
            self.position()
            self._release()

    def _next_file(self) -> bytes:
        """Begin a file; its head where it follows another."""
        before = self._path
        name = (_EPOCH + timedelta(microseconds=self._first_us)).strftime(_NAME)
        newest = max(_files(self._folder), default="")
        if name <= newest:  # a clock may have been set back or be a simulated one: names rise all the same
            name = (datetime.strptime(newest, _NAME).replace(tzinfo=UTC) + timedelta(microseconds=1)).strftime(_NAME)
        path = self._folder / name
        try:
            self._file = FileIO(path, "xb")
            _sync_folder(self._folder)
        except OSError as error:
            raise _cannot(path, error) from error
        self._path, self._size = path, 0
        if before is None or self._session is None:
            return b""
        return encode(Continued(self._first_us, self._session, before.name))

    def _take_back(self) -> None:
        """Leave a file whose last write failed as it was before."""
        assert self._file is not None
        try:
            os.ftruncate(self._file.fileno(), self._size)
        except OSError as error:
            _log.warning("%s ends in a piece that was not written whole; readers leave it out: %s", self._path, error)
        self._release()

    def _release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _cut_back(self, position: CapturePosition) -> bool:
        """Make the capture end at `position`; whether it can be gone on there."""
        path = self._folder / position.name
        for each in (self._folder / name for name in sorted(_files(self._folder)) if name > position.name):
            each.rename(each.with_name(f"{each.name}.orphan"))
            _log.warning("%s was begun after the snapshot that is gone on from: renamed .orphan", each)
        size = path.stat().st_size if path.exists() else -1
        if size < position.size:
            _log.warning("%s is %s: a new capture begins", path, "gone" if size < 0 else "shorter than it was")
            return False
        self._file = FileIO(path, "rb+")
        self._file.truncate(position.size)
        self._file.seek(position.size)
        self._path, self._size = path, position.size
        return True


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if FILE_NAME.fullmatch(path.name)]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be written: {error.strerror}; make room or name another folder in capture.dir (empty: none is kept). "
        "What was recorded before is readable"
    )
