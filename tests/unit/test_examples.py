"""Every example in a docstring or in `docs/` does what it says."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import flows

ROOT = Path(flows.__file__).parent.parent
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if ">>>" in page.read_text()]
MODULES = [
    found.name
    for found in pkgutil.walk_packages(flows.__path__, "flows.")
    if ">>>" in (ROOT / (found.name.replace(".", "/") + ("/__init__" if found.ispkg else "") + ".py")).read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_modules(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_examples_of_pages(path: Path) -> None:
    result = doctest.testfile(str(path), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0
