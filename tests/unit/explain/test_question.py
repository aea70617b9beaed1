"""What is asked: times in every form, and words that are near others."""

import doctest

import pytest

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.explain import question as module
from flows.explain.question import iso, microseconds, question
from flows.storage.datasets import Dataset

KNOWN = Dataset(
    "q3", "replay", (Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "ETHUSDT")), (Interval.S1, Interval.M1),
    (Model("fast", window=60), Model("slow", window=3_600)), "1",
)  # fmt: skip
TIME = 1_721_347_260_000_000


@pytest.mark.parametrize(
    "text",
    [
        "2024-07-19T00:01:00Z", "2024-07-19T00:01:00+00:00", "2024-07-19T02:01:00+02:00", "2024-07-19 00:01", "2024-07-19T00:01:00",
        "1721347260", "1721347260.0", "1721347260000", "1721347260000000",
    ],
)  # fmt: skip
def test_a_time_in_any_form(text: str) -> None:
    assert microseconds(text) == TIME
    assert iso(microseconds(text)) == "2024-07-19T00:01:00Z"


def test_fractions_of_a_second_are_kept() -> None:
    assert microseconds("1721347260.25") == microseconds("2024-07-19T00:01:00.25Z") == TIME + 250_000
    assert iso(TIME + 250_000) == "2024-07-19T00:01:00.250000Z"


@pytest.mark.parametrize("text", ["yesterday", "", "-5", "2024-13-01", "1e30", "nan", "inf"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(NotStoredError, match=r"time: expected .*found"):
        microseconds(text)


def test_what_is_asked_for_is_found() -> None:
    found = question(KNOWN, "SOLUSDT/ETHUSDT", "1m", "slow", "1721347260")
    assert (found.pair, found.interval, found.model, found.open_time) == (
        KNOWN.pairs[1],
        Interval.M1,
        KNOWN.models[1],
        TIME,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ethusdt/btcusdt", "1s", "fast"), 'dataset "q3" has no pair "ethusdt/btcusdt"; did you mean ETHUSDT/BTCUSDT'),
        (("BTCUSDT/ETHUSDT", "1s", "fast"), 'has no pair "BTCUSDT/ETHUSDT"; did you mean'),
        (("SOLUSDT/ETHUSDT", "5m", "fast"), 'has no interval "5m"; did you mean'),
        (("SOLUSDT/ETHUSDT", "1s", "fsat"), 'has no model "fsat"; did you mean fast?'),
        (("SOLUSDT/ETHUSDT", "1s", "qqq"), 'has no model "qqq"; there is fast, slow'),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(words: tuple[str, str, str], said: str) -> None:
    with pytest.raises(NotStoredError) as error:
        question(KNOWN, *words, "1721347260")
    assert said in str(error.value)


def test_the_examples_in_the_text_are_true() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 2)
