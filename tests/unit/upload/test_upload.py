"""An upload is checked whole, stored whole or not at all, and its numbers are those of the same code over the same bars."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import InputError
from flows.settings import Settings, load
from flows.sources import stop
from flows.storage.client import connect
from flows.storage.datasets import stored_datasets
from flows.storage.server import ManagedServer
from flows.upload.checking import check
from flows.upload.dropping import drop
from flows.upload.storing import CancelledError, store

NOW = time.time_ns() // 1_000
PAIR = Pair("ETHUSDT", "BTCUSDT")
TICK = '{{"symbol":"{}","ts":"2025-12-15T08:43:{:02d}.300Z","price":{},"size":0.5}}\n'


@pytest.fixture
def settings() -> Settings:
    """One short model; no tests of pairs, which would be compiled for nothing."""
    made = load(None, {})
    model = Model("short", window=5, z_window=5, correlation_window=3)
    tests, ticks = replace(made.tests, enabled=False), replace(made.ticks, enabled=False)
    return replace(made, models=(model, replace(model, name="mean", source="vwap")), tests=tests, ticks=ticks)


def quiet(_share: float) -> None:
    """Nobody looks."""


def candles(path: Path, minutes: int = 12) -> Path:
    lines = ["time;symbol;open;high;low;close;volume"]
    for i in range(minutes):
        for symbol, price in (("ETHUSDT", 3000 + 7 * math.sin(i)), ("BTCUSDT", 60000 + 90 * math.sin(i + 0.3))):
            lines.append(
                f"{1_721_347_200 + 60 * i};{symbol};{price:.2f};{price + 1:.2f};{price - 1:.2f};{price + 0.5:.2f};{i}.5"
            )
    path.write_text("\n".join(lines))
    return path


def tables(server: ManagedServer, dataset: str) -> list[str]:
    with connect(server.read_address) as connection:
        rows = connection.execute(
            "SELECT table_name FROM tables() WHERE table_name LIKE %s", (f"{dataset}_%",)
        ).fetchall()
        return [row[0] for row in rows]


def rows_of(server: ManagedServer, statement: str, count: int) -> list[Any]:
    until = time.monotonic() + 20
    with connect(server.read_address) as connection:
        while len(found := connection.execute(statement).fetchall()) < count:
            assert time.monotonic() < until, f"{len(found)} of {count} rows"
    return found


@pytest.mark.questdb
def test_candles_become_bars_and_statistics_of_the_same_code(
    questdb: ManagedServer, settings: Settings, tmp_path: Path
) -> None:
    path = candles(tmp_path / "up.csv")
    shares: list[float] = []
    notes = store([path], settings, questdb.address, "up_candles", (PAIR,), NOW, shares.append)
    assert notes == ["no statistics of mean: the candles have no quote volume"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with connect(questdb.read_address) as connection:
        dataset = stored_datasets(connection)["up_candles"]
    assert (dataset.origin, dataset.intervals, [model.name for model in dataset.models]) == (
        "upload", (Interval.M1, Interval.M5), ["short"],
    )  # fmt: skip
    bars = rows_of(
        questdb,
        "SELECT close, volume, complete, trade_count, quote_volume, last_trade_time FROM up_candles_bars_1m WHERE symbol = 'ETHUSDT'",
        12,
    )
    written = [line.split(";") for line in path.read_text().splitlines()[1::2]]
    assert [bar[:2] for bar in bars] == [(float(line[5]), float(line[6])) for line in written]
    assert {bar[2:] for bar in bars} == {(True, None, None, None)}, "what a candle does not tell is null"
    assert len(rows_of(questdb, "SELECT * FROM up_candles_bars_5m", 4)) == 4

    stats = rows_of(questdb, "SELECT hedge_ratio, zscore, stale, y_age_ms FROM up_candles_pair_stats_1m", 12)
    assert {row[2:] for row in stats} == {(None, None)}
    assert [row[0] is None for row in stats] == [True] * 4 + [False] * 8
    other = rows_of(questdb, "SELECT close FROM up_candles_bars_1m WHERE symbol = 'BTCUSDT'", 12)
    y, x = (np.log([row[0] for row in of]) for of in (bars, other))
    for i in range(4, 12):
        slope, intercept = np.polyfit(x[i - 4 : i + 1], y[i - 4 : i + 1], 1)
        residual = y[i - 4 : i + 1] - intercept - slope * x[i - 4 : i + 1]
        assert stats[i][0] == pytest.approx(slope, rel=1e-6)
        assert stats[i][1] == pytest.approx(residual[-1] / residual.std(ddof=2), rel=1e-4, abs=1e-6)


@pytest.mark.questdb
def test_ticks_are_stored_and_an_existing_name_stays_as_it_is(
    questdb: ManagedServer, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "up.ndjson"
    path.write_text(
        "".join(TICK.format(s, i, p) for i in range(30) for s, p in (("ETHUSDT", 3000 + i), ("BTCUSDT", 60000)))
    )
    store([path], settings, questdb.address, "up_ticks", (PAIR,), NOW, quiet)
    before = rows_of(questdb, "SELECT price FROM up_ticks_trades WHERE symbol = 'ETHUSDT'", 30)
    assert [row[0] for row in before] == [3000.0 + i for i in range(30)]
    for name, said in (
        ("up_ticks", "already"), ("", "needs a name"), ("Up", "lower-case"), ("a; DROP TABLE b", "lower-case"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            store([path], settings, questdb.address, name, (PAIR,), NOW, quiet)
    assert rows_of(questdb, "SELECT price FROM up_ticks_trades WHERE symbol = 'ETHUSDT'", 30) == before
    with pytest.raises(InputError, match="whole dataset"):
        drop(questdb.address, "up_ticks")


@pytest.mark.questdb
def test_nothing_is_left_of_what_fails_or_is_cancelled(
    questdb: ManagedServer, settings: Settings, tmp_path: Path
) -> None:
    good, bad = candles(tmp_path / "good.csv"), tmp_path / "bad.ndjson"
    bad.write_text("".join(TICK.format("ETHUSDT", i, 3000) for i in range(40)) + TICK.format("ETHUSDT", 41, '"n/a"'))
    with pytest.raises(InputError, match=r"bad\.ndjson line 41, column price"):
        store([bad], settings, questdb.address, "up_half", (PAIR,), NOW, quiet)
    with pytest.raises(InputError, match="pair SOLUSDT/BTCUSDT: no candle of SOLUSDT"):
        store([good], settings, questdb.address, "up_half", (Pair("SOLUSDT", "BTCUSDT"),), NOW, quiet)

    def cancel(share: float) -> None:
        if share >= 0.5:
            stop.request()

    try:
        with pytest.raises(CancelledError):
            store([good], settings, questdb.address, "up_half", (PAIR,), NOW, cancel)
    finally:
        stop.forget()
    assert tables(questdb, "up_half") == []
    with connect(questdb.read_address) as connection:
        assert "up_half" not in stored_datasets(connection)
    assert tables(questdb, "up_candles"), "the control: another one's tables are there"


_KILLED = """
import os, sys, time
from pathlib import Path
from flows.domain.pair import Pair
from flows.settings import load
from flows.storage.client import address_of
from flows.upload.storing import store
http, pg, file = sys.argv[1:]
settings = load(None, {"PAIRS_TESTS__ENABLED": "false", "PAIRS_TICKS__ENABLED": "false"})
def kill(share):
    if share >= 1.0: os.kill(os.getpid(), 9)
