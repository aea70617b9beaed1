"""The recorder: whole after a crash, cut back at a resume, in files of a size, and plain about a full disk."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from aggregates import START, aggregate, large, session

from flows.errors import StorageError
from flows.sources.binance.capture_lines import decode
from flows.sources.binance.recorder import CapturePosition, Recorder
from flows.sources.binance.records import Continued, Message, Resumed, Session
from flows.sources.streams import ByteStream


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("capture-*.ndjson.zst"))


def lines(path: Path) -> list[object]:
    stream = ByteStream(path)
    text = stream.read(1 << 30)
    stream.close()
    return [decode(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]


def messages(folder: Path) -> list[bytes]:
    return [line.message for path in files(folder) for line in lines(path) if isinstance(line, Message)]


def text(number: int) -> bytes:
    return aggregate(number).message()


def test_everything_comes_back_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new" / "folder", 1)
    recorder.record(session())
    recorder.messages([START + 1, START + 2], [b"{}", b"no object"])
    recorder.record(Resumed(START + 3))
    recorder.close()
    (path,) = files(tmp_path / "new" / "folder")
    assert path.name == "capture-20240718T235700.000000Z.ndjson.zst"
    wanted = [session(goes_on=False), Message(START + 1, b"{}"), Message(START + 2, b"no object"), Resumed(START + 3)]
    assert lines(path) == wanted


def test_what_a_position_tells_is_on_the_disk_and_readable_though_nobody_closed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1)
    assert recorder.position() == CapturePosition("", 0)
    recorder.record(session())
    recorder.message(START, text(1))
    position = recorder.position()
    recorder.message(START, text(2))
    (path,) = files(tmp_path)
    assert position == CapturePosition(path.name, path.stat().st_size)
    assert messages(tmp_path) == [text(1)]
    recorder.close()


def test_a_file_cut_anywhere_is_readable_up_to_its_last_whole_frame(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1)
    ends, data = [0], b""
    for number in range(4):
        recorder.message(START, text(number))
        ends.append(recorder.position().size)
    recorder.close()
    (path,) = files(tmp_path)
    data = path.read_bytes()
    for size in range(4, len(data) + 1):
        path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends) - 1
        assert messages(tmp_path)[:whole] == [text(number) for number in range(whole)]


def test_a_large_capture_is_rotated_and_each_file_tells_what_it_follows(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0.01)
    recorder.record(session())
    wanted = [large(number) for number in range(9_000)]
    for number, message in enumerate(wanted):
        recorder.message(START + 1_000 * number, message)
    recorder.close()
    paths = files(tmp_path)
    assert len(paths) > 2
    assert messages(tmp_path) == wanted
    for before, path in pairwise(paths):
        head = lines(path)[0]
        assert isinstance(head, Continued)
        assert (head.session, head.after) == (session(goes_on=False), before.name)


def test_a_resume_cuts_back_to_the_snapshot_and_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0.01)
    recorder.record(session())
    recorder.message(START, text(1))
    position = recorder.position()
    for number in range(9_000):  # the rest of this file, and others
        recorder.message(START + number, large(number))
    recorder.position()  # a crash: nobody closes
    paths = files(tmp_path)
    assert len(paths) > 2
    again = Recorder(tmp_path, 0.01, position)
    again.record(session(START + 5))
    again.message(START + 6, text(2))
    again.close()
    assert files(tmp_path) == paths[:1]
    assert lines(paths[0]) == [
        session(goes_on=False), Message(START, text(1)), session(START + 5, goes_on=True), Message(START + 6, text(2)),
    ]  # fmt: skip
    assert sorted(tmp_path.glob("*.orphan")) == [path.with_name(f"{path.name}.orphan") for path in paths[1:]]


@pytest.mark.parametrize("gone", [True, False])
def test_where_the_snapshot_cannot_be_found_a_new_capture_begins(tmp_path: Path, gone: bool) -> None:
    recorder = Recorder(tmp_path, 1)
    recorder.record(session())
    position = recorder.position()
    recorder.close()
    (path,) = files(tmp_path)
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    again = Recorder(tmp_path, 1, position)
    again.record(session(START + 5))
    again.close()
    assert lines(files(tmp_path)[-1]) == [session(START + 5, goes_on=False)]


def test_names_rise_though_the_clock_was_set_back(tmp_path: Path) -> None:
    for first in (START + 10**9, START, START):
        recorder = Recorder(tmp_path, 1)
        recorder.record(session(first))
        recorder.close()
    begun = [line.received_us for path in files(tmp_path) for line in lines(path) if isinstance(line, Session)]
    assert begun == [START + 10**9, START, START]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StorageError, match=r"file/captures: cannot be written: Not a directory; make room or name another folder"
    ):
        Recorder(tmp_path / "file" / "captures", 1)


_FULL = """
import resource, sys
from pathlib import Path
from aggregates import START, large, session
from flows.errors import StorageError
from flows.sources.binance.recorder import Recorder

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
recorder = Recorder(Path(sys.argv[1]), 64)
recorder.record(session())
recorder.message(START, b"{}")
print(recorder.position().size)
try:
    for number in range(100_000):
        recorder.message(START, large(number))
except StorageError as error:
    print(error)
recorder.message(START, b"{}")
try:
    recorder.position()
except StorageError as error:
    print(error)
recorder.close()
"""


def test_a_full_disk_is_told_and_leaves_the_file_readable(tmp_path: Path) -> None:
    """A file larger than the system allows fails as on a full disk: in the middle of a write."""
    root = Path(__file__).parents[4]
    ran = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "captures")],
        capture_output=True, text=True, timeout=120, cwd=root, env={"PYTHONPATH": f"{root}:{root / 'tests'}", "PATH": ""},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    size, error, after = ran.stdout.splitlines()
    (path,) = files(tmp_path / "captures")
    assert error.startswith(f"{path}: cannot be written: File too large; make room")
    assert "the capture could not be written before" in after
    assert path.stat().st_size == int(size), "the piece that was not written whole is taken back"
    assert lines(path)[1:] == [Message(START, b"{}")]
    assert zstandard.get_frame_parameters(path.read_bytes()).has_checksum
