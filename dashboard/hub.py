"""One poller per selection in the whole process; pages subscribe and are told that something changed, never what."""

import math
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from psycopg import sql

from dashboard.analysis.rows import Asked as ToAnalyse
from dashboard.analysis.ticks import TicksAsked
from dashboard.analysis.ticks_watch import Source as TicksSource
from dashboard.analysis.ticks_watch import TicksWatch
from dashboard.analysis.watch import AnalysisWatch
from dashboard.analysis.watch import Source as AnalysisSource
from dashboard.applying import AppliedWatch
from dashboard.board_watch import BoardFeed, BoardSource, CorrelationWatch, LooksWatch
from dashboard.data import Catalogue, readers
from dashboard.explaining import Asked, Explained, Explainer, Say
from dashboard.feed import Answer, FeedEvent, Freshness, Legs, StageLatency
from dashboard.frame import Frame
from dashboard.health import FlowStatus
from dashboard.health_watch import DistributionWatch, FlowWatch, HealthSource, PageMeter, StorageWatch
from dashboard.history import Moments, Span
from dashboard.past_reader import PastReader
from dashboard.poller import Poller
from dashboard.quality import Quality
from dashboard.rows_feed import Feed, WhatIfFeed, WhatIfRowsSource
from dashboard.selection import Selection
from dashboard.stored_bars import StoredBars
from dashboard.warming import warm_up_once
from dashboard.what_if import WhatIf
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.status import fetch
from flows.storage.client import Address
from flows.storage.models import ModelStore

_CATALOGUE_POLL_S, _LEGS_POLL_S, _EVENTS_POLL_S, _QUALITY_POLL_S = 1.0, 0.5, 1.0, 1.0
_STAGES_EVERY = 6
"""Latencies come each 5 s, so they are asked for at every sixth look at the legs only."""
_EVENTS = 300
_PAIRS_WITH_BARS = 4

P = TypeVar("P", bound=Poller[Any])


class Source(HealthSource, AnalysisSource, TicksSource, BoardSource, WhatIfRowsSource, Protocol):
    """What a poller asks: `dashboard.data.Reader`, or a stand-in of a test."""

    def catalogue(self, dataset: str) -> Catalogue | None: ...

    def legs(self, dataset: str) -> Answer: ...

    def stages(self, dataset: str) -> tuple[StageLatency, ...]: ...

    def events(
        self, dataset: str, gaps_only: bool, limit: int, until_us: int | None = None
    ) -> tuple[FeedEvent, ...]: ...

    def span(self, selection: Selection) -> Span | None: ...

    def moments(self, selection: Selection, at_us: int, lookback: int, ahead: int, span: Span | None) -> Moments: ...

    def quality(self, dataset: str, pair: Pair, interval: Interval, before: Quality | None) -> Quality: ...

    def explanation(self, asked: Asked, stale_after_ms: int, say: Say) -> Explained: ...

    def query(self, statement: sql.Composed, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]: ...


class CatalogueWatch(Poller[Catalogue | None]):
    """What a dataset holds; it may come to be, or change, while pages look at it.

    Attributes:
        catalogue: None while the database has no such dataset, or has not been asked.
    """

    def __init__(self, source: Source, dataset: str) -> None:
        super().__init__(source.close, _CATALOGUE_POLL_S)
        self._source = source
        self.dataset = dataset
        self.catalogue: Catalogue | None = None

    def _ask(self) -> Catalogue | None:
        return self._source.catalogue(self.dataset)

    def _take(self, answer: Catalogue | None) -> bool:
        news = answer != self.catalogue
        self.catalogue = answer
        return news


class LegsWatch(Poller[tuple[Answer, tuple[StageLatency, ...]]]):
    """How the legs of a dataset's feed stand, and whether the flow still says so."""

    def __init__(self, source: Source, dataset: str) -> None:
        super().__init__(source.close, _LEGS_POLL_S)
        self._source = source
        self.dataset = dataset
        self.legs = Legs()
        self._freshness = Freshness()

    def _ask(self) -> tuple[Answer, tuple[StageLatency, ...]]:
        answer, stages = self._source.legs(self.dataset), self.legs.stages
        if answer.legs and (not stages or self.status.polls % _STAGES_EVERY == 0):
            stages = self._source.stages(self.dataset)
        return answer, stages

    def _take(self, answers: tuple[Answer, tuple[StageLatency, ...]]) -> bool:
        before, (answer, stages) = self.legs, answers
        silent = self._freshness.silent(answer, time.monotonic())
        self.legs = Legs(answer.legs, stages, answer.newest_us, silent)
        return self.legs != before


class EventsWatch(Poller[tuple[FeedEvent, ...]]):
    """The newest events of a dataset's feed, newest first.

    Attributes:
        until_us: no later ones are asked for; None for now.
    """

    def __init__(self, source: Source, dataset: str, gaps_only: bool) -> None:
        super().__init__(source.close, _EVENTS_POLL_S)
        self._source = source
        self.dataset, self.gaps_only = dataset, gaps_only
        self.events: tuple[FeedEvent, ...] = ()
        self.until_us: int | None = None

    def _ask(self) -> tuple[FeedEvent, ...]:
        return self._source.events(self.dataset, self.gaps_only, _EVENTS, self.until_us)

    def _take(self, answer: tuple[FeedEvent, ...]) -> bool:
        news = answer != self.events
        self.events = answer
        return news


