"""`pairs explain`: finds the row in the database, or in files replayed for the purpose."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.database import running_database
from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.explain.database import DatabaseRows
from flows.explain.explanation import Explanation, explain
from flows.explain.files import FileRows
from flows.explain.question import question
from flows.explain.stored import Stored
from flows.settings import Settings
from flows.storage.client import connect

REPLAYED = "replay"


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on the command line."""

    pair: str
    interval: str
    model: str
    time: str


def from_database(words: Words, settings: Settings, dataset: str) -> Explanation:
    """A row of a dataset; the main one's name is ''. Raises as `explain`.

    A server that does not run is started for the time it takes, but none where no server has ever been.
    """
    origin = REPLAYED if dataset else settings.binance.origin
    with running_database(settings, origin, new=False) as (address, _), connect(address) as connection:
        return _explained(DatabaseRows(connection, dataset), words, settings)


def from_files(words: Words, settings: Settings, paths: Sequence[Path]) -> Explanation:
    """A row of these files, replayed without a database: no row depends on what comes after it. Raises as `explain` and `replay`."""
    from flows.pairs import dataset_of  # the whole flow: only where it is needed
    from flows.replay import into_files, source_of

    try:
        pair = Pair.parse(words.pair)
    except ValueError as error:
        raise NotStoredError(str(error)) from error
    settings = replace(settings, market=replace(settings.market, pairs=(pair,)))
    with tempfile.TemporaryDirectory(prefix="pairs-explain-") as folder:
        into_files(source_of(paths, settings), settings, Path(folder))
        return _explained(FileRows(Path(folder), dataset_of(settings, "", REPLAYED)), words, settings)


def _explained(stored: Stored, words: Words, settings: Settings) -> Explanation:
    asked = question(stored.dataset, words.pair, words.interval, words.model, words.time)
    return explain(stored, asked, int(settings.join.stale_after_s * 1_000))
