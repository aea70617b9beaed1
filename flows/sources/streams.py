"""Bytes of a file, decompressed, readable from any position."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from flows.errors import InputError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 65_536
_GZIP_WINDOW = 31  # zlib's way to ask for the gzip wrapper with its checksum

LINE_LIMIT = 1 << 20
"""Bytes of a line; a file with a longer one is no file of lines."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class ByteStream:
    """Reads a plain, `.gz` or `.zst` file (told by its first bytes, not its name) as one stream of bytes.

    Raises:
        InputError: the file cannot be opened. A truncated compressed file does not raise: what could be decompressed is delivered and
            `truncated` tells why it ends.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path = path
        self.truncated: str | None = None
        self._held = b""
        try:
            self.size = path.stat().st_size
            self._raw = path.open("rb")
            magic = self._raw.read(4)
            self._raw.seek(0)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        self._pieces: Iterator[bytes] | None = None
        if magic.startswith(_GZIP):
            self._pieces = _decompressed(self._raw, lambda: zlib.decompressobj(_GZIP_WINDOW))
        elif magic == _ZSTD:
            self._pieces = _decompressed(self._raw, lambda: zstandard.ZstdDecompressor().decompressobj())
        if position:
            self._skip(position)

    @property
    def consumed(self) -> int:
        """Bytes of the file itself read so far: with `size` the progress."""
        return self._raw.tell()

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        if self._pieces is None:
            return self._raw.read(count)
        parts = [self._held]
        missing = count - len(self._held)
        while missing > 0 and self.truncated is None:
            try:
                piece = next(self._pieces, b"")
            except (EOFError, zlib.error, zstandard.ZstdError) as error:
                self.truncated = f"compressed data is cut or damaged: {error}"
                break
            if not piece:
                break
            parts.append(piece)
            missing -= len(piece)
        data = b"".join(parts)
        self._held = data[count:]
        return data[:count]

    def close(self) -> None:
        """Release the file."""
        self._raw.close()

    def _skip(self, position: int) -> None:
        if self._pieces is None:
            self._raw.seek(position)
            return
        while position > 0:
            skipped = len(self.read(min(position, 1 << 22)))
            if not skipped:
                return
            position -= skipped


def _decompressed(raw: BinaryIO, new: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content, piece by piece, of one or more compressed streams end to end; zero bytes between them are padding.

    Raises:
        EOFError: the file ends inside a stream. zlib.error, ZstdError: the data is damaged.
    """
    stream, begun = new(), False
    while data := raw.read(_PIECE):
        while data:
            begun = True
            if piece := stream.decompress(data):
                yield piece
            data = b""
            if stream.eof:
                data = stream.unused_data.lstrip(b"\0")
                stream, begun = new(), False
    if begun:
        raise EOFError("it ends in the middle")


def whole_lines(
    stream: ByteStream, rest: bytes, block_bytes: int, line: int, limit: int = LINE_LIMIT
) -> tuple[bytes, bytes]:
    """The next block up to a line end, and the bytes after it; at the end of the stream what is left, with or without one.

    Args:
        rest: bytes after the block before. line: number of the first line, for the message. limit: bytes of a line.

    Raises:
        InputError: a line beyond the limit.
    """
    data = rest
    while more := stream.read(block_bytes):
        end = more.rfind(b"\n") + 1
        if end:
            return b"".join((data, memoryview(more)[:end])), more[end:]
        data += more
        if len(data) > limit:
            raise InputError(f"{stream.path} line {line:,}: longer than {limit:,} bytes: not a file of lines")
    return data, b""