class QualityWatch(Poller[Quality | None]):
    """What is known of a pair beside its statistics. Asks only when a bar has closed, and for what changes with a look rarer still.

    Attributes:
        quality: nothing in it before the first answer.
    """

    ASKS_AFTER_CLOSE = 3
    """Its rows come a little after those of the bar: so many times a second is asked for them."""
    LOOKS_EVERY_S = 2.0
    AT_LEAST_EVERY_S = 30.0
    """Which leg leads is looked at by a clock of its own, and a verdict waits for the slowest pair."""

    def __init__(
        self,
        source: Source,
        dataset: str,
        pair: Pair,
        interval: Interval,
        poll_s: float = _QUALITY_POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source.close, poll_s)
        self._clock = clock
        self._source = source
        self._of = dataset, pair, interval
        self.quality = Quality()
        self._closed_us: int | None = None
        self._asks_left = 0
        self._asked_s = self._looked_s = -math.inf

    def closed(self, until_us: int | None) -> None:
        """The newest closed bar ends then, as a page sees it."""
        if until_us != self._closed_us:
            self._closed_us, self._asks_left = until_us, self.ASKS_AFTER_CLOSE

    def _ask(self) -> Quality | None:
        now = self._clock()
        if not self._asks_left and now - self._asked_s < self.AT_LEAST_EVERY_S:
            return None
        looks = now - self._looked_s >= self.LOOKS_EVERY_S
        found = self._source.quality(*self._of, None if looks else self.quality)
        self._asked_s, self._looked_s = now, now if looks else self._looked_s
        self._asks_left = max(0, self._asks_left - 1)
        return found

    def _take(self, answer: Quality | None) -> bool:
        news = answer is not None and answer != self.quality
        self.quality = answer or self.quality
        return news


