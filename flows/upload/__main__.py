"""`python -m flows.upload check|store|drop …`: says what it does as JSON, one object a line, on standard output.

    check FILE…                               {"event": "progress", "share": 0.4} …, then {"event": "report", …}
    store NAME Y/X[,Y/X…] FILE…               progress, then {"event": "stored", "notes": […]}
    drop NAME                                 removes the tables that a killed `store` left

What cannot be done is {"event": "error", "text": …} and exit code 1; SIGTERM ends `store`, which then leaves nothing behind.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from flows.errors import InputError, PairdeskError
from flows.pairs import stop_on
from flows.settings import load

_TELL_S = 0.2
_NICE = 5
"""The live flow and the page go first."""


class Teller:
    """Writes events; progress not too often."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._told_s = out, 0.0

    def progress(self, share: float) -> None:
        """So much is done, 0 to 1."""
        if time.monotonic() - self._told_s > _TELL_S:
            self._told_s = time.monotonic()
            self.event("progress", share=round(share, 4))

    def event(self, event: str, **values: Any) -> None:
        """One line."""
        self._out.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
        self._out.flush()


def main(words: Sequence[str]) -> int:
    """Run a command; the exit code."""
    teller = Teller(sys.stdout)
    sys.stdout = sys.stderr  # whatever a library prints is no event
    os.nice(_NICE)
    try:
        _run(words, teller)
    except PairdeskError as error:
        teller.event("error", text=_without_folders(str(error), words))
        return 1
    return 0


def _run(words: Sequence[str], teller: Teller) -> None:
    settings, now_us = load(), time.time_ns() // 1_000
    match list(words):
        case ["check", *files] if files:
            from flows.upload.checking import check

            teller.event("report", **asdict(check([Path(file) for file in files], settings, now_us, teller.progress)))
        case ["store", name, pairs, *files] if files:
            from flows.database import address_of_database
            from flows.upload.storing import store

            stop_on(signal.SIGTERM)
            paths = [Path(file) for file in files]
            address = address_of_database(settings)
            notes = store(paths, settings, address, name, _pairs(pairs), now_us, teller.progress)
            teller.event("stored", notes=notes)
        case ["drop", name]:
            from flows.database import address_of_database
            from flows.upload.dropping import drop

            drop(address_of_database(settings), name)
        case _:
            raise InputError("expected: check FILE…, store NAME PAIRS FILE… or drop NAME")


def _pairs(text: str) -> Any:
    from flows.domain.pair import Pair

    try:
        pairs = tuple(dict.fromkeys(Pair.parse(word.strip().upper()) for word in text.split(",") if word.strip()))
    except ValueError as error:
        raise InputError(f"pairs: {error}") from error
    if not pairs:
        raise InputError('pairs: expected at least one pair as "Y/X"')
    return pairs


def _without_folders(text: str, words: Sequence[str]) -> str:
    """Files by the names that they were given, not by where the server keeps them."""
    for folder in {str(Path(word).parent) for word in words[1:] if "/" in word}:
        text = text.replace(f"{folder}/", "")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
