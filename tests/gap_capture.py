"""A capture of our own in which trades are lost for good."""

from pathlib import Path

from aggregates import LEAD, SECOND, START, aggregate, answer, session

from flows.sources.binance.recorder import Recorder
from flows.sources.binance.records import Lost


def capture_with_a_gap(folder: Path, seconds: int) -> Path:
    """Both legs trade once a second; nobody can give BTCUSDT's trades of seconds 70 to 89."""
    recorder = Recorder(folder, 1)
    recorder.record(session(START))
    for k in range(seconds):
        for symbol, offset in (("ETHUSDT", 300_000), ("BTCUSDT", 600_000)):
            at = START + k * SECOND + offset
            row = aggregate(k + 1, at, symbol)
            if symbol == "ETHUSDT" or not 70 <= k < 90:
                recorder.message(at + LEAD + 20_000, row.message())
            if k == 0:
                recorder.record(answer([row], -1, at + LEAD + 50_000, symbol, limit=1))
        if k == 95:
            recorder.record(Lost(START + 96 * SECOND + LEAD, "BTCUSDT", 90, "not served any more"))
    recorder.close()
    return next(folder.iterdir())
