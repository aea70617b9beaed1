"""Liquidity of the legs against the trades themselves, and the sizes in which they belong together against the money made and lost."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import USDM_2024, recorded_trades

from flows.domain.interval import Interval
from flows.domain.model import PriceForm
from flows.stats.liquidity import LegBars, Liquidity, liquidity, size_ratio


def _bars(**changed: np.ndarray) -> LegBars:
    second = Interval.S1.us
    made = LegBars(
        np.array([0, 1, 4]) * second, np.array([2.0, 0.0, 6.0]), np.array([20.0, 0.0, 66.0]), np.array([3, 0, 1]),
        np.array([0.5, 0.0, 1.5]),
    )  # fmt: skip
    return replace(made, **changed)


def test_a_leg_by_hand() -> None:
    found = liquidity("ETHUSDT", Interval.S1, _bars())
    assert found == Liquidity(
        "ETHUSDT", Interval.S1, bars=3, missing_bars=2, seconds=3.0, trades=4, quote_volume=86.0,
        trades_per_s=4 / 3, quote_volume_per_s=86 / 3, mean_trade_size=2.0, mean_trade_quote=21.5,
        taker_buy_share=0.25, silent_share=1 / 3, reasons=(),
    )  # fmt: skip


def test_recorded_minutes_are_what_the_trades_say(shared_data: Path) -> None:
    """Bars made here of the recorded messages by other means than the flow's, the answers from the messages alone."""
    trades = [t for t in recorded_trades(shared_data / USDM_2024) if t.symbol == "ETHUSDT" and t.kind == "MARKET"]
    assert len(trades) > 1_000
    minute = Interval.M1.us // 1_000
    times = sorted({t.time_ms // minute for t in trades})
    by_bar = [[t for t in trades if t.time_ms // minute == time] for time in times]

    def column(value: str) -> np.ndarray:
        of = {
            "volume": lambda t: float(t.size),
            "quote": lambda t: float(t.size) * float(t.price),
            "bought": lambda t: 0.0 if t.buyer_is_maker else float(t.size),
        }[value]
        return np.array([sum(map(of, bar)) for bar in by_bar])

    bars = LegBars(
        np.array(times) * Interval.M1.us, column("volume"), column("quote"), np.array([len(bar) for bar in by_bar]),
        column("bought"),
    )  # fmt: skip
    found = liquidity("ETHUSDT", Interval.M1, bars)
    sizes = np.array([float(t.size) for t in trades])
    assert found.trades == len(trades)
    assert found.trades_per_s == pytest.approx(len(trades) / (60 * len(times)), rel=1e-12)
    assert found.mean_trade_size == pytest.approx(sizes.mean(), rel=1e-12)
    assert found.mean_trade_quote == pytest.approx(np.mean(sizes * [float(t.price) for t in trades]), rel=1e-12)
    bought = np.array([not t.buyer_is_maker for t in trades])
    assert found.taker_buy_share == pytest.approx(sizes[bought].sum() / sizes.sum(), rel=1e-12)
    assert 0.2 < found.taker_buy_share < 0.8


def test_what_is_not_known_is_nan_and_says_so() -> None:
    none = liquidity("X", Interval.S1, _bars(**{name: np.empty(0) for name in LegBars.__slots__}))
    assert (none.bars, none.missing_bars, none.seconds, none.trades, none.reasons) == (0, 0, 0.0, 0, ("no bars",))
    assert all(math.isnan(v) for v in (none.quote_volume, none.trades_per_s, none.mean_trade_size, none.silent_share))
    zero = np.zeros(3)
    silent = liquidity(
        "X", Interval.S1, _bars(volume=zero, quote_volume=zero, trade_count=np.zeros(3, int), taker_buy_volume=zero)
    )
    assert (silent.trades_per_s, silent.quote_volume, silent.silent_share, silent.reasons) == (
        0.0,
        0.0,
        1.0,
        ("no trades",),
    )
    assert math.isnan(silent.mean_trade_size)
    assert math.isnan(silent.taker_buy_share)
    sideless = liquidity("X", Interval.S1, _bars(taker_buy_volume=np.full(3, np.nan)))
    assert math.isnan(sideless.taker_buy_share)
    assert sideless.reasons == ("the input does not say which side took",)


@pytest.mark.parametrize(("price", "beta"), [("log", 0.8), ("raw", 0.04), ("log", -1.3)])
def test_the_hedge_makes_no_money_when_the_legs_move_as_the_line_says(price: PriceForm, beta: float) -> None:
    """The oracle is what the sizes are for: hold one y, sell so much x, let both move along the line, and count."""
    y_price, x_price = 3_000.0, 60_000.0
    leg = liquidity("Y", Interval.S1, _bars())
    found = size_ratio(beta, price, y_price, x_price, leg, replace(leg, symbol="X"))
    moved_x = x_price * 1.0001
    moved_y = y_price * (moved_x / x_price) ** beta if price == "log" else y_price + beta * (moved_x - x_price)
    gain = moved_y - y_price
    for units_of_y, units_of_x in (
        (1.0, found.x_base_per_y_base),
        (1.0, found.x_quote_per_y_base / x_price),
        (1.0, found.x_quote_per_y_quote * y_price / x_price),
    ):
        left = units_of_y * gain - units_of_x * (moved_x - x_price)
        assert abs(left) < 2e-4 * abs(gain), "an elasticity holds for small moves"
    assert found.thin_leg == ("X" if abs(found.x_quote_per_y_quote) >= 1 else "Y")
    assert found.needed_share == pytest.approx(abs(found.x_quote_per_y_quote))


def test_no_sizes_without_a_hedge_ratio_or_prices() -> None:
    leg = liquidity("Y", Interval.S1, _bars())
    for given in ((math.nan, "log", 1.0, 1.0), (1.0, "raw", 0.0, 1.0), (1.0, "raw", 1.0, math.nan)):
        found = size_ratio(*given, leg, leg)  # type: ignore[arg-type]
        assert found.reason
        assert found.thin_leg is None
        assert math.isnan(found.x_quote_per_y_quote)
