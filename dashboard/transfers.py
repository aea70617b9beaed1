"""What pages send and receive over plain HTTP: files too large for the websocket. `dashboard.routes` serves it.

Each page has a secret of its own, which only its document tells: whoever may see the page, by login where there is one, may transfer,
and no other site can.
"""

import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

UPLOAD_LIMIT_BYTES = 256 << 20
"""Of one file. Larger ones are for `pairs replay`, which reads them where they are."""
_FILES = 16


@dataclass(frozen=True, slots=True)
class Offer:
    """A file to be downloaded, under the name that it shall get."""

    path: Path
    name: str


class TooManyFilesError(Exception):
    """A page holds as many uploaded files as it may."""


@dataclass
class Transfers:
    """Those of one page, from its first visit to the Data view to its end.

    Attributes:
        offers: files to download, by key. inbox: files that were uploaded, by key, with the name they had.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    offers: dict[str, Offer] = field(default_factory=dict)
    inbox: dict[str, Offer] = field(default_factory=dict)
    _folder: Path | None = None
    _made: int = 0

    def place(self, name: str) -> tuple[str, Path]:
        """A new key, and where its file of that name may be written. Only this user can read it.

        Raises:
            OSError: the device is full or cannot be written.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="pairdesk-"))
        self._made += 1
        key = str(self._made)
        (self._folder / key).mkdir()
        return key, self._folder / key / name

    def place_for_upload(self, name: str) -> tuple[str, Path]:
        """The same for a file that comes in.

        Raises:
            TooManyFilesError: until some are let go. OSError: as `place`.
        """
        if len(self.inbox) >= _FILES:
            raise TooManyFilesError(f"{_FILES} files at a time are enough: remove some, or join them")
        return self.place(name)

    def drop(self, files: dict[str, Offer]) -> None:
        """Delete these files, `offers` or `inbox`."""
        for offer in files.values():
            with suppress(OSError):
                offer.path.unlink(missing_ok=True)
                offer.path.parent.rmdir()
        files.clear()

    def end(self) -> None:
        """Forget everything, delete all files."""
        OPEN.pop(self.token, None)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


OPEN: dict[str, Transfers] = {}
"""By token, for the routes."""
served = False
"""Whether this server has the routes: they come with `panel serve --plugins dashboard.routes`."""


def begin() -> Transfers:
    """Transfers of a new page; `end` them with it."""
    made = Transfers()
    OPEN[made.token] = made
    return made


def too_large(megabytes: str) -> str:
    """What to say of a file beyond the limit."""
    return (
        f"{megabytes} MB is more than the {UPLOAD_LIMIT_BYTES / 1e6:,.0f} MB an upload may have:"
        " use pairs replay FILE --dataset NAME, which reads a file of any size where it is"
    )
