"""Sums of blocks: what is kept of one saves work and changes no bit, and what rounding takes from them is not lost."""

from fractions import Fraction

import numpy as np
import pytest
from exact_ols import Exact
from pair_series import hard_closes, pair_bars

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.stats import block_sums
from flows.stats.moments import SXX, SXY, SYY, UNEXPLAINED, BlockSums, block_moments
from flows.stats.pair_stats import statistics_of
from flows.stats.rows import Rows, one_stretch, runs

N = 30


def _series(rows: int = 400) -> tuple[I64, F64, F64]:
    """With a gap, and an unknown price."""
    rng = np.random.default_rng(4)
    index = 1_000 + np.arange(rows)
    index[250:] += 7
    x, y = np.cumsum(rng.normal(size=(2, rows)), axis=1)
    x[120] = np.nan
    return index, x, y


def _rows(index: I64, begin: int, first: int, end: int) -> Rows:
    return Rows(np.array([begin]), np.array([first]), np.array([end]), runs(index))


@pytest.mark.parametrize("piece", [1, 2, 13, 75])
@pytest.mark.parametrize("led", [False, True])
def test_pieces_have_the_bits_of_the_whole_and_forming_rows_between_change_nothing(piece: int, led: bool) -> None:
    index, x, y = _series()
    whole = block_moments(index, x, y, N, one_stretch(index))
    sums = BlockSums()
    for start in range(0, len(index), piece):
        rows = _rows(index, max(0, start - 2 * N), start, min(start + piece, len(index)))
        wanted = whole[:, (start - 1 if led and start else start) : start + piece]
        rows = rows.led if led else rows
        other = sums.moments(index, 2 * x, 3 * y, N, _rows(index, max(0, start - 2 * N), start, start + 1), keep=False)
        assert other.shape == (8, 1)
        formed = sums.moments(index, x, y, N, rows, keep=False)
        assert np.array_equal(formed, wanted, equal_nan=True)
        assert np.array_equal(sums.moments(index, x, y, N, rows, keep=True), wanted, equal_nan=True)


def test_a_bar_within_a_block_is_the_only_one_that_is_read() -> None:
    """Otherwise the live flow would pass over all of its history at every bar."""
    index, x, y = _series()
    sums, start = BlockSums(), 205
    assert index[start] % N not in (0, N - 1)
    sums.moments(index, x, y, N, _rows(index, 0, 0, start), keep=True)
    wanted = block_moments(index, x, y, N, _rows(index, 0, start, start + 1))
    x[:start] = y[:start] = np.nan
    assert np.isfinite(wanted).all()
    assert np.array_equal(sums.moments(index, x, y, N, _rows(index, 0, start, start + 1), keep=True), wanted)
    assert np.isnan(block_moments(index, x, y, N, _rows(index, 0, start, start + 1))).any()


def test_bars_that_do_not_follow_what_is_kept_are_added_up_anew() -> None:
    index, x, y = _series()
    sums = BlockSums()
    sums.moments(index, x, y, N, _rows(index, 0, 0, 200), keep=True)
    for start in (300, 215):
        wanted = block_moments(index, x, y, N, _rows(index, 0, start, start + 5))
        assert np.array_equal(
            sums.moments(index, x, y, N, _rows(index, 0, start, start + 5), keep=True), wanted, equal_nan=True
        )


def test_each_pair_keeps_its_own() -> None:
    index, x, y = _series(200)
    both = np.concatenate((index, index + 11))
    x, y = np.concatenate((x, 2 * y)), np.concatenate((y, x))
    begin, ends = np.array([0, 200]), np.array([200, 400])
    whole = block_moments(both, x, y, N, Rows(begin, begin, ends, runs(both)))
    sums, runs_of_both = BlockSums(), runs(both)
    parts: list[list[F64]] = [[], []]
    for start in range(200):
        length = np.array([1, 0 if start % 3 else min(3, 200 - start)])  # the second pair's come by threes
        first = begin + start
        out = sums.moments(both, x, y, N, Rows(begin, first, first + length, runs_of_both), keep=True)
        parts[0].append(out[:, :1])
        parts[1].append(out[:, 1:])
    for pair, found in enumerate(parts):
        assert np.array_equal(np.concatenate(found, axis=1), whole[:, 200 * pair : 200 * pair + 200], equal_nan=True)


