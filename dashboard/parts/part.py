"""What a view of the page is to the page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dashboard.data import Catalogue
from dashboard.frame import Frame
from dashboard.hub import Hub
from dashboard.poller import Status
from dashboard.quality import Quality
from dashboard.selection import Selection
from dashboard.state import Desk, Reading


@dataclass(frozen=True, slots=True)
class Context:
    """What a view is made of.

    Attributes:
        document: the session's document. soon: asks for a refresh of the whole page under its lock; cheap to call often.
    """

    hub: Hub
    desk: Desk
    document: Any
    soon: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page knows at a refresh. All is empty while the database has not told what the dataset holds.

    Attributes:
        frame: the rows of the look-back. status: how the asking for them goes. progress: how far a what-if is
            that takes longer, '' where there is none.
        at_us: the moment the page looks back to: nothing that was not known then may be shown. None while it is live.
    """

    catalogue: Catalogue | None = None
    selection: Selection | None = None
    now: Reading | None = None
    frame: Frame = field(default_factory=Frame)
    status: Status = field(default_factory=Status)
    quality: Quality = field(default_factory=Quality)
    progress: str = ""
    at_us: int | None = None


class Part(Protocol):
    """One view: made on the first visit, kept until the session ends, and told about every refresh.

    Attributes:
        layout: of Bokeh, stretches both ways. Nothing is written to it while it is not shown.
    """

    @property
    def layout(self) -> Any: ...

    def follow(self, seen: Seen, shown: bool) -> None:
        """Ask the hub for what the view needs, or let go of it while it is not shown. Called at every refresh: must be cheap."""

    def write(self, seen: Seen) -> None:
        """Bring the view up to date. Called at every refresh while it is shown, after `follow`."""

    def end(self) -> None:
        """Let go of everything; the session is over."""
