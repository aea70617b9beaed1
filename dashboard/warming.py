"""Kernels of what-ifs made ready while the page starts: compiled where they are not kept yet, in a process of its own, then loaded."""

import logging
import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import flows
from flows.compiled import mark_of
from flows.stats.warm_up import warm_up

log = logging.getLogger(__name__)
_COMPILE = (sys.executable, "-m", "flows.stats.warm_up")


@cache
def warm_up_once() -> threading.Thread:
    """Begin; once in a process. A compiler in this process would take the time of the pages that it serves."""
    thread = threading.Thread(target=_warm_up, name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm_up() -> None:
    package = Path(flows.__file__).parent
    kept = Path(os.environ.get("NUMBA_CACHE_DIR") or package / "__pycache__")
    if not any(mark_of(kept, what).exists() for what in ("compiled", "methods")):
        paths = os.pathsep.join(filter(None, (str(package.parent), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(_COMPILE, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            log.warning("statistics could not be compiled ahead: %s", done.stderr.strip()[-500:])
            return
        mark = mark_of(kept, "methods")
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    warm_up()
