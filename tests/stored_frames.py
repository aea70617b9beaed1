"""One frame of each kind that sinks store, with every kind of null in it."""

import numpy as np

from flows.domain.frames import (
    BUY,
    LOOK_COUNTS,
    LOOK_VALUES,
    NO_SIDE,
    SELL,
    Bars,
    FeedEvents,
    FeedLatency,
    FeedStatus,
    PairLeadLag,
    PairLooks,
    PairStats,
    PairTickStats,
    PairVerdicts,
    Rejects,
    Ticks,
)
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN

START = 1_721_347_200_000_000
S = 1_000_000
COINS = (Instrument("BTCUSDT", 1, 3), Instrument("ETHUSDT", 2, 3), Instrument("DOGEUSDT", 5, 0))


def some_ticks(rows: int = 6, first_id: int = 100, received: bool = True) -> Ticks:
    """Trades of three symbols in turn, a tenth of a second apart."""
    i = np.arange(rows, dtype=np.int64)
    symbol = (i % 3).astype(np.int32)
    return Ticks(
        instruments=COINS,
        symbol=symbol,
        time=START + (first_id + i) * 100_000,
        trade_id=first_id + i,
        price=np.array([642_510, 342_498, 12_345])[symbol] + i,
        size=i + 1,
        side=np.array([BUY, SELL, NO_SIDE], np.int8)[symbol],
        late=i % 5 == 4,
        first_id=first_id + 2 * i,
        last_id=first_id + 2 * i + symbol,
        received=np.where(i % 2, UNKNOWN, START + (first_id + i) * 100_000 + 1_500) if received else None,
    )


def some_bars(rows: int = 4, interval: Interval = Interval.S1, complete: bool = True, close_up: int = 0) -> Bars:
    """Bars of two symbols in turn; the second of them has neither sides nor ids."""
    i = np.arange(rows, dtype=np.int64)
    symbol = (i % 2).astype(np.int32)
    price = np.array([642_510, 342_498])[symbol] + i
    known = symbol == 0
    open_time = START + i // 2 * interval.us
    return Bars(
        instruments=COINS[:2],
        interval=interval,
        symbol=symbol,
        open_time=open_time,
        open=price,
        high=price + 7,
        low=price - 9,
        close=price + 3 + close_up,
        volume=i + 1_500,
        quote_volume=(i + 1_500) * price,
        trade_count=i + 3,
        taker_buy_volume=np.where(known, i + 500, UNKNOWN),
        taker_buy_quote_volume=np.where(known, (i + 500) * price, UNKNOWN),
        first_trade_id=np.where(known, 1_000 + i, UNKNOWN),
        last_trade_id=np.where(known, 1_002 + i, UNKNOWN),
        last_trade_time=np.where(known, open_time + interval.us - 7, UNKNOWN),
        late_count=i % 2,
        complete=np.full(rows, complete),
        gap=i % 3 == 1,
    )


def some_stats(rows: int = 5, model: str = "ols", complete: bool = True) -> PairStats:
    """Statistics with a row of each kind of staleness; the first row is still warming up."""
    i = np.arange(rows, dtype=np.int64)
    floats = {
        name: np.where(i == 0, np.nan, (i + 1) * factor)
        for factor, name in enumerate(
            ("hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_mean", "spread_std",
             "zscore", "zscore_one_step", "correlation", "hedge_ratio_se_hac", "innovation_sd",
             "innovation_autocorrelation", "spread_bp"), 1
        )
    }  # fmt: skip
    return PairStats(
        pairs=(Pair("SOLUSDT", "BTCUSDT"), Pair("ETHUSDT", "BTCUSDT")),
        pair=np.ones(rows, np.int32),
        interval=Interval.S1,
        model=model,
        open_time=START + i * S,
        fit_age=np.where(i == 0, UNKNOWN, i),
        n=np.minimum(i, 3),
        warmup_left=np.maximum(3 - i, 0),
        y_age_ms=i * 100,
        x_age_ms=np.where(i == 2, UNKNOWN, i * 10),
        y_trade_count=i,
        x_trade_count=i + 1,
        stale=(i % 4).astype(np.int8),
        complete=np.full(rows, complete),
        gap=((i + 1) % 4).astype(np.int8),
        **floats,
    )


TWO_PAIRS = (Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "BTCUSDT"))


