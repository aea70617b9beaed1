"""The recorder: everything that enters a feed, in order, into compressed files that a crash leaves readable."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.sources.binance.records import Record


@dataclass(frozen=True, slots=True)
class CapturePosition:
    """A place in a capture: everything before byte `size` of file `name` is on the disk, whole. A name of '': nothing yet."""

    name: str
    size: int


class Recorder:
    """Writes `capture-<UTC time>.ndjson.zst` files.

    Args:
        folder: created where missing.
        rotate_mb: a file of this size (compressed) is followed by a new one.
        position: where to go on, out of a snapshot; None: a new capture begins.

    Raises:
        StorageError: by every method: the folder or a file in it cannot be written.
    """

    def __init__(self, folder: Path, rotate_mb: float, position: CapturePosition | None = None) -> None:
        raise NotImplementedError

    def message(self, received_us: int, message: bytes) -> None:
        """One message as it came."""
        raise NotImplementedError

    def messages(self, received_us: Iterable[int], messages: Iterable[bytes]) -> None:
        """Several, in order."""
        raise NotImplementedError

    def record(self, record: Record) -> None:
        """Anything else that enters the feed."""
        raise NotImplementedError

    def position(self) -> CapturePosition:
        """Bring everything to the disk; where the capture ends now."""
        raise NotImplementedError

    def close(self) -> None:
        """Bring everything to the disk and let go of the file."""
        raise NotImplementedError
