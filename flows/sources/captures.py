"""Raw captures: recorded messages through the same state machine as the socket's.

A capture of ours begins with a session and holds the records of everything else that entered the feed: it comes out as the live run did. A
foreign one holds messages only: silence and missing ids are judged by the clock, and by counting.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.domain.frames import Rejects
from flows.sources.binance.feed import Feed, FeedChunk, FeedState
from flows.sources.sessions import SessionLines, SessionState, are_named_in_order, are_sessions
from flows.sources.streams import LINE_LIMIT, ByteStream, whole_lines
from flows.sources.tally import Tally
from flows.sources.text import BYTE_ORDER_MARK

_SESSION_LINE_LIMIT = 16 * LINE_LIMIT
"""A message of the largest size, every byte of it escaped."""


@dataclass(frozen=True, slots=True)
class CaptureState:
    """File, byte and line where a resume goes on, with the state of what the lines go through; None: at the beginning."""

    file: int
    position: int
    line: int
    lines: FeedState | SessionState | None


class ForeignLines:
    """Lines of captures that hold messages only.

    Attributes:
        feed: what they go through. damaged: 0, as a line that is no message is a reject of the feed. notes: none.
    """

    def __init__(self, silence_grace_us: int, max_ahead_us: int, state: FeedState | None = None) -> None:
        self.feed = Feed(None, None, silence_grace_us, max_ahead_us, state)
        self.damaged = 0
        self.notes: list[str] = []

    def state(self) -> FeedState:
        """A picklable snapshot."""
        return self.feed.state()

    def apply(self, lines: bytes, path: Path, first_line: int) -> list[FeedChunk]:
        """Whole lines of a file, the first of which has number `first_line` in it."""
        return self.feed.on_lines(lines, path.name, first_line)


class CaptureFiles:
    """Reads captures one after the other, in the order in which they were recorded.

    Args: as `TickFiles`; the feed's numbers as `flows.sources.binance.feed.Feed`, for foreign captures.

    Raises:
        InputError: captures of ours beside foreign ones.
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
        self._paths = in_recorded_order(paths)
        self._block_bytes, self._reject_share = block_bytes, reject_share
        self._ours = are_sessions(self._paths)
        before = state.lines if state else None
        self._lines: SessionLines | ForeignLines
        if self._ours:
            self._lines = SessionLines(before if isinstance(before, SessionState) else None)
        else:
            self._lines = ForeignLines(
                silence_grace_us, max_ahead_us, before if isinstance(before, FeedState) else None
            )
        self._file, self._position, self._line = (state.file, state.position, state.line) if state else (0, 0, 1)
        self._stream: ByteStream | None = None
        self._rest = b""
        self._before = 0
        self.tally = Tally()
        self._count()

    def state(self) -> CaptureState:
        """A picklable snapshot."""
        return CaptureState(self._file, self._position, self._line, self._lines.state())

    @property
    def consumed(self) -> int:
        """Bytes of the files read so far."""
        return self._before + (self._stream.consumed if self._stream else 0)

    def read(self) -> list[FeedChunk] | None:
        """The next chunks, or None at the end.

        Raises:
            TooManyRejectsError: too large a share of malformed messages in a foreign capture. Those of ours were in the live run too.
        """
        while self._file < len(self._paths):
            path = self._paths[self._file]
            if self._stream is None:
                self._stream, self._rest = ByteStream(path, self._position), b""
            limit = _SESSION_LINE_LIMIT if self._ours else LINE_LIMIT
            lines, self._rest = whole_lines(self._stream, self._rest, self._block_bytes, self._line, limit)
            if lines and (not self._ours or lines.endswith(b"\n")):
                return self._applied(lines)
            if self._stream.truncated or lines:
                reason = self._stream.truncated or "its last line is cut"
                self.tally.notes.append(f"{path}: {reason}; what is whole counts")
            self._before += self._stream.size
            self._stream.close()
            self._stream, self._file, self._position, self._line = None, self._file + 1, 0, 1
        self._end()
        return None

    def _end(self) -> None:
        held = len(self._lines.feed.held_rows)
        if held:
            self.tally.notes.append(f"{held:,} trades wait for missing ones at the end and are left out")
        if not self._ours:
            self.tally.check(self._reject_share, at_end=True)

    def _applied(self, lines: bytes) -> list[FeedChunk]:
        path = self._paths[self._file]
        bare = lines.removeprefix(BYTE_ORDER_MARK) if self._position == 0 else lines
        chunks = self._lines.apply(bare, path, self._line)
        self._position += len(lines)
        self._line += lines.count(b"\n")
        self._count()
        if self._ours:
            return chunks
        for chunk in chunks:
            if not self.tally.first_reject and isinstance(chunk.rows, Rejects):
                self.tally.first_reject = f"{path} line {chunk.rows.line[0]:,}, {chunk.rows.reason[0]}"
        self.tally.check(self._reject_share, at_end=False)
        return chunks

    def _count(self) -> None:
        feed, tally = self._lines.feed, self.tally
        counts = feed.counts
        tally.rows = counts["messages"] + counts["filled"] + self._lines.damaged
        tally.symbols = tuple(instrument.symbol for instrument in feed.instruments)
        tally.kept, tally.late = counts["trades"] + counts["late"], counts["late"]
        tally.excluded = sum(counts[name] for name in ("zero", "insurance_fund", "na", "other_execution", "skipped"))
        tally.repeated = counts["duplicates"]
        tally.rejected = self._lines.damaged + sum(
            counts[name] for name in ("malformed", "ahead", "wrong_kind", "too_large")
        )
        tally.notes += self._lines.notes
        self._lines.notes.clear()


def in_recorded_order(paths: Sequence[Path]) -> list[Path]:
    """Captures as they were recorded: in the order of their names if the recorder gave them, else of their first receive times."""
    named = are_named_in_order(paths)
    return sorted(paths, key=lambda path: (0 if named else _first_received(path), path))


_RECEIVED = re.compile(rb'"recv_ns"\s*:\s*(\d+)')


def _first_received(path: Path) -> int:
    """Receive time of a capture's first message that tells it; 0 where none in its first 4 KiB does."""
    stream = ByteStream(path)
    found = _RECEIVED.search(stream.read(4096))
    stream.close()
    return int(found[1]) if found else 0
