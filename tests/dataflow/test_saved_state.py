"""What the engine saves at the end of an epoch, read from its own store: which states, and how large they are."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main

from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.instrument import Instrument
from flows.domain.pair import Pair
from flows.pairs import build
from flows.settings import Market, load
from flows.sinks.counting import CountingSink

S = 1_000_000
START_US = 1_721_347_200 * S
SECONDS, PER_S = 200, 60
PAIRS = tuple(Pair(f"C{k}USDT", "C0USDT") for k in range(1, 9))


def _market() -> list[tuple[str, Chunk[Ticks]]]:
    """Half seconds of nine symbols."""
    rng = np.random.default_rng(1)
    symbols = len(PAIRS) + 1
    instruments = tuple(Instrument(f"C{k}USDT", 1 + k % 3) for k in range(symbols))
    price = np.full(symbols, 1_000_000)
    items = []
    for half in range(2 * SECONDS):
        rows = symbols * PER_S // 2
        begin = START_US + half * S // 2
        symbol = rng.permutation(np.repeat(np.arange(symbols), PER_S // 2)).astype(np.int32)
        time = np.sort(rng.integers(0, S // 2_000, rows)) * 1_000 + begin
        price = price + rng.integers(-5, 6, symbols)
        zeros = np.zeros(rows, np.int8)
        ticks = Ticks(
            instruments, symbol, time, np.arange(rows) + half * rows, price[symbol] + rng.integers(-2, 3, rows),
            np.ones(rows, np.int64), zeros, zeros.astype(np.bool_),
        )  # fmt: skip
        items.append(("live", Chunk(np.full(symbols, begin + S // 2), ticks)))
    return items


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[int]]:
    """Bytes of each state at every epoch in which it was saved; an epoch is half a second of the market."""
    folder: Path = tmp_path_factory.mktemp("recovery")
    init_db_dir(folder, 1)  # type: ignore[no-untyped-call]
    settings = load(None, {"PAIRS_MARKET__PAIRS": ",".join(map(str, PAIRS))})
    assert isinstance(settings.market, Market)
    flow = build(settings, TestingSource(_market()), CountingSink(), 500)  # type: ignore[arg-type]
    recovery = RecoveryConfig(str(folder), backup_interval=timedelta(days=1))  # type: ignore[no-untyped-call]
    run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)  # type: ignore[no-untyped-call]
    found: dict[tuple[str, str], list[int]] = {}
    with sqlite3.connect(folder / "part-0.sqlite3") as store:
        for step, key, size in store.execute(
            "SELECT step_id, state_key, length(ser_change) FROM snaps ORDER BY snap_epoch"
        ):
            found.setdefault((step.removeprefix("pairs."), key), []).append(size)
    return found


def test_forming_bars_do_not_have_the_windows_of_tests_saved(saved: dict[tuple[str, str], list[int]]) -> None:
    minutes = SECONDS // 60
    assert minutes <= len(saved["pair_tests.looks.fold", "1m 0"]) <= minutes + 2
    assert len(saved["pair_tests.looks.fold", "5m 0"]) <= 2
    # The control: where forming bars are worked on, the state is saved whenever there were some.
    assert len(saved["pair_stats.fold", "1m 0"]) > SECONDS


def test_states_are_small(saved: dict[tuple[str, str], list[int]]) -> None:
    """Numbers of eight bytes, with nothing shared between pairs, would be ten times as many bytes and more."""
    pairs, bars = len(PAIRS), SECONDS - 2
    history = saved["pair_stats.fold", "1s 0"][-1]
    assert bars * (pairs + 1) < history < 3 * bars * (pairs + 1) < 3 * bars * pairs * 8 / 6
    assert saved["pair_tests.looks.fold", "1s 0"][-1] < 2 * pairs * 600 * 8 / 8
    ticks = (pairs + 1) * 4_096
    windows = pairs * 3 * 300 * 5 * 8
    assert saved["pair_tick_stats.fold", "0"][-1] < 4 * ticks + windows / 2 < (16 * ticks + windows) / 2
    waiting = max(saved["pair_tick_stats.split", "live"])
    assert waiting < 8 * (pairs + 1) * PER_S + 2_000
