"""The tables of ticks of recorded files, made by the whole dataflow, against a slow oracle: every row, every window, every look."""

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from recordings import COLLECTOR, USDM_2024
from tick_oracle import S, Second, Tick, Window, looks_of, recorded_legs, seconds_of, windows_of

from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.replay import replay
from flows.settings import Settings, load

PAIRS = (Pair("ETHUSDT", "BTCUSDT"), Pair("BTCUSDT", "ETHUSDT"))
WINDOWS = {"1s": 60, "1m": 3}
EVERY_S, LOOK_S = 40, 200


def _settings(window: int) -> Settings:
    made = load(environment={})
    ticks = replace(made.ticks, window=window, look_every_s=EVERY_S, look_window_s=LOOK_S, look_ticks=100_000)
    return replace(made, ticks=ticks, market=replace(made.market, pairs=PAIRS))


class _Recording:
    """A recorded file: its tables as the dataflow makes them, what the oracle makes of its rows, and the reasons to be met in its looks."""

    def __init__(self, path: Path, folder: Path, reasons: set[str | None]) -> None:
        self.reasons = reasons
        self.tables: dict[int, pl.DataFrame] = {}
        for window in WINDOWS.values():
            replay([path], _settings(window), folder / str(window), None)
            self.tables[window] = pl.read_parquet(folder / str(window) / "pair_tick_stats.parquet")
        self.looks = pl.read_parquet(folder / "60" / "pair_lead_lag.parquet")
        self.legs = recorded_legs(path)

    def oracle(self, pair: Pair) -> tuple[tuple[list[Tick], list[Tick]], dict[int, Second]]:
        """The legs and their seconds."""
        legs = self.legs[pair.y], self.legs[pair.x]
        return legs, seconds_of(*legs)


@pytest.fixture(
    scope="module",
    params=[(USDM_2024, {None, "no_correlation", "too_few_ticks"}), (COLLECTOR, {"no_correlation"})],
    ids=["capture", "collector"],
)
def recording(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> _Recording:
    path, reasons = request.param
    return _Recording(shared_data / path, tmp_path_factory.mktemp("tables"), reasons)


def _expected_reason(window: Window, full: int) -> str | None:
    if window.n < full:
        return "warming_up"
    if window.cov is None or not window.y or not window.x:
        silent = [leg for leg, ticks in (("y", window.y_ticks), ("x", window.x_ticks)) if not ticks]
        flat = [leg for leg, square in (("y", window.y), ("x", window.x)) if not square]
        which = silent or flat
        return f"{'both' if len(which) == 2 else which[0]}_{'silent' if silent else 'flat'}"
    return "beyond_one" if abs(window.cov / math.sqrt(window.y * window.x)) > 1 + 1e-12 else None


@pytest.mark.parametrize("interval", list(WINDOWS))
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_window(interval: str, pair: Pair, recording: _Recording) -> None:
    length, full = Interval(interval).us // S, WINDOWS[interval]
    table = recording.tables[full].filter(pl.col("interval") == interval, pl.col("pair") == str(pair)).sort("open_time")
    wanted = windows_of(recording.oracle(pair)[1], length, full)
    rows = table.with_columns(pl.col("open_time").dt.epoch("s") // length).rows(named=True)
    last = rows[-1]["open_time"]
    assert [row["open_time"] for row in rows] == [bar for bar in wanted if bar <= last]
    assert last >= min(leg[-1][0] for leg in recording.legs.values()) // S // length - 1 - 3 // length
    known = 0
    for row in rows:
        window = wanted[row["open_time"]]
        assert (row["n"], row["warmup_left"]) == (window.n, full - window.n)
        assert row["reason"] == _expected_reason(window, full)
        assert (row["y_ticks"], row["x_ticks"]) == (window.y_ticks, window.x_ticks)
        if window.cov is None or window.y is None or window.x is None:
            assert [row[name] for name in ("correlation", "covariance", "y_variance", "x_variance")] == [None] * 4
            continue
        size = math.sqrt(window.y * window.x)
        assert abs(row["covariance"] - window.cov) <= 1e-13 * size
        assert abs(row["y_variance"] - window.y) <= 1e-13 * window.y
        assert abs(row["x_variance"] - window.x) <= 1e-13 * window.x
        if row["reason"] is None:
            known += 1
            assert abs(row["correlation"] - window.cov / size) <= 1e-12
        else:
            assert row["correlation"] is None
    assert known > (100 if interval == "1s" else 2)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_look(pair: Pair, recording: _Recording) -> None:
    legs, seconds = recording.oracle(pair)
    rows = recording.looks.filter(pl.col("pair") == str(pair)).sort("timestamp").rows(named=True)
    last = int(rows[-1]["timestamp"].timestamp())
    wanted = {end: look for end, look in looks_of(str(pair), legs, seconds, EVERY_S, LOOK_S).items() if end <= last}
    assert [int(row["timestamp"].timestamp()) for row in rows] == list(wanted)
    for row, look in zip(rows, wanted.values(), strict=True):
        assert (row["y_ticks"], row["x_ticks"], row["window_ms"]) == (look.y_ticks, look.x_ticks, look.window_ms)
        assert (row["reason"], row["leader"]) == (look.reason, look.leader)
        assert (row["lead_ms"], row["lead_low_ms"], row["lead_high_ms"]) == (look.lead_ms, look.low_ms, look.high_ms)
        for name, value in (("correlation", look.correlation), ("correlation_at_zero", look.at_zero)):
            assert row[name] is None if value is None else abs(row[name] - value) <= 1e-12
    assert {look.reason for look in wanted.values()} >= recording.reasons


def test_one_trade_less_is_seen(recording: _Recording) -> None:
    """The negative control: without one trade of the middle the oracle's windows that hold it are others."""
    y, x = recording.legs["ETHUSDT"], recording.legs["BTCUSDT"]
    moved = [k for k in range(1, len(y) - 1) if y[k - 1][1] != y[k][1] != y[k + 1][1]]
    at = moved[len(moved) // 2]
    whole, less = (windows_of(seconds_of(leg, x), 1, 60) for leg in (y, y[:at] + y[at + 1 :]))
    assert 50 <= sum(less[bar] != whole[bar] for bar in whole.keys() & less.keys()) <= 70
