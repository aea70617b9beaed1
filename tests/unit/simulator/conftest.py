"""One exchange for the tests of a file that need no other."""

from collections.abc import Iterator

import pytest
from simulated import RunningExchange


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningExchange]:
    """Whatever the tests before have done to it."""
    with RunningExchange() as running:
        yield running


@pytest.fixture
def exchange(shared: RunningExchange) -> Iterator[RunningExchange]:
    """Without faults before and after the test."""
    shared.control("clear")
    yield shared
    shared.control("clear")
