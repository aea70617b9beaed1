"""Looks as rows of a frame."""

import math
from collections.abc import Sequence

import numpy as np

from flows.domain.frames import LOOK_COUNTS, LOOK_VALUES, PairLooks
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.stats.battery.half_life import FEW_HALF_LIVES
from flows.stats.battery.pair_tests import PairTests
from flows.stats.battery.periodic import Look
from flows.stats.battery.variance_ratio import HORIZONS

_BOUNDS = ("", "at most", "at least")


def look_rows(pairs: tuple[Pair, ...], interval: Interval, looks: Sequence[Look]) -> PairLooks:
    """The looks at pairs of one interval."""
    tests = [look.tests for look in looks]
    return PairLooks(
        pairs=pairs,
        pair=np.array([look.pair for look in looks], np.int32),
        interval=interval,
        open_time=np.array([look.index * interval.us for look in looks], np.int64),
        values=np.array([_values(t) for t in tests], np.float64).reshape(-1, len(LOOK_VALUES)),
        counts=np.array([_counts(look) for look in looks], np.int64).reshape(-1, len(LOOK_COUNTS)),
        half_life_says=np.array([_half_life_says(t) for t in tests], np.int8),
        window_says=np.array([t.half_life.windows < FEW_HALF_LIVES for t in tests], np.int8),
        kpss_bound=np.array([_BOUNDS.index(t.kpss.bound) for t in tests], np.int8),
        reason=np.array([t.reason for t in tests], object),
        missing=np.array([_missing(t) for t in tests], object),
    )


def _values(t: PairTests) -> list[float]:
    """In the order of `LOOK_VALUES`."""
    j, h, c, e = t.johansen, t.half_life, t.cusum, t.hedge_error
    critical, adf_critical = t.y_on_x.critical, t.adf.critical
    between = (math.nan, math.nan) if j.rank is None else j.p_between
    ratios = [r.ratio for r in t.variance_ratio.ratios] or [math.nan] * len(HORIZONS)
    return [
        t.p_value, t.y_on_x.statistic, t.y_on_x.p_value, t.x_on_y.statistic, t.x_on_y.p_value,
        critical.one, critical.five, critical.ten,
        *j.trace, *j.largest, *between, j.hedge_ratio,
        h.bars, h.low, h.high, h.windows, h.phi, h.phi_se,
        *ratios, t.variance_ratio.statistic, t.variance_ratio.p_value, t.hurst.exponent,
        c.level.statistic, c.hedge_ratio.statistic, c.p_value, c.plain.statistic, c.plain.p_value,
        e.hedge_ratio, e.low, e.high, e.plain, e.hac, e.long_run,
        t.fixed_hedge, t.adf.statistic, t.adf.p_value, adf_critical.one, adf_critical.five, adf_critical.ten,
        t.kpss.statistic, t.kpss.p_value,
    ]  # fmt: skip


def _counts(look: Look) -> list[int]:
    """In the order of `LOOK_COUNTS`."""
    t = look.tests
    unknown = int(UNKNOWN)
    lags = [
        unknown if one.reason else one.lag for one in (t.y_on_x, t.x_on_y, t.johansen, t.hedge_error, t.adf, t.kpss)
    ]
    rank = unknown if t.johansen.rank is None else t.johansen.rank
    return [t.n, look.warmup_left, *lags[:2], rank, *lags[2:]]


def _half_life_says(t: PairTests) -> int:
    return 0 if t.half_life.reason else 1 if t.half_life.reverts else 2


def _missing(t: PairTests) -> str:
    """The single tests that say nothing for a reason of their own."""
    single = {
        "johansen": t.johansen, "half_life": t.half_life, "variance_ratio": t.variance_ratio, "hurst": t.hurst, "cusum": t.cusum,
        "hedge_ratio_se": t.hedge_error, "adf": t.adf, "kpss": t.kpss,
    }  # fmt: skip
    return "; ".join(f"{name}: {test.reason}" for name, test in single.items() if test.reason not in ("", t.reason))  # type: ignore[attr-defined]
