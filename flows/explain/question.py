"""What is asked: a pair, an interval, a model and a time, each told apart from what is near it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.storage.datasets import Dataset

_MICROSECONDS_OF = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""An epoch below the limit is in seconds, milliseconds or microseconds: no time since 1973 can be taken for another."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of `pair_stats`. `open_time` in microseconds."""

    pair: Pair
    interval: Interval
    model: Model
    open_time: int


def question(dataset: Dataset, pair: str, interval: str, model: str, time: str) -> Question:
    """The row that these words name.

    Raises:
        NotStoredError: the dataset has no such pair, interval or model, or the time cannot be read; with what is near.
    """
    pairs = {str(known): known for known in dataset.pairs}
    intervals = {str(known): known for known in dataset.intervals}
    models = {known.name: known for known in dataset.models}
    where = f'dataset "{dataset.name}"' if dataset.name else "the main dataset"
    for what, word, known in (("pair", pair, pairs), ("interval", interval, intervals), ("model", model, models)):
        if word not in known:
            raise NotStoredError(f'{where} has no {what} "{word}"{near(word, known)}')
    return Question(pairs[pair], intervals[interval], models[model], microseconds(time))


def microseconds(text: str) -> int:
    """A time in UTC: ISO, or an epoch in seconds, milliseconds or microseconds.

    Raises:
        NotStoredError: it is neither.

    >>> microseconds("2024-07-19T00:00:00Z") == microseconds("2024-07-19 00:00") == microseconds("1721347200")
    True
    """
    try:
        value = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise NotStoredError(f'time: expected ISO in UTC or an epoch, found "{text}"') from error
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return round(moment.timestamp() * 1_000_000)
    for limit, factor in _MICROSECONDS_OF:
        if 0 <= value < limit:
            return int(text) * factor if text.isdigit() else round(value * factor)
    raise NotStoredError(f'time: expected an epoch from 1970 on, found "{text}"')


def iso(time_us: int) -> str:
    """A time for a person, UTC; fractions of a second only where there are any.

    >>> iso(1721347200000000)
    '2024-07-19T00:00:00Z'
    """
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")


def near(word: str, known: Iterable[str]) -> str:
    """The known words that are like one that is not known, or all of them where they are few."""
    names = sorted(known)
    upper = {name.upper(): name for name in names}
    close = [upper[match] for match in difflib.get_close_matches(word.upper(), upper, n=3, cutoff=0.5)]
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there is {', '.join(names[:20])}{' …' if len(names) > 20 else ''}" if names else ""
