"""Slopes at ranks: those of computing and sorting all of them, to the last bit, for points that are hard to tell apart."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from pair_series import hard_closes, logs

from flows.domain.frames import F64
from flows.stats import slopes

NEXT = 2.0**-52  # of 1


def _sorted(x: F64, y: F64) -> F64:
    i, j = np.triu_indices(len(x), 1)
    untied = x[i] != x[j]
    return np.sort((y[j] - y[i])[untied] / (x[j] - x[i])[untied])


def _ranks(pairs: int, half_width: float) -> list[int]:
    """As for Sen's interval: the middle and as far on either side as this share of all."""
    return sorted(
        {int(pairs * (0.5 - half_width)), (pairs - 1) // 2, pairs // 2, int((pairs - 1) * (0.5 + half_width))}
    )


def _check(x: F64, y: F64, half_width: float = 0.03) -> None:
    wanted = _sorted(x, y)
    ranks = _ranks(len(wanted), half_width)
    found = slopes.at_ranks(x, y, np.argsort(x), len(wanted), ranks, slopes.room(len(x)))
    assert found == wanted[ranks].tolist()


def _check_all(windows: F64) -> None:
    for x, y in windows:
        _check(x.copy(), y.copy())


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each attempt to find the slopes in a bracket whether its result was certain."""
    attempts: list[bool] = []
    between = slopes._between

    def recorded(*args: object) -> list[float]:
        found = between(*args)  # type: ignore[arg-type]
        attempts.append(bool(found))
        return found

    monkeypatch.setattr(slopes, "_between", recorded)
    return attempts


def _walk(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    x = np.cumsum(rng.normal(0, 1, n))
    return x, 0.8 * x + rng.normal(0, 1, n)


def _cents(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    x, y = _walk(rng, n)
    return np.round(1_000 + x * (rng.random(n) < 0.5), 1), np.round(500 + y, 1)


def _two_ticks(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    return rng.integers(400, 402, n) / 4, rng.integers(800, 802, n) / 4


def _line(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    x = rng.integers(0, 50, n) / 4
    return x, 3 * x + 7


def _bad_prints(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    x, y = _walk(rng, n)
    x, y = 1_000 + x, 500 + y
    x[rng.integers(n)] *= 1_000
    y[rng.integers(n)] *= 1_000
    return x, y


def _mostly_still(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    x, y = _walk(rng, n)
    return np.where(rng.random(n) < 0.7, x[0], x), np.where(rng.random(n) < 0.7, y[0], y)


def _neighbours(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    """Many x and y of 1, 2 or 3 that differ in the last bit only."""
    x, y = (rng.integers(1, 4, n) * (1 + NEXT * rng.integers(0, 3, n)) for _ in "xy")
    return x, y


def _above_one_another(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    """At one x the y differ by so little that y - b·x can be the same for one b and ordered for another."""
    x = rng.integers(0, 9, n) * 1.0
    y = 4 - x + rng.normal(0, 0.1, n)
    return x, np.where(x == 8, 2 * NEXT * rng.integers(0, 4, n), np.where(x == 4, 0, y))


def _in_step(rng: np.random.Generator, n: int) -> tuple[F64, F64]:
    """A pattern in step with the sampled pairs."""
    x = np.cumsum(rng.normal(size=n))
    return x, np.where(np.arange(n) % 3 == 0, 3 * x, -2 * x) + rng.normal(size=n) * 0.01


MAKERS = (_walk, _cents, _two_ticks, _line, _bad_prints, _mostly_still, _neighbours, _above_one_another, _in_step)
Maker = Callable[[np.random.Generator, int], tuple[F64, F64]]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("n", [3, 4, 63, 64, 65, 150, 301])
def test_no_bit_differs_from_sorting_all(maker: Maker, n: int) -> None:
    rng, compared = np.random.default_rng(n), 0
    for _ in range(20):
        x, y = maker(rng, n)
        if np.ptp(x) > 0:
            _check(x, y)
            _check(y, x) if np.ptp(y) > 0 else None
            compared += 1
    assert compared > 10


@pytest.mark.parametrize("half_width", [0.0, 0.2, 0.5])
def test_any_ranks(half_width: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        _check(*_cents(rng, 100), half_width)


def test_most_are_found_at_the_first_attempt(believed: list[bool]) -> None:
    y, x = hard_closes(6_000)
    for end in range(600, 6_000, 150):
        window = slice(end - 600, end)
        if np.ptp(x[window]) > 0:
            _check(logs(x[window]), logs(y[window]))
    assert sum(believed) > 30
    assert np.mean(believed) > 0.8


def test_a_sample_that_misleads_is_not_believed(believed: list[bool]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        _check(*_in_step(rng, 96))
    assert believed.count(False) > 20


def test_without_a_doubt_rounding_would_give_other_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slopes, "_ROUNDING", 0.0)
    rng = np.random.default_rng(2)
    windows = np.concatenate([_neighbours(rng, 100) for _ in range(20)]).reshape(20, 2, 100)
    with pytest.raises(AssertionError):
        _check_all(windows)


def test_every_window_of_bars() -> None:
    y, x = hard_closes(1_500)
    windows = np.stack([sliding_window_view(leg, 70)[::7] for leg in (x, y)], axis=1)
    _check_all(windows[np.ptp(windows[:, 0], axis=1) > 0])
