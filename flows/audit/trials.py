"""The trials of an audit: what is drawn at random, and what each run must equal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from flows.audit.compare import Compared, FullRun
from flows.audit.prefixes import Prefixes
from flows.audit.runs import Life, Runner, fitted_runner, scratch
from flows.audit.sources import Treatment
from flows.domain.model import Model
from flows.settings import Settings

Kind = Literal["prefix", "cut", "workers", "restart"]
KINDS: tuple[Kind, ...] = ("prefix", "cut", "workers", "restart")
ROUND: tuple[Kind, ...] = ("prefix",) * 4 + ("cut",) * 2 + ("workers", "restart")
"""A prefix can show a look-ahead at its last bars only, so there are several; they cost the least."""
WORKERS = 2

_MOST_BLOCKS, _MOST_BLOCKS_RESTART = 400, 30
_SNAPSHOTS_MS = (0, 20)
"""After each batch, so that a run goes on just where it was killed; and seldom, so that it has to do some work again."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run, or one with restarts, beside the full run. `told`: what was drawn, for a person."""

    kind: Kind
    told: str
    compared: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        models: those that were run; the shorter ones that the audit added have a `~` in their names.
        full: the full run beside itself: its rows and known values.
    """

    seed: int
    models: tuple[Model, ...]
    full: tuple[Compared, ...]
    trials: tuple[Trial, ...]


def audit(
    paths: Sequence[Path],
    settings: Settings,
    seed: int,
    rounds: int,
    window: int | None = None,
    on_trial: Callable[[int, int], None] = lambda done, of: None,
    kinds: Sequence[Kind] = ROUND,
) -> Audit:
    """Run the files as a whole, then `rounds` times the trials of a round, and compare.

    Args:
        window: of the shorter forms of the models; None: sized to the input.
        on_trial: called with the runs done and all of them. kinds: the trials of a round.

    Raises:
        InputError: files that cannot be used. SettingsError: models that cannot.
    """
    of = len(kinds) * rounds + 2
    on_trial(0, of)
    runner = fitted_runner(paths, settings, window)
    on_trial(1, of)
    with scratch() as folder:
        said = runner.run(paths, folder)
        full = FullRun(said.tables, runner.texts)
        on_trial(2, of)
        trials = _Trials(paths, runner, full, Random(seed))
        done = []
        for n, kind in enumerate(tuple(kinds) * rounds):
            done.append(trials.run(kind))
            on_trial(n + 3, of)
        return Audit(seed, runner.settings.models, tuple(full.same(full.tables)), tuple(done))


class _Trials:
    """Draws trials and runs them."""

    def __init__(self, paths: Sequence[Path], runner: Runner, full: FullRun, random: Random) -> None:
        files = runner.settings.files
        self._paths, self._runner, self._full, self._random = paths, runner, full, random
        self._prefixes = Prefixes(paths, int(files.max_forward_jump_s * 1_000_000), files.block_bytes)

    def run(self, kind: Kind) -> Trial:
        made = {"prefix": self._prefix, "cut": self._cut, "workers": self._workers, "restart": self._restart}
        with scratch() as folder:
            told, compared = made[kind](folder)
        return Trial(kind, told, tuple(compared))

    def _prefix(self, folder: Path) -> tuple[str, list[Compared]]:
        prefix = self._prefixes.draw(self._random)
        said = self._runner.run(self._prefixes.write(prefix, folder / "prefix"), folder)
        return prefix.told, self._full.beginning(said.tables, said.source.watermarks)

    def _cut(self, folder: Path) -> tuple[str, list[Compared]]:
        block_bytes, cuts = self._block_bytes(_MOST_BLOCKS), self._random.randrange(1 << 30)
        said = self._runner.run(self._paths, folder, Treatment(cuts=cuts), block_bytes)
        return f"blocks of {block_bytes:,} bytes, cut again at random rows", self._full.same(said.tables)

    def _workers(self, folder: Path) -> tuple[str, list[Compared]]:
        block_bytes = self._block_bytes(_MOST_BLOCKS)
        said = self._runner.run(self._paths, folder, block_bytes=block_bytes, workers=WORKERS)
        return f"{WORKERS} workers, blocks of {block_bytes:,} bytes", self._full.same(said.tables)

    def _restart(self, folder: Path) -> tuple[str, list[Compared]]:
        blocks = self._random.randint(6, _MOST_BLOCKS_RESTART)
        block_bytes = max(1, self._prefixes.size // blocks)
        kills = [self._random.randint(1, max(1, blocks // 3)) for _ in range(2)]
        lives = [Life(kill, self._random.choice(_SNAPSHOTS_MS)) for kill in kills]
        lives.append(Life(None, 0, self._random.randint(1, WORKERS)))
        said = self._runner.lives(self._paths, folder, lives, block_bytes)
        told = f"blocks of {block_bytes:,} bytes, killed after {kills[0]} and {kills[1]} more"
        return f"{told}, ended with {lives[-1].workers} workers", self._full.stretches([each.tables for each in said])

    def _block_bytes(self, most_blocks: int) -> int:
        """Sizes of all magnitudes."""
        return max(1, int(self._prefixes.size / most_blocks ** self._random.random()))
