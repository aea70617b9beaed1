"""The state of the feed in the header of every view, and its part of the banner."""

import time
from collections.abc import Callable

from dashboard.charts.panel import html
from dashboard.data import Catalogue
from dashboard.feed import Legs
from dashboard.hub import Hub, LegsWatch
from dashboard.views.legs import feed_banner, leg_pills


class Pills:
    """The region, and the watch behind it. A replay has no feed.

    Attributes:
        region: for the header.
    """

    def __init__(self, hub: Hub, soon: Callable[[], None]) -> None:
        self._hub, self._soon = hub, soon
        self.region = html("pills", by_browser=False)
        self._watch: LegsWatch | None = None
        self._ending: Callable[[], None] | None = None
        self._shown: tuple[Legs, tuple[str, ...]] | None = None

    def follow(self, catalogue: Catalogue | None) -> None:
        """Watch the feed of a dataset, once it is known to have one."""
        if catalogue is not None and not catalogue.recorded and self._watch is None:
            self._watch = self._hub.legs(catalogue.dataset)
            self._ending = self._watch.subscribe(self._soon)

    def banner(self, symbols: tuple[str, ...]) -> str:
        """What is wrong with the feed of a pair; '' where nothing is, or nothing is known."""
        known = self._watch is not None and self._watch.asked and self._watch.status.down_since is None
        return feed_banner(self._watch.legs, symbols) if known and self._watch is not None else ""

    def write(self, symbols: tuple[str, ...], live: bool = True) -> None:
        """Bring the region up to date.

        Args:
            symbols: the legs of the selected pair. live: the page shows what is so now.
        """
        watch = self._watch
        known = watch is not None and watch.status.down_since is None and (watch.asked or watch.status.reason)
        shown = (watch.legs, symbols) if live and known and watch is not None else None
        if shown != self._shown:
            self._shown = shown
            self.region.text = leg_pills(*shown, int(1000 * time.time())) if shown else ""

    def end(self) -> None:
        """Ask no more."""
        if self._ending is not None:
            self._ending()
        self._watch = self._ending = None