address = address_of("127.0.0.1", int(http), int(pg), environment={})
store([Path(file)], settings, address, "up_killed", (Pair("ETHUSDT", "BTCUSDT"),), time.time_ns() // 1000, kill)
"""


@pytest.mark.questdb
def test_what_a_killed_upload_left_is_no_dataset_and_in_nobodys_way(
    questdb: ManagedServer, settings: Settings, tmp_path: Path
) -> None:
    path, address = candles(tmp_path / "up.csv"), questdb.address
    argv = [sys.executable, "-c", _KILLED, str(address.http_port), str(address.pg_port), str(path)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert tables(questdb, "up_killed"), "it was killed while it stored"
    with connect(questdb.read_address) as connection:
        assert "up_killed" not in stored_datasets(connection)
    store([path], settings, address, "up_killed", (PAIR,), NOW, quiet)
    closes = rows_of(questdb, "SELECT close FROM up_killed_bars_1m WHERE symbol = 'ETHUSDT'", 12)
    assert [row[0] for row in closes] == [float(line.split(";")[5]) for line in path.read_text().splitlines()[1::2]]


def test_the_report_says_what_is_there_and_every_bad_row(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "some.ndjson"
    good = [TICK.format("ETHUSDT", i, 3000) for i in range(3)]
    path.write_text(
        "".join(good) + TICK.format("ETHUSDT", 3, 0) + good[0].replace("Z", "") + good[1].replace("0.5", '"0.5"') + "{\n"
    )  # fmt: skip
    report = check([path], settings, NOW, quiet)
    assert (report.kind, report.rows, report.problems) == ("ticks", 7, 3)
    assert [(file, line) for file, line, _ in report.first] == [("some.ndjson", line) for line in (5, 6, 7)]
    assert "column time" in report.first[0][2]
    assert [(of.symbol, of.rows, (of.last_us - of.first_us)) for of in report.symbols] == [("ETHUSDT", 3, 2_000_000)]
    assert report.preview[1] == ["ETHUSDT", "2025-12-15T08:43:00.300000Z", "3000.0", "0.5"]
    assert report.notes == ["1 rows have price or size 0 and are no trades: left out"]
    other = candles(tmp_path / "c.csv")
    assert check([other], settings, NOW, quiet).interval == "1m"
    with pytest.raises(InputError, match=r"c\.csv has candles and some\.ndjson has not"):
        check([path, other], settings, NOW, quiet)
    capture = tmp_path / "capture.ndjson"
    capture.write_text('{"recv_ns":1,"msg":{}}\n')
    with pytest.raises(InputError, match="capture of raw messages: use pairs replay"):
        check([capture], settings, NOW, quiet)


def test_the_program_says_it_as_json(tmp_path: Path) -> None:
    path = candles(tmp_path / "c.csv")

    def run(*words: str) -> tuple[int, list[dict[str, Any]]]:
        done = subprocess.run(
            [sys.executable, "-m", "flows.upload", *words], capture_output=True, text=True, timeout=120
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    code, said = run("check", str(path))
    assert (code, said[-1]["event"], said[-1]["rows"]) == (0, "report", 24)
    path.write_text("nonsense")
    code, said = run("check", str(path))
    assert code == 1
    assert said[-1]["event"] == "error"
    assert str(tmp_path) not in said[-1]["text"], "the server's folders are nobody's business"
    assert said[-1]["text"].startswith("c.csv: ")
