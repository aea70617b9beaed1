"""`pairs simulate` as a process: options, what it says, how it stops and how it goes on."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from simulated import RunningExchange, fetch


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running exchange, and its first line."""
    command = [sys.executable, "-m", "flows.cli", "simulate", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait(10)


def ended(*options: str) -> subprocess.CompletedProcess[str]:
    """One that cannot start."""
    command = [sys.executable, "-m", "flows.cli", "simulate", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_it_serves_and_stops() -> None:
    with started("--seed", "3", "--pairs", "SOLUSDT/ETHUSDT", "--trades-per-s", "200", "--symbols", "4") as (
        process,
        line,
    ):
        found = re.search(r"ws://127\.0\.0\.1:(\d+) \(seed 3\): ETHUSDT, SOLUSDT, SYM001USDT, SYM002USDT\n", line)
        assert found
        assert fetch(f"http://127.0.0.1:{found[1]}/fapi/v1/ping") == (200, {})
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert process.wait(10) == 0
        assert time.monotonic() - asked < 10


def test_killed_and_started_again_it_goes_on_with_the_same_trades(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state.json"), "--speed", "5", "--trades-per-s", "100")

    def trades(line: str) -> list[dict[str, object]]:
        found = re.search(r":(\d+) ", line)
        assert found
        rows: list[dict[str, object]] = fetch(f"http://127.0.0.1:{found[1]}/control/trades?symbol=ETHUSDT")[1]
        return rows

    with started(*options) as (process, line):
        deadline = time.monotonic() + 20
        while len(before := trades(line)) < 100 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait(10)
    with started(*options) as (_, line):
        after = trades(line)
    assert len(before) >= 100
    assert after[: len(before)] == before
    assert len(after) > len(before), "it went on while it was away"


def test_a_capture_and_a_script(shared_data: Path, tmp_path: Path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"at_s":0,"fault":"stall"}\n')
    capture = shared_data / "captures" / "aggtrade_messages_20210722.ndjson"
    with started("--capture", str(capture), "--faults", str(script)) as (_, line):
        found = re.search(r":(\d+) \(capture aggtrade_messages_20210722\.ndjson\): AKROUSDT, ", line)
        assert found
        assert [each["fault"] for each in fetch(f"http://127.0.0.1:{found[1]}/control/faults")[1]] == ["stall"]


def test_a_script_that_begins_at_once(tmp_path: Path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"at_s":0,"fault":"lose","for_s":0.5}\n')
    with started("--faults", str(script), "--first-id", "1", "--trades-per-s", "200") as (_, line):
        found = re.search(r":(\d+) ", line)
        assert found
        deadline = time.monotonic() + 10
        url = f"http://127.0.0.1:{found[1]}/control/trades?symbol=ETHUSDT"
        while not (rows := fetch(url)[1]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert rows[0]["a"] > 10, "the first half second is lost"


def test_help_tells_of_every_fault_and_how_to_add_one() -> None:
    text = ended("--help").stdout
    for word in (
        "half_open",
        "malformed",
        "--speed",
        "--symbols",
        "--state",
        "--faults",
        "--capture",
        "--life-s",
        "--history-s",
    ):
        assert word in text
    assert "curl 'http://127.0.0.1:PORT/control/add?fault=stall&stream=ethusdt@aggTrade&for_s=10'" in text


def test_a_busy_port_is_said_in_one_line() -> None:
    with RunningExchange() as exchange:
        done = ended("--port", str(exchange.port))
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert done.stderr.count("\n") == 1


def test_bad_options_are_said_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"at_s":1,"fault":"stal"}\n')
    for options, words in (
        (("--pairs", "BTCUSDT"), 'expected a pair as "Y/X", found "BTCUSDT"\n'),
        (("--faults", str(script)), f'{script} line 1: unknown fault "stal" (did you mean "stall"?)'),
        (("--capture", str(tmp_path / "none")), f"{tmp_path / 'none'}: cannot be read"),
    ):
        done = ended(*options)
        assert done.returncode == 2
        assert done.stderr.startswith(words)
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--symbols", "201"), "argument --symbols: expected 0 to 200, found 201"),
        (("--speed", "0"), "argument --speed: expected a number above 0, found 0"),
        (("--trades-per-s", "-1"), "argument --trades-per-s: expected a number above 0, found -1"),
        (("--capture", "a", "--state", "b"), "leave out --state or --capture"),
    ],
)
def test_options_that_make_no_sense(options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    from flows.simulator.__main__ import main

    with pytest.raises(SystemExit) as raised:
        main(options)
    assert raised.value.code == 2
    assert words in capsys.readouterr().err
