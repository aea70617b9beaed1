"""Compiled code is kept by the date of the file it stands in, so what it is made of must stand there too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flows

SCANNERS = ("flows.sources.scan.", "flows.sources.symbols.")
"""Small scanners that the parsers share. Whoever changes one has to clear the cache, or touch the parsers."""

ROOT = Path(flows.__file__).parent


def _modules() -> dict[str, ast.Module]:
    paths = sorted(ROOT.rglob("*.py"))
    names = [".".join(("flows", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    return {name: ast.parse(path.read_text()) for name, path in zip(names, paths, strict=True)}


def _kernels(module: ast.Module) -> list[ast.FunctionDef]:
    return [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(d) for d in node.decorator_list)
    ]


def _imported(module: ast.Module) -> dict[str, str]:
    """What each imported name stands for, with its module."""
    out = {}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            out |= {(name.asname or name.name): f"{node.module}.{name.name}" for name in node.names}
    return out


def _values_elsewhere(modules: dict[str, ast.Module], package: str) -> Iterator[str]:
    """Names of other files of the package whose values are compiled into a kernel."""
    for name, module in modules.items():
        imported = _imported(module) if name.startswith(package) else {}
        for kernel in _kernels(module):
            names = {node.id for line in kernel.body for node in ast.walk(line) if isinstance(node, ast.Name)}
            yield from (
                f"{name}.{kernel.name} uses {imported[n]}" for n in names if imported.get(n, "").startswith("flows")
            )


def _calls_elsewhere(modules: dict[str, ast.Module]) -> Iterator[str]:
    """Calls of a kernel to a kernel of another file, which numba would not notice to have changed."""
    compiled = {f"{name}.{kernel.name}" for name, module in modules.items() for kernel in _kernels(module)}
    for name, module in modules.items():
        imported = _imported(module)
        for kernel in _kernels(module):
            for call in (node for node in ast.walk(kernel) if isinstance(node, ast.Call)):
                of, _, attribute = ast.unparse(call.func).partition(".")
                target = imported.get(of, "") + (f".{attribute}" if attribute else "")
                if target in compiled:
                    yield f"{name}.{kernel.name} calls {target}"


def test_no_kernel_calls_one_of_another_file() -> None:
    modules = _modules()
    assert sum(len(_kernels(module)) for module in modules.values()) > 30
    found = [call for call in _calls_elsewhere(modules) if not call.partition(" calls ")[2].startswith(SCANNERS)]
    assert found == []


@pytest.mark.parametrize("package", ["flows.bars", "flows.join", "flows.stats"])
def test_the_values_in_a_kernel_stand_in_its_file(package: str) -> None:
    assert list(_values_elsewhere(_modules(), package)) == []


def test_such_a_value_would_be_seen() -> None:
    b = ast.parse("from flows.a import K\n@njit(cache=True)\ndef two(): return K")
    assert list(_values_elsewhere({"flows.bars.b": b}, "flows.bars")) == ["flows.bars.b.two uses flows.a.K"]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from flows.a import one", "one"),
        ("from flows.a import one as other", "other"),
        ("from flows import a", "a.one"),
    ],
)
def test_such_a_call_would_be_seen(imports: str, call: str) -> None:
    a = ast.parse("@njit(cache=True)\ndef one(): ...")
    b = ast.parse(f"{imports}\n@njit(cache=True)\ndef two():\n    {call}()\ndef plain():\n    {call}()")
    assert list(_calls_elsewhere({"flows.a": a, "flows.b": b})) == ["flows.b.two calls flows.a.one"]
