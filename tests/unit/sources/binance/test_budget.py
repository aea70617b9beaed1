"""The weight budget against the exchange's own count, which the simulated exchange keeps by other code."""

import numpy as np
import pytest

from flows.simulator.weights import Budget as Exchange
from flows.sources.binance.budget import BackOff, Budget


@pytest.mark.parametrize("seed", range(5))
def test_the_exchange_never_refuses_who_keeps_to_it(seed: int) -> None:
    draw = np.random.default_rng(seed)
    exchange, budget = Exchange(2_400), Budget(2_000)
    now, sent = 1_700_000_000.0 + float(draw.uniform(0, 60)), []
    began = now
    while now < began + 600:
        now += float(draw.exponential(0.05))
        if budget.wait_s(now, 20) > 0:
            continue
        budget.spend(now, 20)
        sent.append(now)
        if draw.random() < 0.2:  # somebody else at the same address
            exchange.spend(5, int(now * 1_000))
        assert exchange.spend(20, int(now * 1_000)) is None
        budget.said(now // 60, exchange.used)
    assert len(sent) > 0.9 * 10 * 2_000 / 20 * 0.8, "most of the budget is used"


def test_the_budget_is_used_up_and_then_waits_as_long_as_needed() -> None:
    budget, now = Budget(100), 1_000.0
    for _ in range(5):
        assert budget.wait_s(now, 20) == 0
        budget.spend(now, 20)
        now += 1
    assert budget.used(now) == 100
    assert budget.wait_s(now, 20) == pytest.approx(55), "until the first is a minute old"
    assert budget.wait_s(now, 40) == pytest.approx(56)
    assert budget.wait_s(now + 55, 20) == 0


def test_checks_use_at_most_half() -> None:
    budget, now = Budget(100), 1_000.0
    for _ in range(2):
        assert budget.wait_s(now, 20, check=True) == 0
        budget.spend(now, 20, check=True)
    assert budget.wait_s(now, 20, check=True) == pytest.approx(60)
    assert budget.wait_s(now, 20) == 0, "a gap need not wait"


def test_paced_checks_are_spread_over_the_minute() -> None:
    budget, now, times = Budget(2_000), 1_000.0, list[float]()
    while now < 1_240:
        wait = budget.wait_s(now, 5, check=True, paced=True)
        if wait > 0:
            now += wait
            continue
        budget.spend(now, 5, check=True)
        times.append(now)
    most = max(sum(at <= each < at + 6 for each in times) for at in times)
    assert most == 20, "a tenth of what checks may use in a minute"
    assert len(times) == 4 * 1_000 // 5, "and all of that is used"
    budget = Budget(20)
    assert budget.wait_s(now, 5, check=True, paced=True) == 0, "however little may be used, one goes"


def test_what_the_exchange_says_counts_in_its_minute() -> None:
    budget, now = Budget(100), 1_020.0
    budget.said(now // 60, 95)
    assert budget.wait_s(now + 10, 20) == pytest.approx(50), "until its next minute"
    assert budget.wait_s(now + 60, 20) == 0


@pytest.mark.parametrize(
    ("status", "retry_after", "wait", "text"),
    [
        (429, 7.0, 7.0, "429: this address asks too often; next try in 7 s"),
        (429, None, 60.0, "asks too often"),
        (418, 3_600.0, 3_600.0, "418: this address is banned"),
        (418, None, 120.0, "banned"),
        (403, None, 60.0, "403: its firewall refuses this address"),
        (451, None, 600.0, "451: it does not serve this region; the simulated exchange works everywhere"),
    ],
)
def test_refusals(status: int, retry_after: float | None, wait: float, text: str) -> None:
    back_off = BackOff()
    back_off.refused(100.0, status, retry_after)
    assert back_off.until_s == 100.0 + wait
    assert text in back_off.problem


def test_failures_wait_longer_each_time_up_to_a_limit_and_a_good_answer_ends_it() -> None:
    back_off, waits = BackOff(), []
    for _ in range(30):
        back_off.failed(0.0, "no answer in time")
        waits.append(back_off.until_s)
    for k, wait in enumerate(waits):
        assert 0.5 * min(0.25 * 2**k, 30) <= wait <= min(0.25 * 2**k, 30)
    back_off.answered()
    assert (back_off.problem, back_off.until_s) == ("", 0.0)
    back_off.refused(0.0, 500, None)
    assert back_off.until_s <= 0.25
    assert "500: expected 200" in back_off.problem
