"""Bytes of a file, decompressed, readable from any position."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from flows.errors import InputError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class ByteStream:
    """Reads a plain, `.gz` or `.zst` file (told by its first bytes, not its name) as one stream of bytes.

    Raises:
        InputError: the file cannot be opened. A truncated compressed file does not raise: what could be decompressed is delivered and
            `truncated` tells why it ends.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path = path
        self.truncated: str | None = None
        try:
            self.size = path.stat().st_size
            self._raw = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        self._stream = self._decompressed()
        if position:
            self._skip(position)

    @property
    def consumed(self) -> int:
        """Bytes of the file itself read so far: with `size` the progress."""
        return self._raw.tell()

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        parts: list[bytes] = []
        while count > 0 and self.truncated is None:
            try:
                part = self._stream.read(count)
            except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                self.truncated = f"compressed data is cut or damaged: {error}"
                break
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Release the file."""
        self._raw.close()

    def _decompressed(self) -> BinaryIO:
        magic = self._raw.read(4)
        self._raw.seek(0)
        if magic.startswith(_GZIP):
            # A small buffer, so that a cut file still yields everything before the cut.
            return cast(BinaryIO, gzip.GzipFile(fileobj=self._raw))
        if magic == _ZSTD:
            reader = zstandard.ZstdDecompressor().stream_reader(self._raw, read_across_frames=True)
            return cast(BinaryIO, reader)
        return cast(BinaryIO, self._raw)

    def _skip(self, position: int) -> None:
        if self._stream is self._raw:
            self._raw.seek(position, io.SEEK_SET)
            return
        while position > 0 and self.truncated is None:
            position -= len(self.read(min(position, 1 << 22))) or position
