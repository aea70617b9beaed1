"""Explanations of stored rows for a page: made in a thread, one at a time in the process, newest question first.

The libraries that rows are compared with take seconds and much memory to load, so they are imported in that thread, when someone asks.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from dashboard.selection import Selection
from flows.errors import NotStoredError, StorageError
from flows.explain.database import DatabaseRows
from flows.explain.question import question

if TYPE_CHECKING:
    from flows.explain.explanation import Explanation

log = logging.getLogger(__name__)

Say: TypeAlias = Callable[[str], None]
"""Is told what is being done, in the thread that does it."""
_LIBRARIES = "flows.explain.explanation"


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored row. `time` is the bar's open time as `flows.explain.question.microseconds` reads it."""

    selection: Selection
    time: str


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation with its sentences.

    Attributes:
        facts: where the number comes from, in words. interval: of the correlation, a sentence.
        own, other: whether our own library and another give the stored row.
    """

    explanation: "Explanation"
    facts: Mapping[str, str]
    interval: str
    own: str
    other: str


@dataclass(frozen=True, slots=True)
class Answer:
    """How far a question is: `doing` something, or `explained`, or `error` says why not.

    Attributes:
        away: the error is that the database could not be asked, which may pass.
    """

    asked: Asked
    doing: str = ""
    explained: Explained | None = None
    error: str = ""
    away: bool = False


def explained(connection: "psycopg.Connection[Any]", asked: Asked, stale_after_ms: int, say: Say) -> Explained:
    """The explanation of a row. Raises as `flows.explain.explanation.explain`."""
    if _LIBRARIES not in sys.modules:
        say("loading the libraries to compare with")
    from flows.explain import show
    from flows.explain.explanation import explain

    say("reading the bars and making the row again")
    rows, of = DatabaseRows(connection, asked.selection.dataset), asked.selection
    made = explain(rows, question(rows.dataset, str(of.pair), str(of.interval), of.model, asked.time), stale_after_ms)
    return Explained(made, show.facts(made), show.correlation_sentence(made), *show.verdicts(made))


class Explainer:
    """The questions of one page. A newer one takes the place of an older one, which is not begun if it still waits.

    Attributes:
        answer: to the newest question, None before the first.
    """

    def __init__(
        self, explanation: Callable[[Asked, Say], Explained], thread: Executor, told: Callable[[], None]
    ) -> None:
        self._explanation, self._thread, self._told = explanation, thread, told
        self._waiting: Future[Explained] | None = None
        self.answer: Answer | None = None

    def ask(self, asked: Asked) -> None:
        """Begin to answer; to be called on the event loop, which hears of every step."""
        self.end()
        loop = asyncio.get_running_loop()
        answer = self.answer = Answer(asked, "waiting for the explanation of another page")

        def say(doing: str) -> None:
            loop.call_soon_threadsafe(self._take, answer, replace(answer, doing=doing))

        def done(future: "Future[Explained]") -> None:
            if not future.cancelled() and not loop.is_closed():
                loop.call_soon_threadsafe(self._take, answer, _answered(asked, future))

        self._waiting = self._thread.submit(self._explanation, asked, say)
        self._waiting.add_done_callback(done)

    def end(self) -> None:
        """Nobody waits for the answer any more."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.answer = None

    def _take(self, of: Answer, news: Answer) -> None:
        if self.answer is not None and self.answer.asked is of.asked:
            self.answer = news
            self._told()


def _answered(asked: Asked, future: "Future[Explained]") -> Answer:
    error = future.exception()
    if error is None:
        return Answer(asked, explained=future.result())
    if isinstance(error, (NotStoredError, StorageError)):
        return Answer(asked, error=str(error), away=isinstance(error, StorageError))
    log.error("an explanation ended by a defect", exc_info=error)
    return Answer(asked, error=f"the page could not explain this because of a defect: {error!r}")
