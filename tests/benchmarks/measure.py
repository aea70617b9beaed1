"""Measures works side by side: each in a process of its own, in turns, the fastest of several runs."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.work import ONE_THREAD

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall and processor seconds, and what it made.

    All compared works have one thread, so processor seconds are what they cost whatever else the machine does meanwhile; ratios are
    made of these.
    """

    seconds: float
    cpu_seconds: float
    made: Any


def fastest(names: Sequence[str], path: Path, warm: Path, symbols: int, repeats: int) -> dict[str, Run]:
    """The fastest run of each work on one file. Turns are taken, so that a slow moment of the machine meets all of them."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            answer = child("tests.benchmarks.work", name, str(path), str(warm), str(symbols))
            runs[name].append(Run(**answer))
    return {name: min(several, key=lambda run: run.cpu_seconds) for name, several in runs.items()}


def child(module: str, *arguments: str) -> Any:
    """The JSON that a module prints as its last line."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=clean_environment(**ONE_THREAD),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def clean_environment(**added: str) -> dict[str, str]:
    """The environment without a developer's own settings of pairdesk."""
    mine = ("PAIRS_", "QDB_")
    return {name: value for name, value in os.environ.items() if not name.startswith(mine)} | added
