"""Theil and Sen's line of any window is scipy's, to the last bit: median slope and both ends of Sen's interval."""

import math
import warnings

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import theilslopes

from flows.domain.frames import F64
from flows.stats import slopes, theil_sen

NORMAL_975 = 1.959963984540054

ticks = st.integers(400, 403).map(lambda tick: tick / 4)
prices = st.integers(30_000, 33_000).map(lambda tick: tick / 100)
logs = prices.map(math.log)
bad = ticks | st.sampled_from([1e5, 100.00000000000001, 100.00000000000003])
anything = st.floats(-1e6, 1e6).map(lambda value: value if abs(value) > 1e-9 else 0.0)


@st.composite
def windows(draw: st.DrawFn) -> tuple[F64, F64]:
    """Points of one kind in either leg; larger ones are drawn by a seeded shuffle of few, and moved along."""
    n = draw(st.integers(3, 40))
    x, y = (
        np.array(draw(st.lists(draw(st.sampled_from([ticks, prices, logs, bad, anything])), min_size=n, max_size=n)))
        for _ in "xy"
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    again = draw(st.integers(1, 5))
    moved = draw(st.sampled_from([0.0, 0.25]))
    x, y = (np.concatenate([rng.permutation(leg) + moved * i for i in range(again)]) for leg in (x, y))
    return x, y + draw(st.sampled_from([0.0, 0.8])) * x


@given(windows())
@example((np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0])))
@example((np.tile([1.0, 2.0], 60), np.tile([3.0, 3.0, 4.0], 40)))
@settings(max_examples=100, deadline=None)
def test_the_line_of_any_window_is_that_of_scipy(window: tuple[F64, F64]) -> None:
    x, y = window
    fit = theil_sen._line(x, y, slopes.room(len(x)))
    if np.ptp(x) == 0:
        assert np.isnan(fit).all()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a negative variance of mostly equal values
        wanted = theilslopes(y, x)
    mx, my, _, _, beta, se = fit[:6].tolist()
    assert (mx, my) == (np.median(x), np.median(y))
    assert beta == wanted.slope
    if se != 0:  # of a perfect line it is 0
        np.testing.assert_equal(se, (wanted.high_slope - wanted.low_slope) / (2 * NORMAL_975))
