"""`pairs explain` over a real QuestDB and over Parquet files, both filled by a replay of recorded trades."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from recordings import USDM_2024
from short_replay import replayed

from flows.cli import main
from flows.errors import NotStoredError, StorageError
from flows.explain.command import Words, from_database, from_files
from flows.explain.explanation import Explanation
from flows.explain.question import iso
from flows.settings import Settings, load
from flows.stats.methods import METHODS
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

DATASET = "explained"
BAR = "2024-07-19T00:01:40Z"
MODELS = "\n".join(
    f"[models.{method}]\nmethod = '{method}'\nwindow = 30\nz_window = 20\ncorrelation_window = 15\n"
    for method in METHODS
)
CONFIG = MODELS + "[models.raw]\nprice = 'raw'\nwindow = 40\nz_window = 40\ncorrelation_window = 15\n"
CONFIG += "[models.vwap]\nsource = 'vwap'\nwindow = 40\nz_window = 40\ncorrelation_window = 15\n"
STALE = "[join]\nstale_after_s = 0.6\n"
"""So short that some of the recorded seconds are stale."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain") / "short.toml"
    path.write_text(STALE + CONFIG)
    return path


@pytest.fixture(scope="module")
def environment(questdb: ManagedServer) -> dict[str, str]:
    address = questdb.address
    return {"PAIRS_STORAGE__HTTP_PORT": str(address.http_port), "PAIRS_STORAGE__PG_PORT": str(address.pg_port)}


@pytest.fixture(scope="module")
def settings(questdb: ManagedServer, shared_data: Path, config: Path) -> Settings:
    """With a dataset in the server that a replay with these settings has filled."""
    return replayed(questdb, shared_data, config, DATASET)


def _explained(settings: Settings, model: str, time: str, interval: str = "1s") -> Explanation:
    return from_database(Words("ETHUSDT/BTCUSDT", interval, model, time), settings, DATASET)


@pytest.mark.parametrize("model", [*METHODS, "raw", "vwap"])
def test_every_method_from_the_database(settings: Settings, model: str) -> None:
    found = _explained(settings, model, BAR)
    assert found.row["hedge_ratio"] is not None
    assert found.reproduced, [c for c in found.columns if not c.same]
    assert found.confirmed, [c for c in found.columns if c.agrees is False]
    assert found.dataset.settings_hash
    assert found.dataset.version == found.version
    assert found.stale_after_ms == 600


def test_rows_in_the_warm_up_and_stale_ones_say_so(settings: Settings, questdb: ManagedServer) -> None:
    with connect(questdb.address) as connection:
        query = (
            f"SELECT cast(open_time AS long), stale FROM {DATASET}_pair_stats_1s WHERE model = 'ols' ORDER BY open_time"  # noqa: S608
        )
        rows = connection.execute(query).fetchall()
    begins = _explained(settings, "ols", str(rows[0][0]))
    assert begins.run == 1
    assert any(note.startswith("warm-up: 30 of 31") for note in begins.notes)
    assert (begins.reproduced, begins.confirmed) == (True, True)
    stale = next(time for time, stale in rows[100:] if stale == "x")
    found = _explained(settings, "huber", str(stale))
    assert any("stale: BTCUSDT's last trade was" in note and "limit 0.6 s" in note for note in found.notes)
    assert found.nulls["zscore"] == "stale"
    assert (found.reproduced, found.confirmed) == (True, True)
    for time, _ in rows[200::97]:
        found = _explained(settings, "kalman", str(time))
        assert (found.reproduced, found.confirmed) == (True, True)


def test_minutes_and_the_forming_row_at_the_end(settings: Settings, questdb: ManagedServer) -> None:
    with connect(questdb.address) as connection:
        query = f"SELECT cast(open_time AS long), complete FROM {DATASET}_pair_stats_1m WHERE model = 'tls' ORDER BY open_time"  # noqa: S608
        rows = connection.execute(query).fetchall()
    assert rows[-1][1] is False, "the last minute of a recording is open"
    found = _explained(settings, "tls", str(rows[-1][0]), "1m")
    assert any(note.startswith("forming") for note in found.notes)
    assert found.reproduced
    assert _explained(settings, "tls", str(rows[1][0]), "1m").reproduced


@pytest.fixture
def altered_bar(settings: Settings, questdb: ManagedServer) -> Iterator[int]:
    """A close in the middle of the window is another for the time of a test."""
    time = 1_721_347_290_000_000
    columns = "open_time, symbol, open, high, low, close, volume, quote_volume, trade_count, last_trade_time, late_count, complete, gap"

    def multiply(factor: float) -> None:
        changed = columns.replace("close,", "close * %s,")
        with connect(questdb.address) as connection:
            connection.execute(
                f"INSERT INTO {DATASET}_bars_1s ({columns}) SELECT {changed} FROM {DATASET}_bars_1s"  # noqa: S608
                " WHERE symbol = 'ETHUSDT' AND open_time = cast(%s AS timestamp)",
                (factor, time),
            )
            connection.execute(f"SELECT wait_wal_table('{DATASET}_bars_1s')")

    multiply(2.0)
    yield time
    multiply(0.5)  # powers of two: the bits come back


