"""The line beside which ours stand: the same charts on the same rows in Streamlit, as people use it today."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil

from tests.benchmarks.desk.stack import VIEWPORT, Desk, cpu_s, desk_stack
from tests.benchmarks.table import Line
from tests.ports import take_free_ports

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "anchor-requirements.txt"
_SECONDS = 20.0
_SEEN = """() => {
  window.seenAt = {}; window.changes = 0;
  const look = () => {
    const found = document.getElementById("newest");
    if (found) window.seenAt[found.textContent] ??= Date.now();
    requestAnimationFrame(look);
  };
  look();
}"""


def _python() -> Path:
    """An environment of its own, made at the first run: Streamlit's packages must not decide which ours are."""
    home = Path(".cache/anchor").absolute()
    python, stamp = home / "bin" / "python", home / "installed"
    if not stamp.is_file() or stamp.read_text() != _REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--require-hashes", "--only-binary", ":all:", "-r", str(_REQUIREMENTS)], check=True)
        stamp.write_text(_REQUIREMENTS.read_text())
    return python


def _measured(stack: Desk, port: int, server: psutil.Process) -> Line:
    page = stack.browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
    page.goto(f"http://127.0.0.1:{port}")
    page.wait_for_selector("#newest", state="attached", timeout=60_000)
    page.evaluate(_SEEN)
    stack.pulse(3.0, page.wait_for_timeout)
    stack.written.clear()
    before = cpu_s(server)
    runs_before = int(_runs(stack))
    count = stack.pulse(_SECONDS, page.wait_for_timeout)
    cpu, runs = cpu_s(server) - before, _runs(stack) - runs_before
    page.wait_for_timeout(3_000)
    seen = {int(at): float(when) for at, when in page.evaluate("window.seenAt").items() if at.isdigit()}
    late = [seen[at] - sent for at, sent in stack.written.items() if at in seen]
    drawn = f"row written → in the page p95 {np.percentile(late, 95):.0f} ms" if late else "no row was seen in time"
    seconds = 0.5 * count
    return Line(
        "the same charts in Streamlit, st.rerun",
        f"{1000 * cpu / max(1, runs):.0f} ms CPU",
        "printed",
        None,
        f"{runs / seconds:.2f} refreshes a second of 2.0 wanted, {cpu / seconds:.2f} cores for one page; "
        f"{len(late)} of {len(stack.written)} closed bars were shown; {drawn}",
    )


def _runs(stack: Desk) -> int:
    """How often the script has run to its end."""
    return len((stack.home / "runs").read_bytes()) if (stack.home / "runs").is_file() else 0


def anchor(ticks: int, repeats: int) -> list[Line]:
    """One run of half a minute; its arguments are those of all works and have no meaning here."""
    python = _python()
    (port,) = take_free_ports(1)
    with desk_stack(700) as stack:
        options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true",
                   "browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}  # fmt: skip
        argv = [str(python), "-m", "streamlit", "run", str(_HERE / "anchor_app.py")]
        argv += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        environment = {**os.environ, **stack.environment, "DESK_RUNS": str(stack.home / "runs")}
        with (stack.home / "streamlit.log").open("wb") as log:
            process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
            try:
                _await(port, process, stack.home / "streamlit.log")
                return [_measured(stack, port, psutil.Process(process.pid))]
            finally:
                process.terminate()
                process.wait(20)


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Streamlit does not answer: {log.read_text()[-500:]}") from None
            time.sleep(0.1)
