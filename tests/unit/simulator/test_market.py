"""The seeded market: what is planted can be recovered, and the seed is all that decides."""

import itertools
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import market

from flows.domain.pair import Pair
from flows.simulator.listing import listing
from flows.simulator.trades import Trades

HOURS = 4


@pytest.fixture(scope="module")
def long_run() -> Trades:
    return market(trades_per_s=20.0).until(HOURS * 3_600_000)


def log_closes(trades: Trades, symbol: int, seconds: int) -> np.ndarray:
    """Last log price at the end of each second."""
    mine = trades.symbol == symbol
    closes = np.full(seconds + 1, np.nan)
    closes[trades.time_ms[mine] // 1000] = np.log(trades.price[mine] / 100.0)
    known = np.where(np.isnan(closes), 0, np.arange(len(closes)))
    return closes[np.maximum.accumulate(known)][60:seconds]


def half_life(residual: np.ndarray) -> float:
    """Seconds, from autocovariances at 10 and 40 seconds, as noise of the last trade's age is in neither."""
    centred = residual - residual.mean()
    near, far = (float(np.dot(centred[lag:], centred[:-lag]) / (len(centred) - lag)) for lag in (10, 40))
    return 30 * np.log(0.5) / np.log(far / near)


def same(a: Trades, b: Trades) -> bool:
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Trades))


def test_planted_relation_is_recovered(long_run: Trades) -> None:
    x, y = (log_closes(long_run, k, HOURS * 3600) for k in (0, 1))
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - slope * x - intercept
    assert slope == pytest.approx(0.85, abs=0.02)
    assert residual.std() * 1e4 == pytest.approx(6.0, rel=0.2)
    assert half_life(residual) == pytest.approx(60.0, rel=0.35)
    assert np.diff(x).std() == pytest.approx(0.5 / np.sqrt(365 * 86_400), rel=0.05)


@pytest.mark.parametrize(("planted", "seconds"), [(0.4, 60.0), (0.85, 10.0)])
def test_other_parameters_give_other_relations(planted: float, seconds: float) -> None:
    """The negative control: the recovery above answers to what is planted."""
    trades = market(trades_per_s=20.0, hedge_ratio=planted, half_life_s=seconds).until(HOURS * 3_600_000)
    x, y = (log_closes(trades, k, HOURS * 3600) for k in (0, 1))
    slope, intercept = np.polyfit(x, y, 1)
    assert slope == pytest.approx(planted, abs=0.02)
    residual = y - slope * x - intercept
    assert half_life(residual) == pytest.approx(seconds, rel=0.35)


def test_symbols_that_share_no_pair_do_not_move_together() -> None:
    trades = market(pairs=[Pair.parse("ETHUSDT/BTCUSDT"), Pair.parse("ETHUSDT/SOLUSDT")]).until(1_800_000)
    btc, sol = (np.diff(log_closes(trades, k, 1_800)) for k in (0, 2))
    eth = np.diff(log_closes(trades, 1, 1_800))
    assert abs(np.corrcoef(btc, sol)[0, 1]) < 0.15
    assert np.corrcoef(btc, eth)[0, 1] > 0.5


def test_trades_are_what_an_exchange_sends(long_run: Trades) -> None:
    assert np.all(np.diff(long_run.time_ms) >= 0)
    assert np.all(np.diff(long_run.event_ms) >= 0)
    delay = long_run.event_ms - long_run.time_ms
    assert delay.min() >= 1
    assert delay.max() <= 20
    assert long_run.size.min() >= 1
    assert np.array_equal(long_run.last_id - long_run.first_id + 1 >= 1, np.ones(len(long_run), bool))
    many = long_run.last_id - long_run.first_id + 1
    starts = np.cumsum(many) - many
    assert np.array_equal(np.add.reduceat(long_run.fills, starts), long_run.size)
    for k, tick in ((0, 10), (1, 1)):
        mine = long_run.symbol == k
        assert np.all(np.diff(long_run.aggregate_id[mine]) == 1)
        assert np.array_equal(long_run.first_id[mine][1:], long_run.last_id[mine][:-1] + 1)
        assert np.all(long_run.price[mine] % tick == 0)
        sizes = long_run.size[mine]
        assert sizes.mean() > 1.5 * np.median(sizes), "sizes are skewed"


