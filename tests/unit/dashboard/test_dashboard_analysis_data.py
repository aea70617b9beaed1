"""What the Analysis view reads from a real QuestDB: only what is new, and the same as if it had been read whole."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from stored_frames import TWO_PAIRS, some_looks, some_pair_looks
from test_dashboard_quality_data import newest, write

from dashboard.analysis.rows import HISTORY_FIELDS, LeadRows, LookRows, LookRule, PairRows
from dashboard.data import Reader
from dashboard.selection import Selection
from flows.domain.frames import HALF_LIFE_SAYS
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.settings import load
from flows.sinks.tables import table_rows
from flows.storage.client import connect, create_tables
from flows.storage.datasets import Dataset, register
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

PAIR = Pair("AAAUSDT", "BBBUSDT")
START = 1_721_260_800
BARS = "INSERT INTO {}_bars_1s (open_time, symbol, close, volume, quote_volume, trade_count, taker_buy_volume, complete, gap) VALUES "
STATS = "INSERT INTO {}_pair_stats_1s (open_time, pair, model, spread, zscore, complete) VALUES "


class Table:
    """Rows of one dataset, written second by second."""

    def __init__(self, questdb: ManagedServer, dataset: str) -> None:
        self._address, self.of = questdb.address, Selection(dataset, PAIR, Interval.S1, "ols")
        create_tables(questdb.address, dataset, (Interval.S1,))
        self.reader = Reader(lambda: connect(questdb.read_address))

    def bars(self, symbol: str, seconds: Sequence[int], complete: bool = True) -> None:
        rows = [
            f"({_time(s)}, '{symbol}', {100 + s}.0, 2.0, {200 + s}.0, {s}, null, {complete}, false)" for s in seconds
        ]
        self._insert(BARS, rows, "bars_1s")

    def stats(self, seconds: Sequence[int], model: str = "ols") -> None:
        self._insert(
            STATS, [f"({_time(s)}, '{PAIR}', '{model}', {s}e-4, {s}.5, true)" for s in seconds], "pair_stats_1s"
        )

    def again(self) -> None:
        for kind in ("bars_1s", "pair_stats_1s"):
            self._execute(f"TRUNCATE TABLE {self.of.dataset}_{kind}")

    def _insert(self, statement: str, rows: list[str], kind: str) -> None:
        self._execute(statement.format(self.of.dataset) + ", ".join(rows))
        self._execute(f"SELECT wait_wal_table('{self.of.dataset}_{kind}')")

    def _execute(self, statement: str) -> None:
        with connect(self._address) as connection:
            connection.execute(statement)

    def read(self, held: PairRows | None = None, limit: int = 20) -> PairRows:
        return self.reader.analysis_rows(self.of, PairRows() if held is None else held, limit)


def _time(second: int) -> str:
    return f"cast({(START + second) * 1_000_000} AS timestamp)"


def seconds(rows: PairRows) -> list[int]:
    return (rows.times // 1_000_000 - START).tolist()


def test_only_what_is_new_is_read_and_nothing_is_missed(questdb: ManagedServer) -> None:
    table = Table(questdb, "analysisrows")
    empty = PairRows()
    assert table.read(empty) is empty, "nothing is stored"
    table.bars(PAIR.y, range(30))
    assert table.read(empty) is empty, "one leg is no pair"
    table.bars(PAIR.x, range(28))
    table.stats(range(26))
    table.stats(range(30), "another")
    first = table.read()
    assert seconds(first) == list(range(9, 28)), "20 bars before the newest, of which both legs have 19"
    assert first["y_close"].tolist() == [100.0 + s for s in range(9, 28)]
    assert first["x_trade_count"].tolist() == [float(s) for s in range(9, 28)]
    assert np.isnan(first["y_taker_buy_volume"]).all()
    np.testing.assert_array_equal(first["zscore"][:-2], [s + 0.5 for s in range(9, 26)])
    assert np.isnan(first["zscore"][-2:]).all()
    assert table.read(first) is first

    table.stats([26, 27])
    second = table.read(first)
    assert second["zscore"][-2:].tolist() == [26.5, 27.5], "statistics that came later than the bars"
    table.bars(PAIR.x, [28, 29])
    table.bars(PAIR.y, [30], complete=False)
    third = table.read(second)
    assert seconds(third) == list(range(10, 30)), "a forming bar is none, and the oldest give way"
    whole = table.read()
    np.testing.assert_array_equal(third.values[:, -len(whole) :], whole.values)

    table.again()
    for symbol in (PAIR.y, PAIR.x):
        table.bars(symbol, range(0, 27, 2))
    anew = table.read(third)
    assert seconds(anew) == seconds(table.read()) == list(range(6, 27, 2)), "written anew"


def test_looks_are_those_of_the_pair_with_the_rule_of_the_settings(questdb: ManagedServer) -> None:
    looks = some_pair_looks(9)
    write(questdb, "analysislooks", {"tests": looks, "lead": some_looks()})
    settings = asdict(load().tests) | {"significance": 0.2, "looks_period_h": 0.5}
    register(
        questdb.address,
        Dataset(
            "analysislooks", "replay", TWO_PAIRS, (Interval.S1,), (Model("ols"),), "0", {"tests": json.dumps(settings)}
        ),
    )
    reader = Reader(lambda: connect(questdb.read_address))
    until = time.monotonic() + 20
    for at, pair in enumerate(TWO_PAIRS):
        of = Selection("analysislooks", pair, Interval.S1, "ols")
        found = reader.analysis_looks(of, LookRows())
        while found.rule == LookRule():
            assert time.monotonic() < until, "the dataset's row is not visible"
            found = reader.analysis_looks(of, LookRows())
        own = looks.pair == at
        assert found.times.tolist() == looks.open_time[own].tolist()
        assert found.rule == LookRule(0.2, 1_800_000_000)
        table = table_rows(looks)
        for name in HISTORY_FIELDS:
            stored = np.array(table.columns[name].tolist(), float)[own]  # type: ignore[union-attr]
            np.testing.assert_array_equal(found[name], np.where(np.isfinite(stored), stored, np.nan))
        assert found.reverts.tolist() == [
            HALF_LIFE_SAYS[code] == "reverts" for code in looks.half_life_says[own].tolist()
        ]
        wanted = newest(table, pair)
        for name in ("y_on_x_statistic", "kpss_statistic", "johansen_rank", "half_life_says", "missing", "open_time"):
            assert found.newest[name] == wanted[name], name
        assert reader.analysis_looks(of, found) is found
        lead = reader.analysis_lead(of, LeadRows())
        assert lead.end_us == newest(table_rows(some_looks()), pair)["timestamp"]
        assert lead.y is not None
        assert len(lead.y.time) == 0
        assert reader.analysis_lead(of, lead) is lead


def test_a_dataset_of_an_earlier_version_has_no_looks(questdb: ManagedServer) -> None:
    reader = Reader(lambda: connect(questdb.read_address))
    of = Selection("never_written", PAIR, Interval.S1, "ols")
    looks, lead = reader.analysis_looks(of, LookRows()), reader.analysis_lead(of, LeadRows())
    assert not looks.table
    assert not lead.table
    assert reader.analysis_looks(of, looks) is looks
    assert reader.analysis_lead(of, lead) is lead
    create_tables(questdb.address, "without_looks", (Interval.S1,))
    none = LookRows()
    empty = Selection("without_looks", PAIR, Interval.S1, "ols")
    assert reader.analysis_looks(empty, none) is none
    assert reader.analysis_lead(empty, LeadRows()).end_us is None
