"""Ports of the tests themselves: no two processes get the same."""

import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

from ports import take_free_ports, unlocked_ports

TESTS = Path(__file__).parent.parent
_OTHER = """
import sys; from itertools import islice; from pathlib import Path; from ports import unlocked_ports
print(*islice(unlocked_ports(Path(sys.argv[1])), 150), flush=True); input()
"""


def test_two_processes_get_different_ports_until_one_ends(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _OTHER, str(tmp_path)]
    with subprocess.Popen(argv, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = {*map(int, other.stdout.readline().split())}
        ours = {*islice(unlocked_ports(tmp_path), 150)}
        assert len(theirs | ours) == 300
        other.communicate("\n")
    assert theirs & {*islice(unlocked_ports(tmp_path), 150)}, "the locks end with their process"


def test_each_is_given_once_and_not_one_that_an_outgoing_connection_may_get() -> None:
    taken = take_free_ports(3) + take_free_ports(3)
    assert len({*taken}) == 6
    assert max(taken) < 32_768


def test_a_port_that_is_listened_on_is_passed_over(tmp_path: Path) -> None:
    (busy,) = take_free_ports(1)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", busy))
        listening.listen()
        assert busy not in {*unlocked_ports(tmp_path)}
    assert busy in {*unlocked_ports(tmp_path / "free")}
