"""A test that measures has the machine alone, and does not wait for ever for tests that follow one another."""

import fcntl
import subprocess
import sys
from pathlib import Path

from lanes import machine

TESTS = Path(__file__).parent.parent
_SHARES = """
import sys; from pathlib import Path; from lanes import machine
for _ in range(int(sys.argv[2])):
    with machine(Path(sys.argv[1]), alone=False):
        print("in", flush=True); input()
"""


def test_two_share_and_one_alone_waits_for_both_and_keeps_others_out(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _SHARES, str(tmp_path), "2"]
    with (
        subprocess.Popen(argv, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(argv, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as two,
    ):
        assert one.stdout is not None
        assert two.stdout is not None
        assert one.stdin is not None
        assert two.stdin is not None
        assert one.stdout.readline() == two.stdout.readline() == "in\n", "both at the same time"
        alone = subprocess.Popen(
            [sys.executable, "-c", _SHARES.replace("False", "True"), str(tmp_path), "1"],
            cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with alone:
            assert alone.stdout is not None
            while _is_open(tmp_path / "door"):
                continue
            one.stdin.write("\n")
            one.stdin.flush()  # it wants in again, and may not before the one that waits
            two.stdin.write("\n")
            two.stdin.flush()
            assert alone.stdout.readline() == "in\n"
            assert not _is_open(tmp_path / "room")
            assert not _is_open(tmp_path / "door")
            alone.communicate("\n")
        assert one.stdout.readline() == two.stdout.readline() == "in\n"
        one.communicate("\n")
        two.communicate("\n")
    with machine(tmp_path, alone=True):
        assert not _is_open(tmp_path / "room"), "nothing is left over"


def _is_open(lock: Path) -> bool:
    """Whether one more may share it now."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
