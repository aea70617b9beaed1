"""Pollers of all pairs of a dataset: newest statistics, looks, correlation of the symbols. One of each for all pages."""

from typing import Protocol

from dashboard.board import Board, empty
from dashboard.board_data import Looks
from dashboard.correlations import Closes, Correlations, correlations, no_closes
from dashboard.poller import Poller
from flows.domain.interval import Interval

_LEAST_POLL_S, _LOOKS_POLL_S, _CLOSES_POLL_S = 0.4, 1.0, 3.0
_LOOKS_EVERY = 5
"""Verdicts and tests change with a look: they are read at every fifth reading of the ticks' correlation only."""


class BoardSource(Protocol):
    """What these pollers ask: `dashboard.data.Reader`, or a stand-in of a test."""

    def board(self, dataset: str, interval: Interval, model: str, held: Board) -> Board: ...

    def looks(self, dataset: str, interval: Interval, before: Looks | None) -> Looks: ...

    def closes(self, dataset: str, interval: Interval, held: Closes) -> Closes: ...

    def close(self) -> None: ...


class BoardFeed(Poller[Board]):
    """The newest statistics of all pairs. What is merged is merged in the thread of the query.

    Attributes:
        board: nothing in it before the first answer.
    """

    def __init__(self, source: BoardSource, dataset: str, interval: Interval, model: str, poll_s: float) -> None:
        super().__init__(source.close, max(poll_s, _LEAST_POLL_S))
        self._source, self._of = source, (dataset, interval, model)
        self.board = empty((), interval.us)

    def need(self, pairs: tuple[str, ...]) -> None:
        """Hold these pairs, which are all that the dataset watches; others than before mean a new board."""
        if pairs != self.board.pairs:
            self.board = empty(pairs, self.board.bar_us)

    def _ask(self) -> Board:
        return self._source.board(*self._of, self.board)

    def _take(self, answer: Board) -> bool:
        if answer.pairs != self.board.pairs:  # asked before other pairs were needed
            return False
        news = answer is not self.board
        self.board = answer
        return news


class LooksWatch(Poller[Looks]):
    """What is known of all pairs beside their statistics.

    Attributes:
        looks: None before the first answer.
    """

    def __init__(self, source: BoardSource, dataset: str, interval: Interval, poll_s: float = _LOOKS_POLL_S) -> None:
        super().__init__(source.close, poll_s)
        self._source, self._of = source, (dataset, interval)
        self.looks: Looks | None = None

    def _ask(self) -> Looks:
        all_of_it = self.looks is None or self.status.polls % _LOOKS_EVERY == 0
        return self._source.looks(*self._of, None if all_of_it else self.looks)

    def _take(self, answer: Looks) -> bool:
        news = answer != self.looks
        self.looks = answer
        return news


class CorrelationWatch(Poller[tuple[Closes, Correlations | None]]):
    """How all symbols move together, made anew when a bar has closed.

    Attributes:
        correlations: None before the first answer.
    """

    def __init__(self, source: BoardSource, dataset: str, interval: Interval, poll_s: float = _CLOSES_POLL_S) -> None:
        super().__init__(source.close, poll_s)
        self._source, self._dataset, self._interval = source, dataset, interval
        self._closes = no_closes(())
        self.correlations: Correlations | None = None

    def need(self, symbols: tuple[str, ...]) -> None:
        """Hold these symbols; others than before are read anew."""
        if symbols != self._closes.symbols:
            self._closes = no_closes(symbols)

    def _ask(self) -> tuple[Closes, Correlations | None]:
        held, closes = self._closes, self._source.closes(self._dataset, self._interval, self._closes)
        known = self.correlations
        if closes is held and known is not None and known.symbols == held.symbols:
            return closes, known
        return closes, correlations(closes, self._interval.us)

    def _take(self, answer: tuple[Closes, Correlations | None]) -> bool:
        closes, made = answer
        if closes.symbols != self._closes.symbols:  # asked before other symbols were needed
            return False
        news = made is not self.correlations
        self._closes, self.correlations = closes, made
        return news