def test_arrivals_have_the_rate_and_come_in_clusters(long_run: Trades) -> None:
    per_second = np.bincount(long_run.time_ms // 1000, minlength=HOURS * 3600)
    assert per_second.mean() == pytest.approx(20.0, rel=0.05)
    assert per_second.var() > 3 * per_second.mean(), "a Poisson process would have equal mean and variance"
    assert np.mean(long_run.symbol == 0) == pytest.approx(0.45, abs=0.03)
    assert np.mean(long_run.maker) == pytest.approx(0.5, abs=0.03)


def test_the_seed_decides() -> None:
    first, again = (
        market(start_ms=start, first_id=identity).until(start + 20_000) for start, identity in ((0, 1), (977, 51))
    )
    assert np.array_equal(first.price, again.price)
    assert np.array_equal(first.size, again.size)
    assert np.array_equal(first.time_ms + 977, again.time_ms)
    assert np.array_equal(first.aggregate_id + 50, again.aggregate_id)
    assert np.array_equal(first.last_id + 50, again.last_id)
    assert not np.array_equal(first.price[:500], market(seed=8).until(20_000).price[:500])


@given(st.lists(st.integers(0, 3_000), max_size=40))
@settings(max_examples=30, deadline=None)
def test_how_often_it_is_asked_changes_nothing(steps: list[int]) -> None:
    whole = market(trades_per_s=50.0).until(10_000)
    asked = market(trades_per_s=50.0)
    parts = [asked.until(min(now, 10_000)) for now in [*np.cumsum(steps).tolist(), 10_000]]
    joined = Trades(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Trades)})
    assert same(joined, whole)


def test_nothing_is_handed_out_before_it_is_sent() -> None:
    served = market()
    for now in range(0, 5_000, 7):
        assert np.all(served.until(now).event_ms <= now)


def test_two_hundred_symbols() -> None:
    pairs = [Pair.parse(f"COIN{k}USDT/COIN{k + 100}USDT") for k in range(100)]
    trades = market(pairs=pairs, trades_per_s=5_000.0).until(5_000)
    assert len(np.unique(trades.symbol)) == 200
    assert trades.price.min() > 0


def test_synthetic_symbols_are_tied_to_the_first_x_each_in_its_own_way() -> None:
    served = market(symbols=5, trades_per_s=40.0)
    assert [each.symbol for each in served.listings] == ["BTCUSDT", "ETHUSDT", "SYM001USDT", "SYM002USDT", "SYM003USDT"]
    trades = served.until(7_200_000)
    x = log_closes(trades, 0, 7_200)
    ratios = [np.polyfit(x, log_closes(trades, k, 7_200), 1)[0] for k in (2, 3, 4)]
    assert all(0.35 < ratio < 1.45 for ratio in ratios), ratios
    assert min(abs(a - b) for a, b in itertools.combinations(ratios, 2)) > 0.02
    assert same(market(symbols=5).until(5_000), market(symbols=5).until(5_000))
    taken = market(pairs=[Pair.parse("SYM001USDT/BTCUSDT")], symbols=3)
    assert [each.symbol for each in taken.listings] == ["BTCUSDT", "SYM001USDT", "SYM002USDT"]


def test_two_hundred_synthetic_symbols_trade_unequally() -> None:
    served = market(symbols=200, trades_per_s=20_000.0)
    assert len(served.listings) == 200
    counts = np.bincount(served.until(3_000).symbol, minlength=200)
    assert counts.min() > 0
    assert counts[:2].min() > 5 * np.median(counts)


def test_known_and_unknown_listings() -> None:
    btc = listing("BTCUSDT")
    assert (btc.tick_size, btc.step_size, btc.base_asset, btc.quote_asset) == ("0.10", "0.001", "BTC", "USDT")
    assert listing("ETHUSDT").tick_size == "0.01"
    other = listing("DOGEUSDC")
    assert (other.base_asset, other.quote_asset) == ("DOGE", "USDC")
    assert 0.1 <= other.price <= 1_000
    assert other == listing("DOGEUSDC")
