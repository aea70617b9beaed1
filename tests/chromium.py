"""Finds the Chromium that the browser tests drive. Run as a program it also gets one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def system_chromium() -> str | None:
    """PAIRS_CHROMIUM, else a browser on the PATH; None where there is neither."""
    if given := os.environ.get("PAIRS_CHROMIUM"):
        if not os.access(given, os.X_OK):
            raise SystemExit(f"PAIRS_CHROMIUM: {given} is not a program")
        return given
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def playwright_chromium() -> str | None:
    """The browser that Playwright downloaded for itself, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _install() -> bool:
    """Try the ways to get a browser. Root takes the distribution's; anyone else asks for rights only after Playwright failed."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [[*root, "apt-get", "update", "-qq"], [*root, "apt-get", "install", "-y", "-qq", "chromium"]]
    playwright = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    ways = [("Playwright", playwright)]
    if shutil.which("apt-get") and (not root or shutil.which("sudo")):
        ways.insert(1 if root else 0, ("apt-get", apt))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for name, commands in ways:
        _say(f"getting Chromium by {name} (once)")
        if all(
            subprocess.run(c, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0 for c in commands
        ):
            return True
    return False


def main() -> int:
    """Make sure that there is a browser; 1 and a line on what to do when there is no way to get one."""
    if system_chromium() or playwright_chromium():
        return 0
    if _install() and (found := system_chromium() or playwright_chromium()):
        _say(f"Chromium: {found}")
        return 0
    _say("no Chromium: install one (Debian: apt install chromium) or set PAIRS_CHROMIUM to its path")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
