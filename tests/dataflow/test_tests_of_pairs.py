"""Looks and verdicts inside the engine: the same rows for any pieces, workers and restarts, with pairs of two groups."""

import random
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import bytewax.operators as op
import numpy as np
import pytest
from bar_frames import bars_of
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main

from flows.domain.battery import BatteryPlan
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, PairVerdicts, concatenated
from flows.domain.interval import Interval
from flows.domain.pair import GROUP_SIZE, Pair, groups
from flows.join.operators import pair_bars
from flows.sinks.columns import TableRows
from flows.sinks.counting import row_hashes
from flows.sinks.tables import table_rows
from flows.stats.battery.operators import pair_tests
from tests.calibration.simulated_pairs import reverting, walk

S = 1_000_000
ROWS, BEGIN = 500, 5_003
PLANS = {Interval.S1: BatteryPlan(window=60, cadence=20)}
TIED = Pair("ETHUSDT", "BTCUSDT")
WALKS = tuple(f"W{i:02d}USDT" for i in range(11))
PAIRS = (TIED, *(Pair(y, x) for y, x in combinations(WALKS, 2)), *(Pair(walk, "BTCUSDT") for walk in WALKS))
Item = tuple[str, Chunk[Bars]]
Out = list[tuple[str, Chunk[PairVerdicts]]]


def test_the_pairs_are_worked_on_in_two_groups() -> None:
    assert [len(group) for group in groups(PAIRS)] == [GROUP_SIZE, 67 - GROUP_SIZE]


def _bars() -> Bars:
    """Bars of 13 symbols: one tied to another, the rest walks; one with a hole, one that begins in the middle."""
    rng = np.random.default_rng(17)
    btc = walk(rng, ROWS)
    logs = {"BTCUSDT": btc, "ETHUSDT": 0.8 * btc + reverting(rng, ROWS, 1.0)}
    logs |= {symbol: walk(rng, ROWS) for symbol in WALKS}
    closes = {}
    for symbol, log in logs.items():
        prices = np.round(np.exp(log) * (1_000 if symbol == "ETHUSDT" else 10)).astype(int).tolist()
        points = list(zip(range(BEGIN, BEGIN + ROWS), prices, strict=True))
        closes[symbol] = (
            points[200:] if symbol == "W03USDT" else points[:250] + points[265:] if symbol == "W07USDT" else points
        )
    return bars_of(closes, decimals=dict.fromkeys(closes, 1))


def _cut(bars: Bars, seed: int, most: int) -> list[Item]:
    """The bars in pieces of random length by time; a symbol enters the table with its first bar, as in a file."""
    pieces: list[Item] = []
    dice, second = random.Random(seed), BEGIN
    order = ["BTCUSDT", "ETHUSDT", *WALKS]
    late = order.index("W03USDT")
    table = [i for i in range(len(order)) if i != late] + [late]
    place = np.empty(len(order), np.int32)
    place[table] = np.arange(len(order))
    while second < BEGIN + ROWS:
        end = min(second + dice.randint(1, most), BEGIN + ROWS)
        piece = bars.take((bars.open_time >= second * S) & (bars.open_time < end * S))
        seen = len(order) if end > BEGIN + 200 else len(order) - 1
        instruments = tuple(bars.instruments[i] for i in table[:seen])
        columns = {name: getattr(piece, name) for name in Bars.__slots__} | {
            "instruments": instruments,
            "symbol": place[piece.symbol],
        }
        pieces.append(("files", Chunk(np.full(seen, end * S), Bars(**columns))))
        second = end
    return pieces


def _flow(items: list[Item], looks: list[tuple[str, Chunk]], verdicts: Out, batch: int = 1) -> Dataflow:
    flow = Dataflow("test")
    bars = op.input("bars", flow, TestingSource(items, batch))
    legs = pair_bars("pair_bars", bars, PAIRS, 10_000)
    tests = pair_tests("pair_tests", legs, bars, PAIRS, PLANS, 10_000)
    op.output("looks", tests.looks, TestingSink(looks))
    op.output("verdicts", tests.verdicts, TestingSink(verdicts))
    return flow


def _hashes(out: list[tuple[str, Chunk]]) -> np.ndarray:
    return np.sort(np.concatenate([row_hashes(table_rows(chunk.rows)) for _, chunk in out]))


def _rows(out: list[tuple[str, Chunk]]) -> TableRows:
    return table_rows(concatenated([chunk.rows for _, chunk in out]))


@pytest.fixture(scope="module")
def whole() -> tuple[list[tuple[str, Chunk]], Out]:
    looks: list[tuple[str, Chunk]] = []
    verdicts: Out = []
    run_main(_flow(_cut(_bars(), 0, 2 * ROWS), looks, verdicts))
    return looks, verdicts


