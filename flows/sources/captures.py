"""Raw captures: recorded messages through the same state machine as the socket's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.domain.frames import Rejects
from flows.sources.binance.feed import Feed, FeedState
from flows.sources.merge import FileChunk
from flows.sources.streams import ByteStream, whole_lines
from flows.sources.tally import Tally
from flows.sources.text import BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class CaptureState:
    """File, byte and line where a resume goes on, with the feed's state."""

    file: int
    position: int
    line: int
    feed: FeedState


class CaptureFiles:
    """Reads captures one after the other, as they were recorded, in the order of their first receive times.

    Args: as `TickFiles`; the feed's numbers as `flows.sources.binance.feed.Feed`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        silence_grace_us: int,
        max_ahead_us: int,
        reject_share: float,
        block_bytes: int,
        state: CaptureState | None = None,
    ) -> None:
        self._paths = sorted(paths, key=lambda path: (_first_received(path), path))
        self._block_bytes, self._reject_share = block_bytes, reject_share
        self._feed = Feed(None, None, silence_grace_us, max_ahead_us, state.feed if state else None)
        self._file, self._position, self._line = (state.file, state.position, state.line) if state else (0, 0, 1)
        self._stream: ByteStream | None = None
        self._rest = b""
        self._before = 0
        self.tally = Tally()
        self._count()

    def state(self) -> CaptureState:
        """A picklable snapshot."""
        return CaptureState(self._file, self._position, self._line, self._feed.state())

    @property
    def consumed(self) -> int:
        """Bytes of the files read so far."""
        return self._before + (self._stream.consumed if self._stream else 0)

    def read(self) -> list[FileChunk] | None:
        """The next chunks, or None at the end.

        Raises:
            TooManyRejectsError: too large a share of malformed messages.
        """
        while self._file < len(self._paths):
            if self._stream is None:
                self._stream, self._rest = ByteStream(self._paths[self._file], self._position), b""
            lines, self._rest = whole_lines(self._stream, self._rest, self._block_bytes, self._line)
            if lines:
                return self._applied(lines)
            if self._stream.truncated:
                self.tally.notes.append(f"{self._paths[self._file]}: {self._stream.truncated}")
            self._before += self._stream.size
            self._stream.close()
            self._stream, self._file, self._position, self._line = None, self._file + 1, 0, 1
        self.tally.check(self._reject_share, at_end=True)
        return None

    def _applied(self, lines: bytes) -> list[FileChunk]:
        path = self._paths[self._file]
        bare = lines.removeprefix(BYTE_ORDER_MARK) if self._position == 0 else lines
        chunks = self._feed.on_lines(bare, path.name, self._line)
        self._position += len(lines)
        self._line += lines.count(b"\n")
        self._count()
        for chunk in chunks:
            if not self.tally.first_reject and isinstance(chunk.rows, Rejects):
                self.tally.first_reject = f"{path} line {chunk.rows.line[0]:,}, {chunk.rows.reason[0]}"
        self.tally.check(self._reject_share, at_end=False)
        return list(chunks)

    def _count(self) -> None:
        counts, tally = self._feed.counts, self.tally
        tally.rows = counts["messages"]
        tally.symbols = tuple(instrument.symbol for instrument in self._feed.instruments)
        tally.kept, tally.late = counts["trades"] + counts["late"], counts["late"]
        tally.excluded = sum(counts[name] for name in ("zero", "insurance_fund", "na", "other_execution", "skipped"))
        tally.repeated = counts["duplicates"]
        tally.rejected = sum(counts[name] for name in ("malformed", "ahead", "wrong_kind", "too_large"))


_RECEIVED = re.compile(rb'"recv_ns"\s*:\s*(\d+)')


def _first_received(path: Path) -> int:
    """Receive time of a capture's first message that tells it; 0 where none in its first 4 KiB does."""
    stream = ByteStream(path)
    found = _RECEIVED.search(stream.read(4096))
    stream.close()
    return int(found[1]) if found else 0