def test_a_sum_and_a_product_with_what_they_lack_are_exact() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=400) * 10.0 ** rng.integers(-12, 12, 400)
    lacked = 0
    for a, b in values.reshape(-1, 2).tolist():
        for whole, rest, exact in (
            (*block_sums._two_sum(a, b), Fraction(a) + Fraction(b)),
            (*block_sums._two_product(a, b), Fraction(a) * Fraction(b)),
        ):
            assert whole == float(exact)
            assert Fraction(whole) + Fraction(rest) == exact
            lacked += rest != 0
    assert lacked > 200


@pytest.mark.parametrize("by", [1e-5, 1e-2, 1.0])
def test_moments_are_those_of_fractions_however_close_the_fit(by: float) -> None:
    """A leg that rests after a jump rounds every term in the same direction."""
    rng = np.random.default_rng(2)
    x = 60_000 + np.round(np.cumsum(rng.normal(size=260)), 1)
    x[100:220] = 61_234.7
    y = 0.05 * x + by * rng.normal(size=260)
    found = block_moments(1_000 + np.arange(260), x, y, 200, one_stretch(np.arange(260)))
    for end in (199, 230, 259):
        xs, ys = ([Fraction(v) for v in series[end - 199 : end + 1].tolist()] for series in (x, y))
        mx, my = sum(xs) / 200, sum(ys) / 200
        sxx, syy = (sum((v - m) ** 2 for v in series) for series, m in ((xs, mx), (ys, my)))
        sxy = sum((a - mx) * (b - my) for a, b in zip(xs, ys, strict=True))
        wanted = {SXX: sxx, SYY: syy, SXY: sxy, UNEXPLAINED: 1 - sxy * sxy / (sxx * syy)}
        for row, exact in wanted.items():
            assert found[row, end] == pytest.approx(float(exact), rel=1e-15, abs=0), (row, end)


def test_the_z_of_a_close_fit_over_an_hour_with_a_leg_at_rest() -> None:
    """The hardest window of a million made bars: sums of plain doubles are three times beyond the tolerance of 1e-9."""
    n, end = 3_600, 438_346
    seen = slice(end + 1 - 2 * n, end + 1)
    y, x = (closes[seen] for closes in hard_closes(1_000_000))
    index = np.arange(1_700_000_123, 1_701_000_123)[seen]
    exact = Exact(x, y, n).ols()
    assert exact["r_squared"][-1] == pytest.approx(1 - 6.0e-4, abs=1e-5)
    stats = statistics_of(pair_bars(y, x, index), Model("m", price="raw", window=n, z_window=n), 10_000)
    assert abs(stats.zscore[-1] - exact["zscore"][-1]) < 1e-12
    assert stats.spread_std[-1] == pytest.approx(exact["spread_std"][-1], rel=1e-15)
    block = n - 1 - int(index[-1] % n)
    d, e = x[n:] - x[n + block], y[n:] - y[n + block]
    of_block = (d[block:], e[block:]), (d[:block][::-1], e[:block][::-1])
    td, te, tdd, tee, tde = (
        sum(float(np.cumsum(terms(d, e))[-1]) for d, e in of_block)
        for terms in (lambda d, e: d, lambda d, e: e, lambda d, e: d * d, lambda d, e: e * e, lambda d, e: d * e)
    )
    sxx, syy, sxy = tdd - td * td / n, tee - te * te / n, tde - td * te / n
    std = np.sqrt((1 - sxy * sxy / (sxx * syy)) * syy / (n - 2))
    z = ((e[-1] - te / n) - sxy / sxx * (d[-1] - td / n)) / std
    assert abs(z - exact["zscore"][-1]) > 1e-9
