"""Correlation of ticks inside the engine: the same rows for any cut of a recorded file, any workers, two partitions, abort and resume."""

import itertools
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from recordings import COLLECTOR, USDM_2024
from tick_legs import S, bits, by_pair, file_source, recorded_chunks

from flows.asynchrony.looks import LookRule
from flows.asynchrony.operators import pair_tick_stats
from flows.asynchrony.pair_ticks import Limits, TickChunk
from flows.domain.chunk import Chunk
from flows.domain.frames import PairTickStats, Ticks
from flows.domain.interval import Interval
from flows.domain.pair import Pair

PAIRS = (Pair("ETHUSDT", "BTCUSDT"), Pair("BTCUSDT", "ETHUSDT"))
Out = list[tuple[str, TickChunk]]
Item = tuple[str, Chunk[Ticks]]


def _flow(source: object, out: Out) -> Dataflow:
    flow = Dataflow("test")
    items = op.input("ticks", flow, source)  # type: ignore[arg-type, var-annotated]
    ticks = op.filter("ticks_only", items, lambda item: isinstance(item[1].rows, Ticks))
    stats = pair_tick_stats("tick_stats", ticks, PAIRS, tuple(Interval), 20, LookRule(30, 120, 1_000), Limits())
    op.output("out", stats, TestingSink(out))
    return flow


def _rows(out: Out) -> dict[tuple[str, str], list[bytes]]:
    """Every column of each pair's tables, in the order the rows came out."""
    return {key: bits(frame) for key, frame in by_pair(chunk.rows for _, chunk in out).items()}


@pytest.fixture(scope="module")
def files(shared_data: Path) -> dict[str, Path]:
    return {"capture": shared_data / USDM_2024, "collector": shared_data / COLLECTOR}


@pytest.fixture(scope="module")
def whole(files: dict[str, Path]) -> dict[str, dict[tuple[str, str], list[bytes]]]:
    found = {}
    for form, path in files.items():
        out: Out = []
        run_main(_flow(file_source(path), out))
        seconds = by_pair(chunk.rows for _, chunk in out)[str(PAIRS[0]), "1s"]
        assert int((~np.isnan(seconds.correlation)).sum()) > 20, form
        found[form] = _rows(out)
        assert {name for _, name in found[form]} == {"1s", "1m", "5m", "looks"}
    return found


@pytest.mark.parametrize("form", ["capture", "collector"])
@pytest.mark.parametrize("block_bytes", [7_001, 65_536])
def test_same_rows_for_any_cut(form: str, block_bytes: int, files: dict[str, Path], whole: dict[str, object]) -> None:
    out: Out = []
    run_main(_flow(file_source(files[form], block_bytes), out))
    assert _rows(out) == whole[form]


@pytest.mark.parametrize("workers", [2, 3])
def test_same_rows_for_any_number_of_workers(workers: int, files: dict[str, Path], whole: dict[str, object]) -> None:
    out: Out = []
    cluster_main(_flow(file_source(files["capture"], 65_536), out), [], 0, worker_count_per_proc=workers)
    assert _rows(out) == whole["capture"]


def _of_symbol(chunk: Chunk[Ticks], s: int) -> Chunk[Ticks]:
    """What one symbol's own partition would have said."""
    rows = chunk.rows.take(chunk.rows.symbol == s)
    return Chunk(chunk.watermark, rows)


def _partitions(path: Path) -> list[list[Item]]:
    """A recording as two partitions, one leg in each; the other leg's watermark there stands still."""
    chunks = list(recorded_chunks(path, 65_536))
    legs: list[list[Item]] = []
    for s in range(2):
        mask = np.arange(2) == s
        legs.append([])
        for chunk in chunks:
            part = _of_symbol(chunk, s)
            watermark = np.where(mask[: len(part.watermark)], part.watermark, 0)
            legs[-1].append((f"leg{s}", Chunk(watermark, part.rows)))
    return legs


def test_same_rows_from_two_partitions(files: dict[str, Path], whole: dict[str, object]) -> None:
    one, other = _partitions(files["capture"])
    by_turns = [item for both in zip(one, other, strict=True) for item in both]
    for items in (one + other, other + one, by_turns):
        out: Out = []
        run_main(_flow(TestingSource(items, 2), out))
        assert _rows(out) == whole["capture"]


@pytest.mark.parametrize("abort_at", [3, 11, 20])
def test_an_abort_and_a_resume_give_the_rows_of_an_uninterrupted_run(
    abort_at: int, files: dict[str, Path], whole: dict[str, object], tmp_path: Path
) -> None:
    init_db_dir(tmp_path, 1)
    items: list[Item] = [("files", chunk) for chunk in recorded_chunks(files["capture"], 65_536)]
    assert len(items) > 22
    items.insert(abort_at, TestingSource.ABORT())  # type: ignore[arg-type]
    out: Out = []
    flow = _flow(TestingSource(items), out)
    for _ in range(2):
        run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(tmp_path)))
    assert _rows(out) == whole["capture"]


def test_swapped_pair_has_the_same_correlation(files: dict[str, Path]) -> None:
    out: Out = []
    run_main(_flow(file_source(files["capture"]), out))
    rows = by_pair(chunk.rows for _, chunk in out)
    one, other = (rows[str(pair), "1s"] for pair in PAIRS)
    assert isinstance(one, PairTickStats)
    assert isinstance(other, PairTickStats)
    assert np.array_equal(one.correlation, other.correlation, equal_nan=True)
    assert all(np.diff(one.open_time) > 0)
    assert all(pair.open_time.min() > S for pair in itertools.chain([one, other]))
