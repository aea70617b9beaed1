"""The invariants of ARCHITECTURE.md on the whole dataflow: same rows for any cut and any workers, rows never change, bounded state."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bytewax.testing import TestingSink, cluster_main, run_main
from recordings import COLLECTOR, USDM_2024, Trade, recorded_trades, write_csv

from flows.bars.open_bars import OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.interval import Interval
from flows.domain.scale import to_float_by_symbol
from flows.pairs import build
from flows.replay import source_of
from flows.settings import Settings, load
from flows.sinks.columns import Labels, TableRows
from flows.sinks.counting import CountingSink
from flows.sinks.tables import table_rows
from flows.sources.detect import recognise
from flows.sources.merge import TickFiles


def _settings(block_bytes: int = 1 << 22) -> Settings:
    """Short windows and many looks, so that there are statistics to compare."""
    made = load()
    models = (replace(made.models[0], window=60, z_window=60, correlation_window=30),)
    ticks = replace(made.ticks, window=60, look_every_s=30, look_window_s=120)
    tests = replace(made.tests, window_1s=40, cadence_1s=15, cadence_1m=1)
    return replace(made, models=models, ticks=ticks, tests=tests, files=replace(made.files, block_bytes=block_bytes))


Sums = tuple[dict[str, int], dict[str, int]]


def _sums(paths: Sequence[Path], block_bytes: int = 1 << 22, workers: int = 1) -> Sums:
    """Rows and checksum of every table of a run."""
    settings = _settings(block_bytes)
    sink = CountingSink(checksum=True)
    flow = build(settings, source_of(paths, settings), sink)
    if workers == 1:
        run_main(flow)
    else:
        cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return dict(sink.rows), dict(sink.checksums)


@pytest.fixture(scope="module")
def trades(shared_data: Path) -> list[Trade]:
    return recorded_trades(shared_data / USDM_2024)


@pytest.fixture(scope="module")
def csv_file(trades: list[Trade], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture as CSV with a few lines that are no trades."""
    path = write_csv(tmp_path_factory.mktemp("csv") / "trades.csv", trades)
    lines = path.read_text().splitlines(keepends=True)
    for at in (3, 4_000, 4_001, 20_000):
        lines.insert(at, "garbage\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def inputs(csv_file: Path, shared_data: Path) -> dict[str, Path]:
    return {"csv": csv_file, "capture": shared_data / USDM_2024, "collector": shared_data / COLLECTOR}


@pytest.fixture(scope="module")
def whole(inputs: dict[str, Path]) -> dict[str, Sums]:
    sums = {form: _sums([path]) for form, path in inputs.items()}
    for rows, _ in sums.values():
        assert min(rows[name] for name in ("trades", "bars_1s", "bars_1m", "bars_5m", "pair_stats_1s")) > 1
        assert min(rows[name] for name in ("pair_tick_stats_1s", "pair_tick_stats_1m", "pair_lead_lag")) > 1
        assert min(rows["pair_tests_1s"], rows["pair_verdicts_1s"], rows["pair_tests_1m"]) > 1
    assert sums["csv"][0]["rejects"] == 4
    return sums


@pytest.mark.parametrize("form", ["csv", "capture", "collector"])
@pytest.mark.parametrize("block_bytes", [1_024, 7_001, 65_536])
def test_same_rows_for_any_cut(form: str, block_bytes: int, inputs: dict[str, Path], whole: dict[str, Sums]) -> None:
    assert _sums([inputs[form]], block_bytes) == whole[form]


@pytest.mark.parametrize("workers", [2, 3])
def test_same_rows_for_any_number_of_workers(workers: int, inputs: dict[str, Path], whole: dict[str, Sums]) -> None:
    assert _sums([inputs["csv"]], 65_536, workers) == whole["csv"]


def test_same_rows_from_two_files(trades: list[Trade], tmp_path: Path) -> None:
    one = write_csv(tmp_path / "one.csv", trades)
    legs = [
        write_csv(tmp_path / f"{symbol}.csv", [t for t in trades if t.symbol == symbol])
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    assert _sums(legs, 3_000) == _sums([one])


def test_a_sum_in_floats_would_be_seen(csv_file: Path) -> None:
    """The negative control: quote volumes summed as floats, batch by batch, change with the cut; the integers do not."""

    def volumes(block_bytes: int) -> tuple[float, int]:
        files = TickFiles([recognise(csv_file)], lambda _: True, 1_000_000, 10**12, 1.0, block_bytes)
        floats, exact = 0.0, 0
        while (chunks := files.read()) is not None:
            for rows in (chunk.rows for chunk in chunks if isinstance(chunk.rows, Ticks)):
                price = to_float_by_symbol(rows.price, rows.symbol, [i.price_decimals for i in rows.instruments])
                size = to_float_by_symbol(rows.size, rows.symbol, [i.size_decimals for i in rows.instruments])
                floats += float(np.sum(price * size))
                fine = [10 ** (8 - i.quote_decimals) for i in rows.instruments]
                exact += int((rows.price * rows.size * np.array(fine)[rows.symbol]).sum())
        return floats, exact

    found = [volumes(block_bytes) for block_bytes in (1_024, 7_001, 1 << 22)]
    assert len({exact for _, exact in found}) == 1
    assert len({floats for floats, _ in found}) > 1


def _closed(path: Path, block_bytes: int = 1 << 22) -> list[tuple[Any, ...]]:
    """Closed bars and complete statistics of a run, as plain rows."""
    settings = _settings(block_bytes)
    out: list[tuple[str, Any]] = []
    flow = build(settings, source_of([path], settings), TestingSink(out))  # type: ignore[arg-type]
    run_main(flow)
    rows: list[tuple[Any, ...]] = []
    for group, frame in out:
        if group == "bars":
            names = [frame.instruments[s].symbol for s in frame.symbol]
            sizes = [frame.instruments[s].size_decimals for s in frame.symbol]
            volume = to_float_by_symbol(frame.volume, np.arange(len(frame), dtype=np.int32), sizes)
            columns = (names, frame.open_time.tolist(), volume.tolist(), frame.trade_count.tolist())
        elif group == "pair_stats":
            columns = (
                [str(frame.pairs[p]) for p in frame.pair], frame.open_time.tolist(),
                [repr(x) for x in frame.zscore], [repr(x) for x in frame.hedge_ratio],
            )  # fmt: skip
        elif group in ("pair_tick_stats", "pair_lead_lag"):
            columns = _texts(table_rows(frame))
        else:
            continue
        kind = f"{group} {getattr(frame, 'interval', '')}"
        done = getattr(frame, "complete", np.ones(len(frame), np.bool_))
        rows += [(kind, *row) for row, final in zip(zip(*columns, strict=True), done, strict=True) if final]
    return rows


def _texts(rows: TableRows) -> tuple[list[Any], ...]:
    """Pair and time first, then all columns to the last bit."""
    pair = rows.columns["pair"]
    assert isinstance(pair, Labels)
    others = [
        c.texts() if isinstance(c, Labels) else [repr(value) for value in c.tolist()] for c in rows.columns.values()
    ]
    return pair.texts(), rows.columns[rows.table.timestamp].tolist(), *others  # type: ignore[union-attr]


def test_what_was_said_stays_when_more_follows(csv_file: Path, tmp_path: Path) -> None:
    all_rows = _closed(csv_file)
    text = csv_file.read_bytes()
    for share in (0.1, 0.5, 0.93):
        cut = tmp_path / "cut.csv"
        cut.write_bytes(text[: text.rindex(b"\n", 0, int(share * len(text))) + 1])
        early = _closed(cut)
        assert len(early) > 100
        assert set(early) <= set(all_rows)


def test_closed_rows_come_once_and_in_time_order(csv_file: Path) -> None:
    times: dict[tuple[str, str], list[int]] = {}
    for kind, name, open_time, *_ in _closed(csv_file, 3_000):
        times.setdefault((kind, name), []).append(open_time)
    assert len(times) == 13
    for of_one in times.values():
        assert of_one == sorted(set(of_one))


def _long_input(path: Path, seconds: int) -> Path:
    """Two symbols, some trades a second for hours, silences among them."""
    rng = np.random.default_rng(5)
    with path.open("w") as file:
        file.write("symbol,trade_id,time,price,size,is_buyer_maker\n")
        for s in range(seconds):
            for coin, price in (("BTCUSDT", 64_000), ("ETHUSDT", 3_400)):
                if rng.random() < 0.7:
                    file.write(f"{coin},{s},{1_721_347_200_000 + s * 1_000},{price + rng.integers(0, 99)}.5,1,true\n")
    return path


@pytest.mark.parametrize("grow", [False, True], ids=["as it is", "negative control"])
def test_state_does_not_grow(grow: bool, tmp_path: Path) -> None:
    """Sizes of all snapshots of source and bars over six hours; a fold that never hears of the time passing grows, and is seen."""
    files = TickFiles(
        [recognise(_long_input(tmp_path / "long.csv", 21_600))], lambda _: True, 1_000_000, 10**12, 0.05, 8_192
    )
    bars = OpenBars(tuple(Interval), 900_000_000, 5_000_000, 500_000)
    sizes: list[int] = []
    while (chunks := files.read()) is not None:
        for chunk in chunks:
            ticks = Chunk(np.zeros_like(chunk.watermark), chunk.rows) if grow else chunk
            bars.fold(ticks)  # type: ignore[arg-type]
        sizes.append(len(pickle.dumps((files.state(), bars.state()))))
    assert len(sizes) > 100
    first, last = max(sizes[: len(sizes) // 4]), max(sizes[len(sizes) // 4 * 3 :])
    assert (last > 1.5 * first) == grow