def test_every_pair_is_looked_at_in_every_round_and_judged_after_it(whole: tuple[list[tuple[str, Chunk]], Out]) -> None:
    looks, verdicts = whole
    assert {key for key, _ in looks} == {"1s 0", "1s 1"}
    assert {key for key, _ in verdicts} == {"1s"}
    rows = _rows(verdicts)
    times, count = np.unique(rows.columns["open_time"], return_counts=True)  # type: ignore[arg-type]
    first = (BEGIN // 20 + 1) * 20 + 19  # no pair has had enough bars for any test in the round before
    assert times.tolist() == [second * S for second in range(first, BEGIN + ROWS, 20)]
    absent = 11  # pairs with the symbol that begins in the middle
    assert count[0] < len(PAIRS) - absent
    assert (count[1:9] == len(PAIRS) - absent).all()
    assert (count[-13:] == len(PAIRS)).all()
    assert [chunk.watermark[0] for _, chunk in verdicts] == (times + S).tolist()


def test_a_tied_pair_and_walks_have_other_words(whole: tuple[list[tuple[str, Chunk]], Out]) -> None:
    last = whole[1][-1][1].rows
    word = dict(zip((last.pairs[p] for p in last.pair.tolist()), last.word.tolist(), strict=True))
    assert word.pop(TIED) == "reverting"
    assert set(word.values()) <= {"no evidence", "weak evidence"}
    assert sum(found == "weak evidence" for found in word.values()) < 7, "a tenth of the unrelated pairs"
    share = dict(zip(last.pair.tolist(), last.share.tolist(), strict=True))
    assert share[0] > 0.5
    assert np.mean(list(share.values())[1:]) < 0.06
    passed_once = sum(passed > 0 for passed in last.looks_passed.tolist()[1:])
    assert passed_once > 5, "looking for one pass in a day would call these cointegrated"


def test_any_pieces_and_one_to_three_workers_give_the_same_rows(whole: tuple[list[tuple[str, Chunk]], Out]) -> None:
    expected = [_hashes(out) for out in whole]
    bars = _bars()
    for workers, seed, most, batch in ((1, 1, 7, 1), (1, 2, 90, 3), (2, 3, 40, 1), (3, 4, 25, 1)):
        looks: list[tuple[str, Chunk]] = []
        verdicts: Out = []
        flow = _flow(_cut(bars, seed, most), looks, verdicts, batch)
        if workers == 1:
            run_main(flow)
        else:
            cluster_main(flow, [], 0, worker_count_per_proc=workers)
        for out, hashes in zip((looks, verdicts), expected, strict=True):
            assert np.array_equal(_hashes(out), hashes), (workers, seed)
        assert [chunk.rows.open_time[0] for _, chunk in verdicts] == [c.rows.open_time[0] for _, c in whole[1]]


@pytest.mark.parametrize("abort_at", [3, 8, 14])
def test_an_abort_and_a_resume_give_the_rows_of_an_uninterrupted_run(
    tmp_path: Path, abort_at: int, whole: tuple[list[tuple[str, Chunk]], Out]
) -> None:
    init_db_dir(tmp_path, 1)
    items = _cut(_bars(), 5, 50)
    items.insert(abort_at, TestingSource.ABORT())  # type: ignore[arg-type]
    looks: list[tuple[str, Chunk]] = []
    verdicts: Out = []
    flow = _flow(items, looks, verdicts)
    for _ in range(2):
        run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(tmp_path)))
    for out, expected in zip((looks, verdicts), whole, strict=True):
        assert np.array_equal(_hashes(out), _hashes(expected))


def test_forming_bars_leave_looks_and_verdicts_alone(whole: tuple[list[tuple[str, Chunk]], Out]) -> None:
    items: list[Item] = []
    for key, chunk in _cut(_bars(), 6, 30):
        items.append((key, chunk))
        if len(chunk.rows):
            rows = chunk.rows.take(chunk.rows.open_time == chunk.rows.open_time.max())
            columns = {name: getattr(rows, name) for name in Bars.__slots__}
            columns |= {
                "open_time": rows.open_time + S,
                "close": rows.close + 5,
                "complete": np.zeros(len(rows), np.bool_),
            }
            items.append((key, Chunk(chunk.watermark, Bars(**columns))))
    looks: list[tuple[str, Chunk]] = []
    verdicts: Out = []
    run_main(_flow(items, looks, verdicts))
    for out, expected in zip((looks, verdicts), whole, strict=True):
        assert np.array_equal(_hashes(out), _hashes(expected))
