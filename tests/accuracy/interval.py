"""The interval of a correlation, against scipy."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import pearsonr

from flows.stats.correlation_interval import correlation_interval
from tests.accuracy.data import Data
from tests.accuracy.row import ABSOLUTE, Row, Tally

TOLERANCE = 1e-12


def interval(data: Data, windows: list[int]) -> Iterator[Row]:
    """Of windows of real returns, at 95 %; r ± 1.96·(1-r²)/√n must be seen to be another."""
    series = data.recorded
    for n in windows:
        step = max((len(series.y) - n) // 500, 1)
        found, usual, wanted = [], [], []
        for start in range(1, len(series.y) - n, step):
            y, x = (np.diff(s[start : start + n + 1]) for s in (series.log_y, series.log_x))
            r = pearsonr(x, y)
            ends = r.confidence_interval(0.95)
            wanted.append((ends.low, ends.high))
            found.append(correlation_interval(r.statistic, n))
            half = 1.959963984540054 * (1 - r.statistic**2) / math.sqrt(n)
            usual.append((r.statistic - half, r.statistic + half))
        share = f"scipy pearsonr, every {step}th window" if step > 1 else "scipy pearsonr"
        for method, got, control in (("Fisher's z", found, False), ("r ± 1.96·(1-r²)/√n", usual, True)):
            tally = Tally(method, series.name, n, share, control=control)
            for end, name in enumerate(("low", "high")):
                tally.add(f"correlation, {name}", np.array(got)[:, end], np.array(wanted)[:, end], ABSOLUTE, TOLERANCE)
            yield from tally.rows()
