"""Captures of ours: recorded messages and records through the feed as they once went through it, so that the same comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError
from flows.sources.binance.capture_lines import CaptureLineError, begins_session, decode, unwrap
from flows.sources.binance.feed import Feed, FeedChunk, FeedState
from flows.sources.binance.judged import Judged
from flows.sources.binance.recorder import FILE_NAME
from flows.sources.binance.records import Continued, Message, Session
from flows.sources.scan import count_lines
from flows.sources.streams import ByteStream

_HEAD = 4096


@dataclass(frozen=True, slots=True)
class SessionState:
    """Where a replay stands: the session in force, and the rows that wait, which no REST is there to give again."""

    session: Session
    feed: FeedState
    held: NDArray[np.int64]
    file: str
    damaged: int


class SessionLines:
    """Lines of captures of ours, in the order of their files.

    Attributes:
        feed: what they go through. damaged: lines that are none of a capture. notes: sentences about the files.
    """

    def __init__(self, state: SessionState | None = None) -> None:
        self.damaged = state.damaged if state else 0
        self.notes: list[str] = []
        self._session = state.session if state else None
        self._file = state.file if state else ""
        if state is None:
            self.feed = Feed((), None, 0, 0)
        else:
            self.feed = Feed.of_session(state.session, state.feed, None)
            self.feed.hold_again(state.held)

    def state(self) -> SessionState | None:
        """A picklable snapshot; None before the first session."""
        if self._session is None:
            return None
        return SessionState(self._session, self.feed.state(), self.feed.held_rows, self._file, self.damaged)

    def apply(self, lines: bytes, path: Path, first_line: int) -> list[FeedChunk]:
        """Whole lines of a file, the first of which has number `first_line` in it."""
        buffer = np.frombuffer(lines, np.uint8)
        messages, received = np.empty(len(lines), np.uint8), np.empty(count_lines(buffer), np.int64)
        chunks: list[FeedChunk] = []
        position, line = 0, first_line
        while position < len(lines):
            position, taken, filled = unwrap(buffer, position, messages, received)
            if taken:
                chunks += self.feed.on_block(received[:taken], messages[:filled].tobytes())
            line += taken
            if position < len(lines):
                end = lines.index(b"\n", position)
                chunks += self._unusual(lines[position:end], path, line)
                position, line = end + 1, line + 1
        return chunks

    def _unusual(self, line: bytes, path: Path, number: int) -> list[FeedChunk]:
        """A record, or a message that is not one line in braces."""
        try:
            read = decode(line)
        except CaptureLineError as error:
            self.damaged += 1
            out = Judged(False)
            newest = int(self.feed.watermark.max(initial=0))
            out.reject(path.name, number, newest, str(error), line.decode("utf-8", "replace"))
            return list(out.rejects())
        if isinstance(read, Message):
            return self.feed.on_messages(np.array([read.received_us]), [read.message])
        if isinstance(read, Continued):
            return self._continued(read, path)
        self._file = path.name
        if isinstance(read, Session):
            self._session = read
        return self.feed.on_record(read)

    def _continued(self, head: Continued, path: Path) -> list[FeedChunk]:
        """A file that follows another: nothing, unless that other was not read."""
        before, self._file = self._file, path.name
        if head.after == before:
            return []
        self.notes.append(
            f"{path}: goes on where {head.after} ended, which was not read before it: its first bars lack trades"
        )
        self._session = replace(head.session, received_us=head.received_us, goes_on=False)
        return self.feed.on_record(self._session)


def are_sessions(paths: Sequence[Path]) -> bool:
    """Whether files are captures of ours rather than foreign ones.

    Raises:
        InputError: some are and some are not.
    """
    ours = [_begins_session(path) for path in paths]
    if any(ours) and not all(ours):
        foreign = paths[ours.index(False)]
        raise InputError(
            f"{paths[ours.index(True)]} is a capture with its session and {foreign} is one without: they cannot be one input"
        )
    return any(ours)


def are_named_in_order(paths: Sequence[Path]) -> bool:
    """Whether the names tell in which order files were recorded."""
    return all(FILE_NAME.fullmatch(path.name) for path in paths) and len({path.parent for path in paths}) == 1


def _begins_session(path: Path) -> bool:
    stream = ByteStream(path)
    head = stream.read(_HEAD)
    stream.close()
    return begins_session(head)
