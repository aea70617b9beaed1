"""`pairs`: what is printed, and the exit code."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli import main
from flows.storage.client import address_of, connect, create_tables


def _pairs(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert re.fullmatch(r"pairdesk \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["replay"], ["replay", "a.csv", "--out", "o", "--dataset", "d"]])
def test_a_command_line_that_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert "usage: pairs" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["up", "--source", "simulated"], ["db"], ["replay", "ticks.csv"]])
def test_a_wrong_setting_is_one_line_without_a_traceback(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[storage]\nhttp_prot = 9000\n")

    done = _pairs(*command, "--config", str(config))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f'pairs: {config}: unknown key storage.http_prot; did you mean "storage.http_port"?\n'


def test_a_pair_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "ticks.csv", "--pair", "ETHUSDT"]) == 1
    assert re.match(r"pairs: --pair: .*ETHUSDT", capsys.readouterr().err)


def test_half_an_external_server_is_one_line(tmp_path: Path) -> None:
    done = _pairs(
        "up", "--source", "simulated", QDB_CLIENT_CONF="http::addr=db:9000;", PAIRS_STORAGE__DATA_DIR=str(tmp_path)
    )

    assert done.returncode == 1
    assert done.stderr == (
        "pairs: QDB_CLIENT_CONF names a server: set storage.external_pg to its PGwire address host:port too\n"
    )


@pytest.mark.questdb
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_db_prints_the_console_and_stops_when_asked(
    tmp_path: Path, free_ports: Callable[[int], list[int]], number: signal.Signals
) -> None:
    http_port, pg_port, health_port = free_ports(3)
    environment = {
        **os.environ,
        "PAIRS_STORAGE__DATA_DIR": str(tmp_path),
        "PAIRS_STORAGE__HTTP_PORT": str(http_port),
        "PAIRS_STORAGE__PG_PORT": str(pg_port),
        "PAIRS_STORAGE__HEALTH_PORT": str(health_port),
    }
    command = [sys.executable, "-m", "flows.cli", "db", "--origin", "replay"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "console" in line)
        assert f"http://127.0.0.1:{http_port}/" in line
        address = address_of("127.0.0.1", http_port, pg_port, environment={})
        create_tables(address)
        with connect(address) as connection:
            assert connection.execute("SELECT count() FROM trades").fetchone() == (0,)
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
    assert (tmp_path / "replay" / "questdb").is_dir()
