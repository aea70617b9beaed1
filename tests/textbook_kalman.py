"""Kalman's filter as a textbook has it, by the full matrices in sixty digits: no trick, no rounding that could show."""

from decimal import Decimal, localcontext

import numpy as np

FIELDS = ("hedge_ratio", "hedge_ratio_se", "intercept", "spread", "zscore_one_step")
_PERFECT = Decimal("1e-12")


class Textbook:
    """P = F·P·F' + Q, K = P·H'/S, P = (I - K·H)·P with F = I and H = [u, 1]; starts as the least squares line of a window with noise."""

    def __init__(self, x: list[Decimal], y: list[Decimal]) -> None:
        n = len(x)
        self.x0, my = sum(x) / n, sum(y) / n
        sxx = sum((a - self.x0) ** 2 for a in x)
        sxy = sum((a - self.x0) * (b - my) for a, b in zip(x, y, strict=True))
        syy = sum((b - my) ** 2 for b in y)
        self.beta, self.alpha = sxy / sxx, my
        rss = sum((b - my - self.beta * (a - self.x0)) ** 2 for a, b in zip(x, y, strict=True))
        self.has_noise = rss >= _PERFECT * syy
        self.noise = rss / (n - 2)
        self.p00, self.p01, self.p11 = self.noise / sxx, Decimal(0), self.noise / n
        self.q = self.noise / (sxx / n) / n**2
        self.deviation = Decimal("NaN")

    def step(self, x: Decimal, y: Decimal) -> Decimal:
        u = x - self.x0
        self.p00 += self.q
        away = y - (self.beta * u + self.alpha)
        h0, h1 = self.p00 * u + self.p01, self.p01 * u + self.p11  # P·H'
        s = u * h0 + h1 + self.noise
        k0, k1 = h0 / s, h1 / s
        self.beta += k0 * away
        self.alpha += k1 * away
        self.p00, self.p01, self.p11 = self.p00 - k0 * h0, self.p01 - k0 * h1, self.p11 - k1 * h1
        self.deviation = s.sqrt()
        return away / self.deviation

    def row(self, x: Decimal, y: Decimal) -> list[float]:
        level = self.alpha - self.beta * self.x0
        return [float(value) for value in (self.beta, self.p00.sqrt(), level, y - level - self.beta * x)]


def by_textbook(y: np.ndarray, x: np.ndarray, n: int, restarts: set[int]) -> dict[str, np.ndarray]:
    """`FIELDS` at every bar, and what the one-step z is measured in (`deviation`).

    The filter starts at the first full window and anew at the rows `restarts`, as soon as there is noise.
    """
    with localcontext() as context:
        context.prec = 60
        dx, dy = [Decimal(v) for v in x.tolist()], [Decimal(v) for v in y.tolist()]
        out = np.full((len(FIELDS) + 1, len(x)), np.nan)
        held: Textbook | None = None
        for i in range(n - 1, len(x)):
            if held:
                out[4, i], out[5, i] = float(held.step(dx[i], dy[i])), float(held.deviation)
            if i in restarts:
                held = None
            window = slice(i + 1 - n, i + 1)
            if held is None and np.ptp(x[window]) > 0 and np.ptp(y[window]) > 0:
                started = Textbook(dx[window], dy[window])
                held = started if started.has_noise else None
            if held:
                out[:4, i] = held.row(dx[i], dy[i])
    return dict(zip((*FIELDS, "deviation"), out, strict=True))


def innovations(z: np.ndarray, n: int, first_index: int) -> tuple[np.ndarray, np.ndarray]:
    """Size and likeness of one-step z-scores over the block before and the one begun, bar by bar."""
    size, likeness = np.full((2, len(z)), np.nan)
    before = np.append(np.nan, z[:-1])
    for i in range(len(z)):
        begin = max(((first_index + i) // n - 1) * n - first_index, 0)
        seen, products = z[begin : i + 1], z[begin : i + 1] * before[begin : i + 1]
        known = np.isfinite(seen)
        total = np.sum(seen[known] ** 2)
        if known.sum() >= n and total > 0:
            size[i] = np.sqrt(total / known.sum())
            likeness[i] = np.nansum(products) / total
    return size, likeness