def some_tick_stats(rows: int = 6, interval: Interval = Interval.S1) -> PairTickStats:
    """Correlations of two pairs, the first half of the rows of the first; every third is still warming up."""
    i = np.arange(rows, dtype=np.int64)
    known = i % 3 > 0
    floats = {
        name: np.where(known, (i + 1) * factor * 1e-3, np.nan)
        for factor, name in enumerate(("correlation", "covariance", "y_variance", "x_variance"), 1)
    }
    return PairTickStats(
        pairs=TWO_PAIRS,
        pair=(2 * i // rows).astype(np.int32),
        interval=interval,
        open_time=START + i * interval.us,
        y_ticks=i,
        x_ticks=2 * i,
        n=np.where(known, 5, 2),
        warmup_left=np.where(known, 0, 3),
        reason=np.where(known, 0, 1).astype(np.int8),
        gap=(i % 4).astype(np.int8),
        **floats,
    )


def some_looks(rows: int = 4) -> PairLeadLag:
    """Looks at two pairs: one with a lead, one whose interval has no lower end, and two that found nothing."""
    i = np.arange(rows, dtype=np.int64)
    found = i % 4 < 2
    return PairLeadLag(
        pairs=TWO_PAIRS,
        pair=(2 * i // rows).astype(np.int32),
        time=START + i * S,
        lead_ms=np.where(found, 50.0 + i, np.nan),
        lead_low_ms=np.where(found, np.where(i % 4 == 1, -np.inf, 40.0), np.nan),
        lead_high_ms=np.where(found, 60.0, np.nan),
        correlation=np.where(found, 0.5, np.nan),
        correlation_at_zero=np.where(found, 0.25, np.nan),
        leader=np.where(found, 2 - i % 3, 0).astype(np.int8),
        y_ticks=100 + i,
        x_ticks=200 + i,
        window_ms=300_000 - i,
        reason=np.where(found, 0, i % 4).astype(np.int8),
    )


def some_pair_looks(rows: int = 5) -> PairLooks:
    """Looks at two pairs in turn; the first says nothing, of another single tests do not, one has a half-life without an end."""
    i = np.arange(rows, dtype=np.int64)
    values = np.add.outer(i, np.arange(len(LOOK_VALUES)) / 64)
    values[0] = np.nan
    values[2:3, LOOK_VALUES.index("half_life_high")] = np.inf
    counts = np.add.outer(i, np.arange(len(LOOK_COUNTS)))
    counts[0, 2:] = UNKNOWN
    return PairLooks(
        pairs=TWO_PAIRS,
        pair=(i % 2).astype(np.int32),
        interval=Interval.S1,
        open_time=START + i * S,
        values=values,
        counts=counts,
        half_life_says=(i % 3).astype(np.int8),
        window_says=(i % 2).astype(np.int8),
        kpss_bound=(i % 3).astype(np.int8),
        reason=np.array(["needs 600 bars, has 12", *[""] * (rows - 1)], object),
        missing=np.array(["", *["hurst: needs 128 bars, has 60"] * (rows - 1)], object),
    )


def some_verdicts(rows: int = 4) -> PairVerdicts:
    """Verdicts on two pairs; the first is unknown."""
    i = np.arange(rows, dtype=np.int64)
    known = i > 0
    p_value = np.where(known, i / 16, np.nan)
    return PairVerdicts(
        pairs=TWO_PAIRS,
        pair=(i % 2).astype(np.int32),
        interval=Interval.M1,
        open_time=START + i // 2 * 900 * S,
        word=np.array(["unknown", *["no evidence"] * (rows - 1)], object),
        sentence=np.array([f"sentence {n}." for n in i], object),
        look_time=np.where(known, START - S, UNKNOWN),
        y_on_x_p_value=p_value,
        x_on_y_p_value=p_value,
        half_lives=np.where(i == 2, np.inf, p_value * 99),
        break_p_value=p_value,
        looks=i,
        looks_known=i,
        looks_passed=i // 2,
        windows=i // 3,
        share=p_value,
        p_value=p_value,
        q_value=p_value * 2,
        pairs_watched=np.full(rows, 2, np.int64),
        survives=i % 2 == 1,
        fdr_rate=np.full(rows, 0.05),
    )


def some_events() -> FeedEvents:
    """Events with and without a leg, ids and counts."""
    return FeedEvents(
        time=START + np.array([0, 0, S]),
        number=np.array([1, 2, 3]),
        kind=np.array(["connected", "gap", "lost"], object),
        symbol=np.array(["", "BTCUSDT", "ETHUSDT"], object),
        detail=np.array(["", "ids 7 to 9 are missing", "the exchange's history is over: \ud83d"], object),
        from_id=np.array([UNKNOWN, 7, 100]),
        to_id=np.array([UNKNOWN, 9, 100]),
        count=np.array([UNKNOWN, 3, 1]),
    )


def some_status() -> FeedStatus:
    """Two legs; the second has never had a trade."""
    return FeedStatus(
        time=np.full(2, START),
        symbol=np.array(["BTCUSDT", "ETHUSDT"], object),
        state=np.array(["live", "waiting"], object),
        since=np.array([START - S, START]),
        detail=np.array(["", "no trade yet"], object),
        last_trade_time=np.array([START - 7, UNKNOWN]),
        received=np.array([START - 2, UNKNOWN]),
        last_id=np.array([12, UNKNOWN]),
        held=np.array([0, 3]),
        filled=np.array([5, 0]),
        missing=np.array([1, 0]),
        lead_ms=np.array([-4, -4]),
    )


def some_latency() -> FeedLatency:
    """A stage that was measured and one that was not."""
    return FeedLatency(
        time=np.full(2, START),
        stage=np.array(["received_chunk", "bar_row"], object),
        p50_ms=np.array([1.5, np.nan]),
        p95_ms=np.array([2.5, np.nan]),
        p99_ms=np.array([3.5, np.nan]),
        max_ms=np.array([9.0, np.nan]),
        count=np.array([1_000, 0]),
        histogram=np.array(["85:990 96:10", ""], object),
    )


def some_rejects() -> Rejects:
    """Rows that were no trades, with text that is hard to store."""
    return Rejects(
        source=np.array(["a.ndjson", "b.csv", "a.ndjson"], object),
        line=np.array([7, 1, 8]),
        time=START + np.array([0, 0, S]),
        reason=np.array(['price: expected a positive number, found "n/a"', "columns", "line is not UTF-8"], object),
        text=np.array(['{"p": "n/a",\n "q": 1}', "a;b,c='d'", "half a pair: \ud83d"], object),
    )
