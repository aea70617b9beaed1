"""A device that gets full for real: a small one of its own, in a user and mount name space that needs no privilege."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from live_feed import QUICK
from simulated import RunningExchange

ROOT = Path(__file__).parent.parent.parent


def _why_not() -> str:
    """Why no device can be mounted here; '' where it can."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "there is no unshare or no mount"
    tried = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, timeout=30
    )
    return tried.stderr.strip()


@pytest.mark.parametrize("capture", ["device/capture", "capture"], ids=["capture and state", "state"])
def test_a_flow_whose_device_is_full_says_so_and_goes_on_when_there_is_room(tmp_path: Path, capture: str) -> None:
    if reason := _why_not():
        pytest.skip(f"a device of its own cannot be mounted: {reason}")
    device = tmp_path / "device"
    device.mkdir()
    with RunningExchange() as exchange:
        settings = {"stream_url": exchange.stream_url, "rest_url": exchange.rest_url, **QUICK}
        done = subprocess.run(
            ["unshare", "-rm", sys.executable, "tests/recorded_flow.py", str(device), str(tmp_path / capture),
             json.dumps(settings)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    code, said = found["full"]
    assert code == 1
    assert "cannot be written: No space left on device; make room" in said.splitlines()[-1], said
    assert found["again"][0] == 0, found["again"]
    for symbol, ids in found["stored"].items():
        assert len(ids) > 50
        assert ids == list(range(ids[0], ids[0] + len(ids))), f"{symbol}: none lost, none doubled"
        assert found["captured"][symbol] == ids, "the capture has the same"
