"""Symbols, pairs and intervals: what is accepted, and what is said about the rest."""

import pytest

from flows.domain.instrument import Instrument, symbol_problem
from flows.domain.interval import Interval
from flows.domain.pair import Pair


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "1000SHIBUSDT", "BTCUSDT_250627", "BRK.B", "A-B", "币安人生USDT", "X" * 32]
)
def test_symbols(symbol: str) -> None:
    assert symbol_problem(symbol) is None


@pytest.mark.parametrize(
    ("symbol", "problem"),
    [("", "empty"), ("X" * 33, "longer than 32"), ("btc", "upper case"),
     ("A B", "neither letter"), ("A/B", "neither letter"), ("A\0", "neither letter")],
)  # fmt: skip
def test_what_is_no_symbol(symbol: str, problem: str) -> None:
    assert problem in str(symbol_problem(symbol))


def test_a_pair_is_written_as_it_is_read() -> None:
    pair = Pair.parse("ETHUSDT/BTCUSDT")
    assert (pair.y, pair.x, str(pair)) == ("ETHUSDT", "BTCUSDT", "ETHUSDT/BTCUSDT")


@pytest.mark.parametrize("text", ["", "ETHUSDT", "/B", "A/", "A/B/C", "A/A", "a/B", "A/ B"])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(ValueError, match="pair"):
        Pair.parse(text)


def test_intervals_have_the_length_of_their_name() -> None:
    seconds = {"s": 1, "m": 60}
    for interval in Interval:
        assert interval.us == int(str(interval)[:-1]) * seconds[str(interval)[-1]] * 1_000_000


def test_decimals_of_a_product() -> None:
    assert Instrument("A", 2, 3).quote_decimals == 5
