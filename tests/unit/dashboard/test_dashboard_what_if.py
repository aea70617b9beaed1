"""What-ifs over a real QuestDB that a replay of recorded trades has filled: the rows that the flow itself has stored, bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from short_replay import replayed

from dashboard import stored_bars, what_if
from dashboard.data import Reader
from dashboard.frame import COLUMNS, Rows
from dashboard.selection import Selection
from dashboard.stored_bars import StoredBars
from dashboard.what_if import WhatIf
from flows.domain.frames import I64
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import StorageError
from flows.explain.joined import at_both, joined
from flows.explain.stored import LegBars
from flows.settings import Settings
from flows.stats.methods import METHODS
from flows.stats.pair_stats import statistics_of
from flows.storage.client import connect, create_tables
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

DATASET = "whatif"
PAIR = Pair("ETHUSDT", "BTCUSDT")
MODELS = "\n".join(
    f"[models.{method}]\nmethod = '{method}'\nwindow = 30\nz_window = 20\ncorrelation_window = 15\n"
    for method in METHODS
)
CONFIG = "[tests]\nenabled = false\n[ticks]\nenabled = false\n[join]\nstale_after_s = 0.6\n" + MODELS
CONFIG += "[models.raw]\nprice = 'raw'\nwindow = 40\nz_window = 40\ncorrelation_window = 15\n"
CONFIG += "[models.vwap]\nsource = 'vwap'\nwindow = 40\nz_window = 40\ncorrelation_window = 15\n"
BASE = "ols"


def nothing_to_tell(_share: float) -> None:
    """Nobody asks how far it is."""


@pytest.fixture(scope="module")
def settings(questdb: ManagedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    config = tmp_path_factory.mktemp("whatif") / "short.toml"
    config.write_text(CONFIG)
    return replayed(questdb, shared_data, config, DATASET)


@pytest.fixture
def reader(questdb: ManagedServer, settings: Settings) -> Iterator[Reader]:
    made = Reader(lambda: connect(questdb.read_address))
    yield made
    made.close()


def stored(reader: Reader, model: str, interval: Interval = Interval.S1, limit: int = 100_000) -> Rows:
    return reader.rows(Selection(DATASET, PAIR, interval, model), None, limit)


def tried(model: Model, interval: Interval = Interval.S1, bars: StoredBars | None = None) -> WhatIf:
    """The same parameters under another name, as a page would try them out."""
    return WhatIf(
        bars or StoredBars(DATASET, PAIR, interval), DATASET, PAIR, interval, replace(model, name="tried"), 10_000
    )


def differing(made: Rows, wanted: Rows) -> list[str]:
    """The columns that are not the same to the last bit."""
    assert np.array_equal(made.times, wanted.times)
    bits = made.values.view(np.int64) != wanted.values.view(np.int64)
    bits &= ~(np.isnan(made.values) & np.isnan(wanted.values))
    return [COLUMNS[row] for row in np.flatnonzero(bits.any(axis=1))]


@pytest.mark.parametrize("name", [*METHODS, "raw", "vwap"])
@pytest.mark.parametrize("interval", [Interval.S1, Interval.M1])
def test_a_what_if_is_what_the_flow_has_stored(
    reader: Reader, settings: Settings, name: str, interval: Interval
) -> None:
    model = next(model for model in settings.models if model.name == name)
    rows, wanted = stored(reader, BASE, interval), stored(reader, name, interval)
    assert len(rows.times) > (5 if interval is Interval.M1 else 200)
    made = tried(model, interval).follow(reader, rows, nothing_to_tell)
    assert differing(made, wanted) == []
    if interval is Interval.M1:
        assert made.values[COLUMNS.index("stats_closed"), -1] == 0, "the last minute of the recording still forms"


class Until(Reader):
    """The same database some time ago."""

    now_us = 0
    read: int = 0

    def bars(
        self, dataset: str, pair: Pair, interval: Interval, since_us: int, until_us: int
    ) -> tuple[LegBars, LegBars]:
        y, x = super().bars(dataset, pair, interval, since_us, min(until_us, self.now_us))
        self.read += len(y.open_time)
        return y, x


@pytest.mark.parametrize("name", ["ols", "huber", "kalman"])
def test_it_keeps_up_with_new_bars_and_with_a_longer_look_back(
    questdb: ManagedServer, settings: Settings, name: str
) -> None:
    model = next(model for model in settings.models if model.name == name)
    source, whole = Until(lambda: connect(questdb.read_address)), stored
    all_rows, wanted = whole(source, BASE), whole(source, name)
    bars = StoredBars(DATASET, PAIR, Interval.S1)
    one = tried(model, bars=bars)
    for first, last in ((200, 230), (210, 231), (211, 231), (250, 300), (20, 310), (0, 400)):
        part = slice(first, last)
        source.now_us = int(all_rows.times[last - 1])
        rows = Rows(all_rows.times[part], all_rows.values[:, part])
        made = one.follow(source, rows, nothing_to_tell)
        assert differing(made, Rows(wanted.times[part], wanted.values[:, part])) == [], (first, last)
    once = source.read
    other = tried(model, bars=bars)
    other.follow(source, Rows(all_rows.times[:400], all_rows.values[:, :400]), nothing_to_tell)
    assert source.read - once < 5, "the bars are read once for all models"
    source.close()


class Halt(Exception):
    """Nobody waits any more."""


def test_work_that_nobody_waits_for_ends_and_goes_on_later(
    reader: Reader, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (stored_bars, what_if):
        monkeypatch.setattr(module, "PIECE", 60)
    model = next(model for model in settings.models if model.name == "huber")
    rows, wanted = stored(reader, BASE), stored(reader, "huber")
    one, told = tried(model), list[float]()

    def halting(at: float) -> Callable[[float], None]:
        def halts(share: float) -> None:
            told.append(share)
            if share > at:
                raise Halt

        return halts

    for share in (0.1, 0.7):
        with pytest.raises(Halt):
            one.follow(reader, rows, halting(share))
    told.clear()
    made = one.follow(reader, rows, halting(2.0))
    assert differing(made, wanted) == []
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_windows_begin_anew_where_every_model_began_and_nowhere_else(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "whatifbegun", (Interval.S1,))
    start = 1_721_347_200_000_000
    counts = {"old": [1, 2, 3, 1, 2, 3], "added": [None, None, None, 1, 2, 1]}
    with connect(questdb.address) as connection:
        for name, column in counts.items():
            for second, n in enumerate(column):
                if n is not None:
                    connection.execute(
                        "INSERT INTO whatifbegun_pair_stats_1s (open_time, pair, model, n, complete)"
                        " VALUES (cast(%s AS timestamp), %s, %s, %s, true)",
                        (start + second * 1_000_000, str(PAIR), name, n),
                    )
        connection.execute("SELECT wait_wal_table('whatifbegun_pair_stats_1s')")
    reader = Reader(lambda: connect(questdb.read_address))
    found = reader.beginnings("whatifbegun", PAIR, Interval.S1, start)
    assert ((found - start) // 1_000_000).tolist() == [0, 3], "at 5 the one model goes on"
    assert reader.beginnings("whatifbegun", PAIR, Interval.S1, start + 1).tolist() == [start + 3_000_000]
    with pytest.raises(StorageError, match="whatifnone"):
        reader.beginnings("whatifnone", PAIR, Interval.S1, start)
    reader.close()


def test_a_flow_that_began_anew_without_a_hole_is_followed(
    questdb: ManagedServer, settings: Settings, reader: Reader
) -> None:
    model = next(model for model in settings.models if model.name == "kalman")
    rows = stored(reader, BASE)
    cut, end = int(rows.times[250]), int(rows.times[-2])

    class BegunAnew(Reader):
        def beginnings(self, dataset: str, pair: Pair, interval: Interval, since_us: int) -> I64:
            return np.array([cut] if since_us <= cut else [], np.int64)

    source = BegunAnew(lambda: connect(questdb.read_address))
    made = tried(model).follow(source, rows, nothing_to_tell)
    source.close()
    wanted = statistics_of(
        joined(PAIR, Interval.S1, *at_both(*reader.bars(DATASET, PAIR, Interval.S1, cut, end))), model, 600
    )
    part = made.values[:, 250:-1]
    assert wanted.n[0] == 1
    for name in ("n", "hedge_ratio", "zscore", "innovation_sd", "warmup_left"):
        assert np.array_equal(part[COLUMNS.index(name)], getattr(wanted, name), equal_nan=True), name
    assert not np.array_equal(
        part[COLUMNS.index("hedge_ratio")], stored(reader, "kalman").values[COLUMNS.index("hedge_ratio"), 250:-1]
    )