class Hub:
    """All pollers of the process, and the thread that explains.

    Args:
        stale_after_ms: as of `flows.explain`; of datasets that do not say it themselves.
        ask_flow: asks the flow that writes the main dataset for its status.
        stores: where models are applied to the data of each origin. supervised: its flow starts anew by itself then.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        poll_s: float,
        stale_after_ms: int = 0,
        ask_flow: Callable[[], FlowStatus] | None = None,
        stores: Mapping[str, ModelStore] | None = None,
        supervised: bool = False,
    ) -> None:
        self._stores, self._supervised = stores or {}, supervised
        self._ask_flow = ask_flow
        self._open_source = open_source
        self._poll_s = poll_s
        self._stale_after_ms = stale_after_ms
        self._thread = ThreadPoolExecutor(1, "explain")
        self._pollers: dict[Hashable, Poller[Any]] = {}
        self._stored: dict[tuple[str, Pair, Interval], StoredBars] = {}

    def feed(self, selection: Selection) -> Feed:
        """The feed of a selection. Subscribe at once: a poller without subscribers is forgotten at the next call."""
        return self._kept(selection, lambda: Feed(self._open_source(), selection, self._poll_s))

    def what_if(self, selection: Selection, model: Model) -> Feed:
        """The feed of a selection with the statistics of a model that the flow does not compute. Subscribe at once."""
        of = selection.dataset, selection.pair, selection.interval

        def made() -> Feed:
            what_if = WhatIf(self._bars(*of), *of, model, self._stale_after_ms)
            held = [feed.frame for feed in self.feeds if feed.selection == selection]
            return WhatIfFeed(
                self._open_source(), selection, self._poll_s, what_if, max(held, key=len, default=Frame())
            )

        return self._kept((selection, model), made)

    def applied(self, origin: str) -> AppliedWatch | None:
        """The watch over the models that were applied to the data of an origin; None where none can be. Subscribe at once."""
        store = self._stores.get(origin)
        if store is None:
            return None
        return self._kept((AppliedWatch, origin), lambda: AppliedWatch(store, self._supervised))

    def _bars(self, dataset: str, pair: Pair, interval: Interval) -> StoredBars:
        """The bars that every what-if of a pair is made of; of the few pairs that were looked at last."""
        key = dataset, pair, interval
        kept = self._stored.pop(key, None) or StoredBars(*key)
        self._stored = {**dict(list(self._stored.items())[1 - _PAIRS_WITH_BARS :]), key: kept}
        return kept

    def watch(self, dataset: str) -> CatalogueWatch:
        """The watch over a dataset's description."""
        return self._kept((CatalogueWatch, dataset), lambda: CatalogueWatch(self._open_source(), dataset))

    def legs(self, dataset: str) -> LegsWatch:
        """The watch over the legs of a dataset's feed."""
        return self._kept((LegsWatch, dataset), lambda: LegsWatch(self._open_source(), dataset))

    def events(self, dataset: str, gaps_only: bool, of: Hashable = None) -> EventsWatch:
        """The watch over the events of a dataset's feed.

        Args:
            of: who looks back and sets `until_us`; such a watch is its alone.
        """
        key = (EventsWatch, dataset, gaps_only, of)
        return self._kept(key, lambda: EventsWatch(self._open_source(), dataset, gaps_only))

    def quality(self, dataset: str, pair: Pair, interval: Interval) -> QualityWatch:
        """The watch over what is known of a pair beside its statistics."""
        key = (QualityWatch, dataset, pair, interval)
        return self._kept(key, lambda: QualityWatch(self._open_source(), dataset, pair, interval))

    def storage(self, dataset: str, intervals: tuple[Interval, ...]) -> StorageWatch:
        """The watch over the tables of a dataset."""
        key = (StorageWatch, dataset, intervals)
        return self._kept(key, lambda: StorageWatch(self._open_source(), dataset, intervals))

    def distributions(self, dataset: str) -> DistributionWatch:
        """The watch over the latencies of a dataset's feed."""
        return self._kept((DistributionWatch, dataset), lambda: DistributionWatch(self._open_source(), dataset))

    def flow(self, dataset: str) -> FlowWatch | None:
        """The watch over the flow that writes a dataset; None where none is known: it writes the main one only."""
        ask = self._ask_flow
        return None if dataset or ask is None else self._kept(FlowWatch, lambda: FlowWatch(ask))

    def meter(self) -> PageMeter:
        """The meter of this process."""
        return self._kept(PageMeter, PageMeter)

    def board(self, dataset: str, interval: Interval, model: str) -> BoardFeed:
        """The newest statistics of all pairs of a dataset."""
        key = (BoardFeed, dataset, interval, model)
        return self._kept(key, lambda: BoardFeed(self._open_source(), dataset, interval, model, self._poll_s))

    def looks(self, dataset: str, interval: Interval) -> LooksWatch:
        """What is known of all pairs of a dataset beside their statistics."""
        return self._kept((LooksWatch, dataset, interval), lambda: LooksWatch(self._open_source(), dataset, interval))

    def correlations(self, dataset: str, interval: Interval) -> CorrelationWatch:
        """How all symbols of a dataset move together."""
        key = (CorrelationWatch, dataset, interval)
        return self._kept(key, lambda: CorrelationWatch(self._open_source(), dataset, interval))

    def analysis(self, asked: ToAnalyse, before: AnalysisWatch | None = None) -> AnalysisWatch:
        """The analysis of a pair and model, which goes on from `before` where that was of the same."""
        return self._kept((AnalysisWatch, asked), lambda: AnalysisWatch(self._open_source(), asked, before=before))

    def ticks(self, asked: TicksAsked) -> TicksWatch:
        """The trades of both legs over a range."""
        return self._kept((TicksWatch, asked), lambda: TicksWatch(self._open_source(), asked))

    def source(self) -> Source:
        """A source of the caller's own, who closes it."""
        return self._open_source()

    def kept(self, key: Hashable, make: Callable[[Source], P]) -> P:
        """The poller of that key, made of a source of its own. Subscribe at once."""
        return self._kept(key, lambda: make(self._open_source()))

    def past(self, told: Callable[[], None]) -> PastReader:
        """What reads the past for one page: `told` is called on the event loop when an answer has come."""
        return PastReader(self._open_source, told)

    def explainer(self, told: Callable[[], None]) -> Explainer:
        """What makes the explanations of one page: `told` is called on the event loop at every step."""

        def explanation(asked: Asked, say: Say) -> Explained:
            source = self._open_source()
            try:
                return source.explanation(asked, self._stale_after_ms, say)
            finally:
                source.close()

        return Explainer(explanation, self._thread, told)

    @property
    def pollers(self) -> tuple[Poller[Any], ...]:
        """All that anybody looks at."""
        return tuple(poller for poller in self._pollers.values() if poller.subscribers)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        return tuple(poller for poller in self._pollers.values() if isinstance(poller, Feed))

    def _kept(self, key: Hashable, make: Callable[[], P]) -> P:
        """The poller of that key; those nobody looks at are forgotten: their rows would be stale, and names come from the address bar."""
        self._pollers = {of: poller for of, poller in self._pollers.items() if poller.subscribers}
        if key not in self._pollers:
            self._pollers[key] = make()
        return cast(P, self._pollers[key])


@cache
def shared_hub(
    address: Address,
    roots: tuple[Path, ...],
    poll_s: float,
    stale_after_ms: int,
    flow: tuple[str, int],
    models: tuple[tuple[str, Path], ...] = (),
    supervised: bool = False,
) -> Hub:
    """The hub of this process for a server. It outlives the served script, whose globals end with each session.

    Args:
        roots: as of `dashboard.data.readers`. stale_after_ms: as of `Hub`.
        flow: host and port where the flow says how it is; port 0: it is not known.
        models: origins and the files of the models that are applied to them. supervised: as of `Hub`.
    """
    warm_up_once()
    ask_flow = partial(fetch, *flow) if flow[1] else None
    stores = {origin: ModelStore(path) for origin, path in models}
    return Hub(readers(address, roots), poll_s, stale_after_ms, ask_flow, stores, supervised)
