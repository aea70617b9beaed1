"""Captures of our own through the files' reader: as the live run, whatever the blocks, the cuts and the restarts."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aggregates import LEAD, SECOND, START, aggregate, answer, everything, ids, large, session, told, verified_feed

from flows.domain.frames import Ticks
from flows.errors import InputError
from flows.sources.binance.capture_lines import encode, encode_message
from flows.sources.binance.feed import FeedChunk
from flows.sources.binance.recorder import Recorder
from flows.sources.binance.records import Event, Lost, Record, Resumed
from flows.sources.captures import CaptureFiles
from flows.sources.files import FileSource

Step = tuple[int, bytes] | Record

NOW = START + 5 * SECOND + LEAD


def steps() -> list[Step]:
    """A run in which everything happens: held rows, answers good and bad, rejects, a restart, ids given up."""
    out: list[Step] = [session(START, goes_on=False), Event(NOW, "connected", "", "wss://…")]
    out += [(NOW + i, aggregate(i).message()) for i in range(1, 40) if i not in (7, 8, 20)]
    out += [(NOW + 41, b"no object"), (NOW + 42, b'{"e":"aggTrade"}'), (NOW + 43, aggregate(41).message(p="x"))]
    out += [(NOW + 44, aggregate(i, symbol="ETHUSDT").message()) for i in (5, 6, 9)]
    out += [answer(map(aggregate, (7, 8, 9)), 7, NOW + 50, limit=3), answer(b"<html>", 20, NOW + 51)]
    out += [(NOW + 60, b'{\n"e":1}'), Resumed(NOW + 70), session(NOW + 80)]  # a restart
    out += [(NOW + 90 + i, aggregate(i).message()) for i in range(38, 60)]
    out += [answer(map(aggregate, range(20, 50)), 20, NOW + 200), Lost(NOW + 201, "ETHUSDT", 8, "given up")]
    return [*out, (NOW + 300, aggregate(9, symbol="ETHUSDT").message())]


def live(run: list[Step]) -> list[FeedChunk]:
    """What came out of the feed when it went in step by step."""
    feed, chunks = verified_feed(), list[FeedChunk]()
    for step in run:
        chunks += feed.on_messages(np.array(step[:1]), [step[1]]) if isinstance(step, tuple) else feed.on_record(step)
    return chunks


def record(folder: Path, run: list[Step], rotate_mb: float = 1.0) -> list[Path]:
    recorder = Recorder(folder, rotate_mb)
    for step in run:
        if isinstance(step, tuple):
            recorder.message(*step)
        else:
            recorder.record(step)
    recorder.close()
    return sorted(folder.iterdir())


def write(path: Path, run: list[Step]) -> Path:
    """The same as plain text."""
    path.write_bytes(b"".join(encode_message(*each) if isinstance(each, tuple) else encode(each) for each in run))
    return path


def next_batch(part: Any) -> list[FeedChunk] | None:
    """Chunks of a partition, or None at its end."""
    try:
        return [chunk for _, chunk in part.next_batch()]
    except StopIteration:
        return None


def reader(paths: list[Path], block: int = 1 << 20, state: Any = None) -> CaptureFiles:
    return CaptureFiles(paths, 1, 1, 0.05, block, state)


def read(files: CaptureFiles) -> Iterator[FeedChunk]:
    while (chunks := files.read()) is not None:
        yield from chunks


def test_a_capture_replays_to_what_the_live_run_gave(tmp_path: Path) -> None:
    files = reader(record(tmp_path, steps()))
    chunks = list(read(files))
    assert everything(chunks) == everything(live(steps()))
    assert ids(chunks) == [*range(1, 41), *range(41, 60)]
    assert (files.tally.rejected, files.tally.notes) == (4, [])


def test_a_changed_answer_is_noticed(tmp_path: Path) -> None:
    """The negative control: the comparison sees one swapped row in one answer."""
    run = steps()
    k = next(i for i, step in enumerate(run) if not isinstance(step, tuple) and type(step).__name__ == "Fill")
    run[k] = answer(map(aggregate, (8, 7, 9)), 7, NOW + 50, limit=3)
    assert everything(read(reader(record(tmp_path, run)))) != everything(live(steps()))


@pytest.mark.parametrize("block", [1, 200, 3_000])
def test_any_block_and_a_restart_after_each_give_the_same(tmp_path: Path, block: int) -> None:
    path = write(tmp_path / "capture.ndjson", steps())
    files, chunks = reader([path], block), list[FeedChunk]()
    while (found := files.read()) is not None:
        chunks += found
        files = reader([path], block, pickle.loads(pickle.dumps(files.state())))
    assert everything(chunks) == everything(live(steps()))


def test_rotated_files_are_one_input_in_order(tmp_path: Path) -> None:
    run: list[Step] = [session(START, goes_on=False), *((NOW, large(i)) for i in range(9_000) if i % 100)]
    run.append(answer(map(aggregate, range(100, 1_000, 100)), 100, NOW + 1, limit=9))
    paths = record(tmp_path, run, 0.01)
    assert len(paths) > 2
    files = reader(paths[::-1])
    assert everything(read(files)) == everything(live(run))
    assert {event[0] for event in told(live(run))} == {"hold_dropped", "lost"}
    assert files.tally.notes == ["803 trades wait for missing ones at the end and are left out"]


def test_a_later_file_alone_begins_anew_and_says_so(tmp_path: Path) -> None:
    run: list[Step] = [session(START, goes_on=False), *((NOW, large(i)) for i in range(9_000))]
    paths = record(tmp_path, run, 0.01)
    files = reader(paths[1:])
    chunks = list(read(files))
    found = ids(chunks)
    assert found == list(range(found[0], 9_000))
    ticks = chunks[0].rows
    assert isinstance(ticks, Ticks)
    assert ticks.gap is not None
    assert ticks.gap.tolist()[:2] == [True, False]
    assert files.tally.notes == [
        f"{paths[1]}: goes on where {paths[0].name} ended, which was not read before it: its first bars lack trades"
    ]


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_of_a_truncated_file_all_that_is_whole_counts(tmp_path: Path, cut: int) -> None:
    run: list[Step] = [session(START, goes_on=False), *((NOW, aggregate(i).message()) for i in range(100))]
    plain = write(tmp_path / "plain.ndjson", run)
    plain.write_bytes(plain.read_bytes()[:-cut])
    files = reader([plain])
    assert ids(read(files)) == list(range(98 if cut == 300 else 99))
    assert files.tally.notes == [f"{plain}: its last line is cut; what is whole counts"]
    (path,) = record(tmp_path / "compressed", run)
    path.write_bytes(path.read_bytes()[:-cut])
    files = reader([path])
    found = ids(read(files))
    assert found == list(range(len(found)))
    assert "compressed data is cut or damaged" in files.tally.notes[0]


def test_a_damaged_line_is_told_with_its_place_and_the_rest_counts(tmp_path: Path) -> None:
    run: list[Step] = [session(START, goes_on=False), *((NOW, aggregate(i).message()) for i in range(4))]
    path = write(tmp_path / "capture.ndjson", run)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"recv_ns":oops}\n'
    path.write_bytes(b"".join([*lines, encode(Event(NOW, "connected"))[:-9] + b"\n"]))
    files = reader([path])
    out = everything(read(files))
    rejects = out[1][1]
    assert [row[:2] for row in rejects] == [("capture.ndjson", 3), ("capture.ndjson", 6)]
    assert files.tally.rejected == 2
    assert files.tally.notes == ["2 trades wait for missing ones at the end and are left out"]


def test_a_session_in_the_middle_forgets_what_waits(tmp_path: Path) -> None:
    run: list[Step] = [
        session(START, goes_on=False),
        (NOW, aggregate(1).message()),
        (NOW, aggregate(3).message()),
        session(NOW + 1),
    ]
    run.append((NOW + 2, aggregate(2).message()))
    assert ids(read(reader([write(tmp_path / "capture.ndjson", run)]))) == [1, 2]


def test_two_runs_in_one_folder_are_two_beginnings(tmp_path: Path) -> None:
    for first in (1, 500):
        record(
            tmp_path,
            [
                session(START + first),
                (NOW + first, aggregate(first).message()),
                (NOW + first, aggregate(first + 1).message()),
            ],
        )
    chunks = list(read(reader(sorted(tmp_path.iterdir()))))
    assert ids(chunks) == [1, 2, 500, 501]
    assert told(chunks) == []
    gaps = [row[-1] for row in everything(chunks)[0][1]]
    assert gaps == [True, False, True, False]


def test_the_source_of_files_knows_our_captures(tmp_path: Path) -> None:
    paths = record(tmp_path / "ours", steps())
    source = FileSource(
        paths, symbols=None, lateness_us=0, archive_lateness_us=0, jump_limit_us=1, reject_share=0.05, block_bytes=500,
        silence_grace_us=1, max_ahead_us=1,
    )  # fmt: skip
    part, chunks = source.build_part("ticks", "files", None), list[FeedChunk]()
    for batch in iter(lambda: next_batch(part), None):
        chunks += batch
    assert everything(chunks) == everything(live(steps()))


def test_ours_and_foreign_captures_are_no_one_input(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours.ndjson", steps())
    foreign = write(tmp_path / "foreign.ndjson", [(NOW, aggregate(1).message())])
    with pytest.raises(
        InputError, match=r"ours.ndjson is a capture with its session and .*foreign.ndjson is one without"
    ):
        reader([ours, foreign])


def test_a_foreign_capture_is_judged_as_before(tmp_path: Path) -> None:
    """Without a session nothing can be asked for, so missing ids are counted and nothing waits."""
    foreign = write(tmp_path / "foreign.ndjson", [(NOW, aggregate(i).message()) for i in (1, 2, 9)])
    files = CaptureFiles([foreign], 3 * SECOND, 60 * SECOND, 0.05, 1 << 20)
    chunks = list(read(files))
    assert ids(chunks) == [1, 2, 9]
    ticks = chunks[0].rows
    assert isinstance(ticks, Ticks)
    assert ticks.gap is None
    assert replace(files.tally, symbols=()).notes == []
