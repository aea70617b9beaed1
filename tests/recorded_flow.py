"""A flow with its state on a small device of its own, which gets full: for a test that runs this under `unshare -rm`.

python recorded_flow.py DEVICE CAPTURE SETTINGS      DEVICE: an empty folder, over which the small device is mounted
                                                     CAPTURE: folder of the capture, on the device or elsewhere
"""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.files import FileSink
from bytewax.dataflow import Dataflow

from flows import engine
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.errors import PairdeskError
from flows.pairs import stop_on
from flows.settings import CaptureSettings, load
from flows.sources.binance.source import BinanceSource
from flows.sources.captures import CaptureFiles

SYMBOLS = ("ETHUSDT", "BTCUSDT")
_DEADLINE_S = 90.0


def flow(capture: Path, out: Path, changed: dict[str, object]) -> Dataflow:
    """Symbol and id of every trade into a file that a resume cuts back to the snapshot."""
    settings = replace(load(None, {}).binance, **changed)  # type: ignore[arg-type]
    made = Dataflow("recorded")
    source = BinanceSource(SYMBOLS, settings, CaptureSettings(str(capture), 1))
    items = op.input("ticks", made, source)
    op.output("ids", op.flat_map_value("lines", items, _lines), FileSink(out))
    return made


def _lines(chunk: Chunk[object]) -> list[str]:
    rows = chunk.rows
    if not isinstance(rows, Ticks):
        return []
    names = [each.symbol for each in rows.instruments]
    return [f"{names[k]} {i}" for k, i in zip(rows.symbol.tolist(), rows.trade_id.tolist(), strict=True)]


def ids(lines: list[str]) -> dict[str, list[int]]:
    """By symbol."""
    found: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
    for line in lines:
        symbol, identity = line.split()
        found[symbol].append(int(identity))
    return found


class _Running:
    """The flow as a program of its own."""

    def __init__(self, device: Path, capture: Path, settings: str, out: Path) -> None:
        self.out = out
        argv = [sys.executable, __file__, "flow", str(device), str(capture), settings]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f"not in time: {what}"
            assert self.process.poll() is None, f"ended before: {what}\n{self.process.communicate()[0]}"
            time.sleep(0.02)

    def rows(self) -> int:
        return len(self.out.read_text().splitlines()) if self.out.exists() else 0

    def ended(self) -> tuple[int, str]:
        said = self.process.communicate(timeout=_DEADLINE_S)[0]
        return self.process.returncode, said


def _snapshots(state: Path) -> int:
    """How many the engine has kept."""
    parts = sorted(state.glob("*.sqlite3"))
    if not parts:
        return 0
    with closing(sqlite3.connect(f"file:{parts[0]}?mode=ro", uri=True)) as kept:
        newest = kept.execute("SELECT max(commit_epoch) FROM commits").fetchone()[0]
    return int(newest or 0)


def _fill(path: Path) -> None:
    """Take all room there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def main(device: Path, capture: Path, settings: str) -> None:
    """Fill the device under a running flow, make room, run it again; prints as JSON what it said and what came of it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(device)], check=True)
    capture.mkdir()
    (device / "state").mkdir()
    out = device.parent / "ids"
    first = _Running(device, capture, settings, out)
    # Without a snapshot a flow begins anew, and what it had before is no part of it.
    first.until(lambda: first.rows() > 300 and _snapshots(device / "state") >= 2, "rows and a snapshot")
    _fill(device / "ballast")
    code, said = first.ended()
    before = first.rows()
    (device / "ballast").unlink()
    second = _Running(device, capture, settings, out)
    second.until(lambda: second.rows() > before + 300, "rows again")
    second.process.terminate()
    again, told = second.ended()
    captured = CaptureFiles(sorted(capture.glob("*.zst")), 1, 1, 1.0, 100_000)
    replayed: list[str] = []
    while (chunks := captured.read()) is not None:
        replayed += [line for chunk in chunks for line in _lines(chunk)]
    found = {"stored": ids(out.read_text().splitlines()), "captured": ids(replayed)}
    sys.stdout.write(json.dumps({"full": [code, said], "again": [again, told], **found}))


if __name__ == "__main__":
    if sys.argv[1] == "flow":
        where, capture, given = Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
        stop_on(signal.SIGTERM)
        try:
            engine.run(flow(capture, where.parent / "ids", given), where / "state", snapshot_s=1)
        except PairdeskError as error:
            sys.exit(f"flow: {error}")
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
