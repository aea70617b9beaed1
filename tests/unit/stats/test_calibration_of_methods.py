"""The calibration of methods and of ticks keeps to its claims with few runs, and `make calibrate` says so or that it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.calibration.methods import calibrate_methods
from tests.calibration.rate import Figure, Rate
from tests.calibration.ticks import calibrate_ticks

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("calibrate", [calibrate_methods, calibrate_ticks])
def test_every_claim_is_met_and_the_seed_decides(calibrate) -> None:
    found = calibrate(200, 17)
    assert [one for one in found if not one.met] == []
    assert sum("CONTROL" in one.what for one in found) == 1
    assert sum(one.high - one.low < 1 for one in found) >= 6
    assert calibrate(10, 3) == calibrate(10, 3) != calibrate(10, 4)


def test_a_figure_outside_its_limits_is_not_met() -> None:
    assert Figure("", 0.8, 1, 0.75, 1.0).met
    assert not Figure("", 0.7, 1, 0.75, 1.0).met
    assert not Figure("", 1.2, 1, 0.9, 1.1).met
    assert not Rate("", 0.6, 400, 0.92, 0.97).met


def test_the_command_prints_what_was_claimed_and_what_was_found() -> None:
    command = [sys.executable, "-m", "tests.calibration", "--runs", "200", "--seed", "2", "correlation"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "every claim was met" in done.stdout
    assert "correlation 0.9, 30 normal returns: interval holds it" in done.stdout
