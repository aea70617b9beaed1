"""The upload of one page: a program beside the server checks the files and stores them, as the page itself may only read."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import flows
from dashboard.transfers import Transfers

log = logging.getLogger(__name__)
_ROOT = Path(flows.__file__).parent.parent
_LAUNCH = _ROOT / "flows" / "process" / "launch.py"
_LINE_LIMIT = 1 << 20
_storing: set[str] = set()
"""Names that uploads of this process are storing."""


class Stage(Enum):
    """How an upload stands."""

    NONE = "none"
    CHECKING = "checking"
    CHECKED = "checked"
    STORING = "storing"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """What is known of it.

    Attributes:
        share: of the stage, 0 to 1. report: as `flows.upload.checking.Report`, once it is there. error: of the last step.
        dataset: its name, once somebody chose it. notes: what storing said.
    """

    stage: Stage = Stage.NONE
    files: tuple[str, ...] = ()
    share: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    dataset: str = ""
    pairs: str = ""
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Every row can be stored."""
        return bool(self.report) and not self.report["problems"]


class Uploader:
    """One page's uploads, one at a time. Everything runs on the event loop but the program itself."""

    def __init__(self, transfers: Transfers, soon: Callable[[], None]) -> None:
        self._transfers, self._soon = transfers, soon
        self.upload = Upload()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = self._ended = False

    def check(self, keys: Sequence[str]) -> None:
        """Check these files of the inbox; those of an upload before are deleted."""
        if self._busy():
            return
        wanted = {key: self._transfers.inbox[key] for key in keys if key in self._transfers.inbox}
        others = {key: offer for key, offer in self._transfers.inbox.items() if key not in wanted}
        self._transfers.drop(others)
        self._transfers.inbox = wanted
        if wanted:
            self._show(Upload(Stage.CHECKING, tuple(offer.name for offer in wanted.values())))
            self._begin(self._checked(self._paths()))

    def store(self, dataset: str, pairs: str) -> None:
        """Store the checked files."""
        if self._busy() or not self.upload.good:
            return
        name = dataset.strip()
        asked = replace(self.upload, dataset=name, pairs=pairs)
        if name in _storing:
            self._show(replace(asked, stage=Stage.CHECKED, error=f'another page is storing "{name}"'))
            return
        self._show(replace(asked, stage=Stage.STORING, error="", share=0.0))
        self._begin(self._stored(name, pairs, self._paths()))

    def cancel(self) -> None:
        """End what is on its way; nothing stays of it."""
        self._cancelled = True
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    def discard(self) -> None:
        """Forget the files."""
        if not self._busy():
            self._transfers.drop(self._transfers.inbox)
            self._show(Upload())

    def end(self) -> None:
        """The page is over."""
        self._ended = True
        self.cancel()

    def _busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _begin(self, work: Any) -> None:
        self._cancelled = False
        self._task = asyncio.get_running_loop().create_task(work)

    def _paths(self) -> list[str]:
        return [str(offer.path) for offer in self._transfers.inbox.values()]

    async def _checked(self, paths: list[str]) -> None:
        said = await self._run("check", *paths)
        if report := said.get("report"):
            self._show(replace(self.upload, stage=Stage.CHECKED, report=report))
        else:
            self._transfers.drop(self._transfers.inbox)
            self._show(replace(self.upload, stage=Stage.FAILED, error=_why(said, self._cancelled)))

    async def _stored(self, name: str, pairs: str, paths: list[str]) -> None:
        _storing.add(name)
        try:
            said = await self._run("store", name, pairs, *paths)
            if "error" not in said and "stored" not in said:  # it was killed: it could not tidy up behind itself
                await self._run("drop", name)
        finally:
            _storing.discard(name)
        if "stored" in said:
            self._transfers.drop(self._transfers.inbox)
            self._show(replace(self.upload, stage=Stage.STORED, notes=tuple(said["stored"]["notes"])))
        else:
            self._show(replace(self.upload, stage=Stage.CHECKED, error=_why(said, self._cancelled)))

    async def _run(self, *words: str) -> dict[str, dict[str, Any]]:
        """The events of the program by name; progress is shown as it comes."""
        said: dict[str, dict[str, Any]] = {}
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),  # ends with this process
            *(sys.executable, "-m", "flows.upload", *words),
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
        )
        if self._cancelled and words[0] != "drop":
            process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        async for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress":
                self._show(replace(self.upload, share=event["share"]))
            else:
                said[event["event"]] = event
        if code := await process.wait():
            log.info("flows.upload %s ended with %s: %s", words[0], code, said.get("error", {}).get("text", ""))
        return said

    def _show(self, upload: Upload) -> None:
        self.upload = upload
        if not self._ended:
            self._soon()


def _why(said: dict[str, dict[str, Any]], cancelled: bool) -> str:
    if cancelled:
        return "cancelled: nothing was stored"
    return (
        str(said["error"]["text"])
        if "error" in said
        else "the program that reads the files was killed: nothing was stored"
    )
