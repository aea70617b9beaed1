"""What the charts of the workspace draw beside price, spread and z: error band, correlation of ticks, candles of the spread."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from desk_page import DeskPage
from desk_rows import Market, Writer
from test_desk_workspace import filled, market, ms

from flows.storage.client import connect, sender
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]


def source(desk: DeskPage, name: str) -> dict[str, list[Any]]:
    """What the browser draws from."""
    return dict(json.loads(desk.page.evaluate(f"JSON.stringify(Bokeh.documents[0].get_model_by_name('{name}').data)")))


def drawn(desk: DeskPage, column: str) -> dict[int, float]:
    """A drawn column by time in ms, what is not known left out."""
    data = source(desk, "view")
    return {int(t): v for t, v in zip(data["time"], data[column], strict=True) if v is not None}


def write_ticks(writer: Writer, first: int, last: int, known_from: int) -> None:
    """Correlation of the ticks of bars `first` .. `last` - 1; null before `known_from`."""
    index = np.arange(first, last)
    frame = pd.DataFrame(
        {
            "open_time": pd.to_datetime(writer.market.start_us + index * 1_000_000, unit="us"), "pair": str(writer.market.pair),
            "correlation": np.where(index < known_from, np.nan, 0.8 + 0.1 * np.sin(index / 9)), "covariance": 1e-9, "y_variance": 1e-9,
            "x_variance": 1e-9, "y_ticks": 900, "x_ticks": 900, "n": np.minimum(index, known_from),
            "warmup_left": np.maximum(known_from - index, 0), "reason": np.where(index < known_from, "warming_up", None),
        }
    )  # fmt: skip
    frame = frame.dropna(axis="columns", how="all")  # the sender cannot tell the type of a column of nothing
    with sender(writer.address) as out:
        table = f"{writer.dataset}_pair_tick_stats_1s"
        out.dataframe(
            frame, table_name=table, symbols=[name for name in ("pair", "reason") if name in frame], at="open_time"
        )
        out.flush()


def sql(questdb: ManagedServer, query: str) -> list[tuple[Any, ...]]:
    with connect(questdb.read_address) as connection:
        return list(connection.execute(query).fetchall())


def robust_market(bars: int) -> Market:
    """From bar 150 on the hedge ratio has a robust error too."""
    rows = market(bars, bars, window=60, gaps=(bars - 30,))
    stats = rows.rows["stats"]
    stats["hedge_ratio_se_hac"] = np.where(np.arange(bars) < 150, np.nan, 2.5 * stats["hedge_ratio_se"])
    return rows


def test_lines_and_bands_are_the_numbers_of_sql(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = robust_market(240)
    writer = filled(questdb, "lines", rows, 238)
    write_ticks(writer, 0, 236, known_from=100)
    desk.open("lines", n="600")
    desk.until_newest(ms(rows, 237))
    desk.page.get_by_role("button", name="all", exact=True).click()
    desk.until("ticks of the newest", lambda: max(drawn(desk, "ticks"), default=0) == ms(rows, 235))
    stored = sql(
        questdb, "SELECT cast(open_time AS long), correlation FROM lines_pair_tick_stats_1s WHERE correlation != null"
    )
    assert drawn(desk, "ticks") == {t // 1000: v for t, v in stored}
    assert len(stored) == 136
    assert f"ticks {stored[-1][1]:.3f}" in desk.head("correlation")
    writer.write(238, 239)
    write_ticks(writer, 236, 239, known_from=100)
    desk.until("ticks that came after their bars", lambda: max(drawn(desk, "ticks")) == ms(rows, 238))
    assert drawn(desk, "ticks").keys() >= {ms(rows, i) for i in range(230, 239)}

    fields = "cast(open_time AS long), hedge_ratio, hedge_ratio_se, hedge_ratio_se_hac"
    stored = sql(questdb, f"SELECT {fields} FROM lines_pair_stats_1s WHERE hedge_ratio != null")  # noqa: S608
    wanted = {t // 1000: (b - (e if h is None else h), b + (e if h is None else h)) for t, b, e, h in stored}
    band = source(desk, "errors")
    half = len(wanted)
    assert [v is None for v in band["x"]] == [False] * (2 * half) + [True], "one outline, there and back"
    upper = dict(zip(map(int, band["x"][:half]), band["band"][:half], strict=True))
    lower = dict(zip(map(int, band["x"][half : 2 * half]), band["band"][half : 2 * half], strict=True))
    assert {t: (lower[t], upper[t]) for t in wanted} == wanted
    _, beta, _, robust = stored[-1]
    assert desk.head("hedge") == f"Hedge ratio β {beta:.4f} ± {robust:.4f} robust error"
    hover(desk, "hedge", ms(rows, 100))
    plain = next(row for row in stored if row[0] // 1000 == ms(rows, 100))
    assert desk.head("hedge").startswith(f"Hedge ratio β {plain[1]:.4f} ± {plain[2]:.4f} plain error")
    assert f"ticks {drawn(desk, 'ticks')[ms(rows, 100)]:.3f}" in desk.head("correlation")
    lacking = ms(rows, 210)
    for name in ("marks-spread", "marks-zscore", "marks-x"):
        assert source(desk, name)["time"] == [lacking], name
    assert source(desk, "marks-y")["time"] == []


def hover(desk: DeskPage, panel: str, at: int) -> None:
    """Point at the bar of a time."""
    frame, (start, end) = desk.frame_of(panel), desk.range()
    desk.page.mouse.move(
        frame["left"] + frame["width"] * (at - start) / (end - start), frame["top"] + frame["height"] / 2
    )
    desk.until("the pointer", lambda: abs((desk.page.evaluate("pairsDesk.hovered") or 0) - at) < 500)


def test_candles_of_the_spread_are_each_bars_own_line(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(200, 200, window=60)
    writer = filled(questdb, "bodies", rows, 199)
    desk.open("bodies", spread="line")
    desk.until_newest(ms(rows, 198))
    assert drawn(desk, "spread_top") == {}
    desk.page.get_by_role("button", name="candles").click()
    desk.until("candles", lambda: drawn(desk, "spread_top"))
    desk.until("the address", lambda: "spread=candles" in desk.page.url)
    wanted = {}
    query = "SELECT cast(open_time AS long), intercept, hedge_ratio FROM bodies_pair_stats_1s WHERE spread != null"
    bars = "SELECT cast(open_time AS long), open, close FROM bodies_bars_1s WHERE symbol = "
    legs = {symbol: {t: (o, c) for t, o, c in sql(questdb, f"{bars}'{symbol}'")} for symbol in ("ETHUSDT", "BTCUSDT")}
    for t, intercept, beta in sql(questdb, query):
        at = [
            1e4 * (math.log(legs["ETHUSDT"][t][k]) - intercept - beta * math.log(legs["BTCUSDT"][t][k])) for k in (0, 1)
        ]
        wanted[t // 1000] = (min(at), max(at))
    start, end = desk.range()
    inside = {t: ends for t, ends in wanted.items() if start <= t <= end}
    tops, bottoms = drawn(desk, "spread_top"), drawn(desk, "spread_bottom")
    assert tops.keys() == bottoms.keys() == inside.keys()
    for t, (low, high) in inside.items():
        assert (bottoms[t], tops[t]) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert "open to close, no high or low" in desk.head("spread")
    writer.write(199, 200, complete=False)
    columns = ("y_close", "x_close", "spread_top", "spread", "zscore", "hedge_ratio", "correlation")
    desk.until("the forming bar in all charts", lambda: all(ms(rows, 199) in drawn(desk, name) for name in columns))
    assert desk.rows("stats_closed")[-1] == 0
    desk.page.get_by_role("button", name="line", exact=True).click()
    desk.until("a line again", lambda: drawn(desk, "spread_top") == {})


def test_without_ticks_or_closes_the_heads_say_why(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(100, 100, window=60)
    writer = filled(questdb, "absent", rows, 100)
    with connect(writer.address) as connection:
        connection.execute("DROP TABLE absent_pair_tick_stats_1s")
        connection.execute(
            "UPDATE datasets SET models = replace(models, '\"close\"', '\"vwap\"') WHERE dataset = 'absent'"
        )
    desk.open("absent", spread="candles")
    desk.until_newest(ms(rows, 99))
    desk.until(
        "why there are no ticks",
        lambda: "ticks – not in this dataset: an earlier version wrote it" in desk.head("correlation"),
    )
    desk.until("why there are no candles", lambda: "no candles: the model is of mean prices" in desk.head("spread"))
    assert drawn(desk, "ticks") == {}
    assert drawn(desk, "spread_top") == {}
