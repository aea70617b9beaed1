"""Rows delivered by a thread: all of them, in order, with an end to what waits, and errors where the rows come from."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from stored_frames import some_rejects

from flows.domain.frames import Rejects
from flows.errors import StorageError
from flows.sinks.courier import Courier
from flows.sinks.tables import Storable

DEADLINE_S = 20.0


def row(number: int) -> Storable:
    return replace(some_rejects().take(slice(0, 1)), line=np.array([number]))


def numbers(batches: list[list[Storable]]) -> list[int]:
    return [int(frame.line[0]) for batch in batches for frame in batch if isinstance(frame, Rejects)]


class Place:
    """Where rows go: open or shut, and broken on demand."""

    def __init__(self) -> None:
        self.batches: list[list[Storable]] = []
        self.since: list[float] = []
        self.open, self.entered = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    def deliver(self, batch: list[Storable], since_s: float) -> None:
        self.entered.set()
        assert self.open.wait(DEADLINE_S)
        if self.error is not None:
            raise self.error
        self.batches.append(batch)
        self.since.append(since_s)


@pytest.fixture
def place() -> Place:
    return Place()


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_is_on_its_way_and_what_waits_is_undelivered_until_it_has_arrived(place: Place) -> None:
    courier = Courier(place.deliver, 0.001, 1_000)
    courier.put(row(1))
    assert place.entered.wait(DEADLINE_S)
    courier.put(row(2))
    courier.put(row(3))
    assert numbers([list(courier.undelivered())]) == [1, 2, 3]
    place.open.set()
    courier.flush()
    assert courier.undelivered() == ()
    courier.close()


def test_what_could_not_be_delivered_is_said_where_it_is_asked_for(place: Place) -> None:
    place.error = StorageError("refused")
    place.open.set()
    courier = Courier(place.deliver, 0.001, 1_000)
    courier.put(row(1))
    with pytest.raises(StorageError, match="refused"):
        courier.flush()
    with pytest.raises(StorageError, match="refused"):
        courier.undelivered()
    courier.close()


def test_everything_is_there_in_order_after_a_flush(place: Place) -> None:
    place.open.set()
    courier = Courier(place.deliver, 0.001, 1_000)
    for number in range(500):
        courier.put(row(number))
    courier.flush()
    assert numbers(place.batches) == list(range(500))
    courier.flush()  # with nothing to do it returns
    courier.close()


def test_what_comes_during_a_delivery_goes_together_in_the_next(place: Place) -> None:
    courier = Courier(place.deliver, 0.0, 1_000)
    before = time.monotonic()
    courier.put(row(0))
    assert place.entered.wait(DEADLINE_S)
    for number in range(1, 6):
        courier.put(row(number))  # does not wait for the delivery
    place.open.set()
    courier.flush()
    assert [len(batch) for batch in place.batches] == [1, 5]
    assert numbers(place.batches) == list(range(6))
    assert before <= place.since[0] <= place.since[1] <= time.monotonic()
    courier.close()


def test_a_flush_does_not_wait_for_the_pause(place: Place) -> None:
    place.open.set()
    courier = Courier(place.deliver, 3_600.0, 1_000)
    courier.put(row(0))
    courier.flush()
    courier.put(row(1))  # the next delivery is due in an hour
    courier.flush()
    assert numbers(place.batches) == [0, 1]
    courier.close()


def test_beyond_the_limit_putting_waits(place: Place) -> None:
    courier = Courier(place.deliver, 0.0, 3)
    courier.put(row(0))
    assert place.entered.wait(DEADLINE_S)
    done: list[int] = []

    def put_all() -> None:
        for number in range(1, 8):
            courier.put(row(number))
            done.append(number)

    putting = in_thread(put_all)
    deadline = time.monotonic() + DEADLINE_S
    while len(done) < 3:
        assert time.monotonic() < deadline
    putting.join(0.1)
    assert putting.is_alive()
    assert done == [1, 2, 3], "three wait, the fourth is not taken"
    place.open.set()
    putting.join(DEADLINE_S)
    courier.flush()
    assert numbers(place.batches) == list(range(8))
    courier.close()


def test_an_error_is_raised_where_the_rows_come_from_and_also_wakes_those_who_wait(place: Place) -> None:
    place.error = StorageError("refused")
    courier = Courier(place.deliver, 0.0, 1)
    courier.put(row(0))
    assert place.entered.wait(DEADLINE_S)
    courier.put(row(1))
    found: list[str] = []

    def put() -> None:
        try:
            courier.put(row(2))
        except StorageError as error:
            found.append(str(error))

    putting = in_thread(put)
    place.open.set()
    putting.join(DEADLINE_S)
    assert found == ["refused"]
    with pytest.raises(StorageError, match="refused"):
        courier.put(row(3))
    with pytest.raises(StorageError, match="refused"):
        courier.flush()
    courier.close()
    assert place.batches == []


def test_closing_drops_what_waits(place: Place) -> None:
    courier = Courier(place.deliver, 0.0, 10)
    courier.put(row(0))
    assert place.entered.wait(DEADLINE_S)
    courier.put(row(1))
    closing = in_thread(courier.close)
    closing.join(0.1)
    assert closing.is_alive(), "it waits for the delivery that is on its way"
    place.open.set()
    closing.join(DEADLINE_S)
    assert not closing.is_alive()
    assert numbers(place.batches) == [0]
