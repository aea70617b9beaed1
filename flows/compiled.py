"""Whether compiled kernels are kept of the code as it is: a mark in the folder where Numba keeps them."""

from pathlib import Path

_SOURCES = Path(__file__).parent


def mark_of(kept: Path, what: str = "compiled") -> Path:
    """The file that is there when it has been compiled: its name changes with the code.

    Args:
        kept: the folder of the compiled code. what: which part of it.
    """
    newest = max(source.stat().st_mtime_ns for source in _SOURCES.rglob("*.py"))
    return kept / f"{what}-{newest}"