@pytest.mark.parametrize("method", METHODS)
def test_a_bar_altered_in_the_database_is_seen(settings: Settings, altered_bar: int, method: str) -> None:
    found = _explained(settings, method, "2024-07-19T00:01:36Z")
    wrong = {c.name for c in found.columns if not c.same}
    assert not found.reproduced
    assert found.confirmed is not True
    assert "spread_std" in wrong
    assert "correlation" in wrong
    assert _explained(settings, method, iso(altered_bar - 1_000_000)).reproduced, "rows before it are what they were"


def test_the_same_from_the_file_without_a_database(settings: Settings, shared_data: Path, config: Path) -> None:
    words = Words("ETHUSDT/BTCUSDT", "1s", "theil_sen", BAR)
    stored, replayed = (
        from_database(words, settings, DATASET),
        from_files(words, load(config, {}), [shared_data / USDM_2024]),
    )
    assert (replayed.reproduced, replayed.confirmed) == (True, True)
    assert replayed.columns == stored.columns
    assert (replayed.windows, replayed.notes, replayed.nulls) == (stored.windows, stored.notes, stored.nulls)


@pytest.mark.parametrize(
    ("words", "dataset", "said"),
    [
        (("ETHUSD/BTCUSDT", "1s", "ols", BAR), DATASET, "did you mean ETHUSDT/BTCUSDT?"),
        (("ETHUSDT/BTCUSDT", "2s", "ols", BAR), DATASET, 'no interval "2s"'),
        (("ETHUSDT/BTCUSDT", "1s", "olz", BAR), DATASET, "did you mean ols"),
        (("ETHUSDT/BTCUSDT", "1s", "ols", "soon"), DATASET, 'found "soon"'),
        (("ETHUSDT/BTCUSDT", "1s", "ols", BAR), "explaine", 'no dataset "explaine"; did you mean explained'),
        (("ETHUSDT/BTCUSDT", "1s", "ols", "2030-01-01"), DATASET, "not stored; there are rows from 2024-07-"),
        (
            ("ETHUSDT/BTCUSDT", "1s", "ols", "2024-07-19T00:01:40.5Z"),
            DATASET,
            "no bar opens then; nearest: 2024-07-19T00:01:40Z and 2024-07-19T00:01:41Z",
        ),
    ],
)
def test_what_is_not_stored_is_said_with_what_is_near(
    settings: Settings, words: tuple[str, str, str, str], dataset: str, said: str
) -> None:
    with pytest.raises(NotStoredError) as error:
        from_database(Words(*words), settings, dataset)
    assert said in str(error.value)


def test_no_server_is_started_where_none_has_ever_been(tmp_path: Path, free_ports: object) -> None:
    http, pg = free_ports(2)  # type: ignore[operator]
    environment = {
        "PAIRS_STORAGE__HTTP_PORT": str(http),
        "PAIRS_STORAGE__PG_PORT": str(pg),
        "PAIRS_STORAGE__DATA_DIR": str(tmp_path),
    }
    with pytest.raises(StorageError, match="none to start"):
        from_database(Words("ETHUSDT/BTCUSDT", "1s", "ols", BAR), load(None, environment), "day1")
    assert list(tmp_path.iterdir()) == []


def test_what_the_command_prints(
    settings: Settings,
    config: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    words = ["explain", "ETHUSDT/BTCUSDT", "1s", "kalman", BAR, "--dataset", DATASET, "--config", str(config)]
    assert main(words) == 0
    text = capsys.readouterr().out
    for wanted in (
        "ETHUSDT/BTCUSDT  1s  kalman  2024-07-19T00:01:40Z",
        "kalman, window 30, z window 20, correlation 15 returns",
        "natural logarithms of the closes",
        "start of the filter",
        "gives the stored row to the last bit",
        "textbook filter in decimals of 50 digits: every number within its tolerance",
        "95 % interval of the correlation",
    ):
        assert wanted in text, wanted
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["open_time"] == BAR
    assert (found["reproduced"], found["confirmed"]) == (True, True)
    assert found["dataset"]["settings"]["join.stale_after_s"] == "0.6"
    assert found["columns"]["hedge_ratio"]["stored"] == found["columns"]["hedge_ratio"]["own"]
    assert found["correlation_interval"]["low"] < found["columns"]["correlation"]["stored"]
    assert main([*words[:3], "nothing", *words[4:]]) == 1
    assert capsys.readouterr().err.startswith('pairs: dataset "explained" has no model "nothing"')
