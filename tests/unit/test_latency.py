"""Histograms against numpy's exact quantiles."""

import math

import numpy as np
import pytest

from flows.domain.frames import LATENCY_STAGES
from flows.latency import Histogram, Latency


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_quantiles_are_within_five_percent(seed: int, sign: float) -> None:
    draw = np.random.default_rng(seed)
    values = sign * np.exp(draw.normal(8, 2.5, 20_000))
    histogram = Histogram()
    for part in np.array_split(values, 7):
        histogram.add(part)
    assert histogram.count == len(values)
    assert histogram.largest_us == values.max()
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert histogram.quantile_us(share) == pytest.approx(exact, rel=0.05), share


def test_both_signs_and_zero_keep_their_order() -> None:
    histogram = Histogram()
    histogram.add(np.array([-1_000.0] * 10 + [0.0, 0.4] * 40 + [1_000.0] * 10))
    assert histogram.quantile_us(0.05) == pytest.approx(-1_000, rel=0.05)
    assert histogram.quantile_us(0.5) == 0.0
    assert histogram.quantile_us(0.99) == pytest.approx(1_000, rel=0.05)


def test_of_nothing_nothing_is_known() -> None:
    histogram = Histogram()
    histogram.add(np.zeros(0))
    assert histogram.count == 0
    assert math.isnan(histogram.quantile_us(0.5))
    assert math.isnan(histogram.largest_us)


def test_what_is_out_of_range_stays_bounded() -> None:
    histogram = Histogram()
    histogram.add(np.array([1e30, -1e30]))
    assert histogram.count == 2
    assert histogram.largest_us == 1e30


def test_the_text_of_a_histogram_gives_it_back() -> None:
    draw = np.random.default_rng(11)
    parts, whole, again = [draw.normal(0, 1e5, 500), np.exp(draw.normal(8, 2, 500)), [0.0]], Histogram(), Histogram()
    for part in parts:
        one = Histogram()
        one.add(part)
        whole.add(part)
        again.add_text(one.text, one.largest_us)
    assert again.text == whole.text != ""
    assert (again.count, again.largest_us) == (whole.count, whole.largest_us)
    assert again.quantile_us(0.95) == whole.quantile_us(0.95)
    assert Histogram().text == ""


@pytest.mark.parametrize("text", ["7", "7:0", "7:-1", "999:1", "a:1", "7:x"])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"histogram|invalid literal"):
        Histogram().add_text(text, 1.0)


def test_counts_between_edges_are_those_of_the_values() -> None:
    values = np.exp(np.random.default_rng(2).normal(8, 2, 5_000))
    histogram, edges = Histogram(), [1e2, 1e3, 1e4, 1e5]
    histogram.add(values)
    exact = np.bincount(np.searchsorted(edges, values, side="right"), minlength=5)
    assert histogram.counts_between(edges) == pytest.approx(exact, rel=0.1)
    assert histogram.counts_between(edges).sum() == 5_000
    assert Histogram().counts_between(edges).tolist() == [0] * 5


def test_stages_and_their_clock() -> None:
    now = [100.0]
    latency = Latency(lambda: now[0])
    latency.bars_arrive()  # before any chunk: counted nowhere
    latency.hands_out()
    now[0] = 100.010
    latency.bars_arrive()
    now[0] = 100.050
    latency.bars_stored(100.010)
    latency.add("received_chunk", np.array([1_000, 3_000]))
    frame = latency.take(77)
    assert frame.stage.tolist() == list(LATENCY_STAGES)
    assert frame.time.tolist() == [77] * 5
    assert frame.count.tolist() == [0, 0, 2, 1, 1]
    assert frame.max_ms[2:] == pytest.approx([3.0, 10.0, 40.0])
    assert frame.p50_ms[2:] == pytest.approx([1.0, 10.0, 40.0], rel=0.05)
    assert np.isnan(frame.p50_ms[:2]).all()
    assert [text != "" for text in frame.histogram] == [False, False, True, True, True]
    assert latency.take(78).count.tolist() == [0] * 5, "taken once"
