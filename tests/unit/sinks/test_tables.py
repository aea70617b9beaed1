"""Frames as rows of tables: decimals, nulls, labels."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from stored_frames import (
    COINS,
    START,
    S,
    some_bars,
    some_events,
    some_latency,
    some_looks,
    some_pair_looks,
    some_rejects,
    some_stats,
    some_status,
    some_tick_stats,
    some_ticks,
    some_verdicts,
)

from flows.domain.frames import LEAD_REASONS, LOOK_VALUES, Bars, PairStats, Ticks
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import StorageError
from flows.sinks.columns import Labels, concatenated, newest_per_key
from flows.sinks.counting import row_hashes
from flows.sinks.tables import GROUPS, Storable, group_of, rows_by_table, table_of, table_rows
from flows.storage.schema import REJECTS, TRADES

FRAMES = [
    some_ticks(), some_bars(), some_stats(), some_rejects(), some_events(), some_status(), some_latency(),
    some_tick_stats(), some_looks(), some_pair_looks(), some_verdicts(),
]  # fmt: skip


def _texts(column: object) -> list[str | None]:
    assert isinstance(column, Labels)
    return column.texts()


@pytest.mark.parametrize("frame", FRAMES)
def test_every_column_of_the_table_is_there_in_its_order(frame: Storable) -> None:
    rows = table_rows(frame)
    assert rows.table == table_of(frame)
    assert list(rows.columns) == [name for name, _ in rows.table.columns]
    assert {len(column) for column in rows.columns.values()} == {len(frame)} == {len(rows)}


def test_every_group_has_its_frame() -> None:
    assert sorted(map(group_of, FRAMES)) == list(GROUPS)


def test_looks_and_verdicts_have_nulls_for_what_is_not_known() -> None:
    looks, verdicts = table_rows(some_pair_looks()).columns, table_rows(some_verdicts()).columns
    assert _texts(looks["pair"]) == ["ETHUSDT/BTCUSDT", "SOLUSDT/BTCUSDT"] * 2 + ["ETHUSDT/BTCUSDT"]
    assert np.isnan(looks["half_life_high"]).tolist() == [True, False, True, False, False]  # type: ignore[arg-type]
    assert _texts(looks["half_life_says"])[:3] == [None, "reverts", "not distinguishable from a random walk"]
    assert looks["johansen_rank"][0] == UNKNOWN  # type: ignore[index]
    assert looks["adf_p_value"][1] == 1 + LOOK_VALUES.index("adf_p_value") / 64  # type: ignore[index]
    assert _texts(verdicts["word"])[:2] == ["unknown", "no evidence"]
    assert np.isnan(verdicts["half_lives"]).tolist() == [True, False, True, False]  # type: ignore[arg-type]
    assert verdicts["look_time"][0] == UNKNOWN  # type: ignore[index]


def test_groups_are_in_the_order_in_which_the_engine_numbers_partitions() -> None:
    assert list(GROUPS) == sorted(GROUPS)


def test_prices_are_the_correctly_rounded_decimals_of_each_symbol() -> None:
    ticks = some_ticks(30)
    rows = table_rows(ticks)
    for i in range(30):
        coin = COINS[ticks.symbol[i]]
        assert rows.columns["price"][i] == float(Decimal(int(ticks.price[i])).scaleb(-coin.price_decimals))  # type: ignore[index]
        assert rows.columns["amount"][i] == float(Decimal(int(ticks.size[i])).scaleb(-coin.size_decimals))  # type: ignore[index]


def test_trades() -> None:
    columns = table_rows(some_ticks(4)).columns
    assert _texts(columns["symbol"]) == ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "BTCUSDT"]
    assert _texts(columns["side"]) == ["buy", "sell", None, "buy"]
    assert columns["trade_count"].tolist() == [1, 2, 3, 1]  # type: ignore[union-attr]
    assert columns["received_at"][1] == UNKNOWN  # type: ignore[index]
    single = Ticks(
        **{
            name: getattr(some_ticks(4), name)
            for name in Ticks.__slots__
            if name not in ("first_id", "last_id", "received")
        }
    )
    columns = table_rows(single).columns
    assert columns["trade_count"].tolist() == [1, 1, 1, 1]  # type: ignore[union-attr]
    assert (columns["received_at"] == UNKNOWN).all()  # type: ignore[union-attr]


def test_what_a_bar_does_not_know_is_null() -> None:
    rows = table_rows(some_bars())
    assert rows.table.name == "bars_1s"
    assert np.isnan(rows.columns["taker_buy_volume"]).tolist() == [False, True, False, True]  # type: ignore[arg-type]
    assert (rows.columns["first_trade_id"] == UNKNOWN).tolist() == [False, True, False, True]  # type: ignore[union-attr]
    assert rows.columns["quote_volume"][0] == 1_500 * 642_510 / 10**4  # type: ignore[index]


def test_statistics_say_which_leg_is_stale() -> None:
    columns = table_rows(some_stats()).columns
    assert _texts(columns["stale"]) == [None, "y", "x", "both", None]
    assert _texts(columns["pair"]) == ["ETHUSDT/BTCUSDT"] * 5


def test_bars_and_statistics_say_what_lacks_trades() -> None:
    assert table_rows(some_bars()).columns["gap"].tolist() == [False, True, False, False]  # type: ignore[union-attr]
    assert _texts(table_rows(some_stats()).columns["gap"]) == ["y", "x", "both", None, "y"]


def test_correlations_of_ticks_name_pair_reason_and_gap() -> None:
    rows = table_rows(some_tick_stats())
    assert rows.table.name == "pair_tick_stats_1s"
    assert _texts(rows.columns["pair"]) == ["ETHUSDT/BTCUSDT"] * 3 + ["SOLUSDT/BTCUSDT"] * 3
    assert _texts(rows.columns["reason"]) == ["warming_up", None, None] * 2
    assert _texts(rows.columns["gap"]) == [None, "y", "x", "both", None, "y"]
    assert np.isnan(rows.columns["correlation"]).tolist() == [True, False, False] * 2  # type: ignore[arg-type]
    assert rows.columns["x_variance"][1] == some_tick_stats().x_variance[1]  # type: ignore[index]


def test_looks_name_the_leader_and_leave_an_end_open() -> None:
    columns = table_rows(some_looks()).columns
    assert _texts(columns["pair"]) == ["ETHUSDT/BTCUSDT"] * 2 + ["SOLUSDT/BTCUSDT"] * 2
    assert _texts(columns["leader"]) == ["x", "y", None, None]
    assert _texts(columns["reason"]) == [None, None, LEAD_REASONS[2], LEAD_REASONS[3]]
    assert str(columns["lead_low_ms"].tolist()) == "[40.0, nan, nan, nan]"  # type: ignore[union-attr]
    assert columns["timestamp"].tolist() == [START + k * S for k in range(4)]  # type: ignore[union-attr]


def test_events_without_a_leg_or_ids_have_null_there() -> None:
    columns = table_rows(some_events()).columns
    assert _texts(columns["symbol"]) == [None, "BTCUSDT", "ETHUSDT"]
    assert _texts(columns["kind"]) == ["connected", "gap", "lost"]
    assert columns["detail"].tolist() == ["", "ids 7 to 9 are missing", "the exchange's history is over: ?"]  # type: ignore[union-attr]
    assert columns["count"].tolist() == [UNKNOWN, 3, 1]  # type: ignore[union-attr]
    none = table_rows(some_events().take(slice(1))).columns["symbol"]
    assert _texts(none) == [None]


def test_status_and_latency_keep_what_is_not_known() -> None:
    status, latency = table_rows(some_status()).columns, table_rows(some_latency()).columns
    assert _texts(status["state"]) == ["live", "waiting"]
    assert status["received_at"].tolist() == [START - 2, UNKNOWN]  # type: ignore[union-attr]
    assert np.isnan(latency["p99_ms"]).tolist() == [False, True]  # type: ignore[arg-type]


def test_rejected_text_is_made_storable() -> None:
    columns = table_rows(some_rejects()).columns
    assert _texts(columns["source"]) == ["a.ndjson", "b.csv", "a.ndjson"]
    assert columns["text"][2] == "half a pair: ?"  # type: ignore[index]


def test_parts_with_different_labels_are_joined() -> None:
    one, other = some_ticks(3), some_bars(4)
    parts = [table_rows(some_stats(3, "ols")), table_rows(some_stats(2, "slow")), table_rows(some_stats(2, "ols"))]
    rows = concatenated(parts)
    assert _texts(rows.columns["model"]) == ["ols"] * 3 + ["slow"] * 2 + ["ols"] * 2
    assert _texts(rows.columns["stale"]) == [None, "y", "x", None, "y", None, "y"]
    grown = concatenated(
        [
            table_rows(one),
            table_rows(Ticks(**{n: getattr(one, n) for n in Ticks.__slots__} | {"instruments": COINS[::-1]})),
        ]
    )
    assert _texts(grown.columns["symbol"]) == ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "DOGEUSDT", "ETHUSDT", "BTCUSDT"]
    assert _texts(grown.columns["side"])[2] is None
    assert len(concatenated([table_rows(other)])) == 4


def test_of_forming_and_closed_rows_of_one_key_the_last_stays() -> None:
    forming, closed = some_bars(4, complete=False, close_up=50), some_bars(2)
    rows = newest_per_key(concatenated([table_rows(f) for f in (forming, forming, closed)]))
    assert rows.columns["complete"].tolist() == [False, False, True, True]  # type: ignore[union-attr]
    assert rows.columns["open_time"].tolist() == [START + S, START + S, START, START]  # type: ignore[union-attr]
    two, six = some_bars(2, complete=False, close_up=50), some_bars(6, complete=False)
    rows = newest_per_key(concatenated([table_rows(two), table_rows(six)]))
    assert rows.columns["close"].tolist() == table_rows(six).columns["close"].tolist()  # type: ignore[union-attr]
    several = newest_per_key(concatenated([table_rows(some_stats(3, m, complete=False)) for m in ("a", "b", "a")]))
    assert _texts(several.columns["model"]) == ["b"] * 3 + ["a"] * 3


@pytest.mark.parametrize(("time", "found"), [(UNKNOWN, "none"), (-5, "-5 µs")])
def test_a_row_without_a_time_is_refused(time: int, found: str) -> None:
    stats = some_stats(3)
    bad = PairStats(
        **{name: getattr(stats, name) for name in PairStats.__slots__} | {"open_time": np.array([START, time, START])}
    )
    with pytest.raises(
        StorageError, match=f"pair_stats_1s row 2, column open_time: expected a time since 1970, found {found}"
    ):
        table_rows(bad).checked()


def test_other_frames_have_no_table() -> None:
    with pytest.raises(TypeError, match="no table for str"):
        table_rows("rows")  # type: ignore[arg-type]
    assert (table_of(some_ticks()), table_of(some_rejects())) == (TRADES, REJECTS)
    assert isinstance(some_bars(), Bars)


def test_many_frames_give_the_rows_of_each_in_order() -> None:
    stats = [
        some_stats(3),
        replace(some_stats(2, "tls"), pair=np.zeros(2, np.int32)),
        some_stats(0),
        some_stats(1, complete=False),
    ]
    frames = [some_bars(2), stats[0], some_ticks(3), *stats[1:], some_bars(3), some_bars(2, Interval.M1)]
    together = rows_by_table(frames)
    apart = {
        name: concatenated([table_rows(frame) for frame in frames if table_of(frame).name == name])
        for name in ("bars_1s", "pair_stats_1s", "trades", "bars_1m")
    }
    assert [rows.table.name for rows in together] == list(apart)
    for rows in together:
        assert row_hashes(rows).tolist() == row_hashes(apart[rows.table.name]).tolist()
    assert _texts(together[1].columns["pair"]) == ["ETHUSDT/BTCUSDT"] * 3 + ["SOLUSDT/BTCUSDT"] * 2 + [
        "ETHUSDT/BTCUSDT"
    ]
