"""The plan of the house: what may import what, and what an import loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_spatial_embeddings

PACKAGE = napari_spatial_embeddings.__name__
SOURCE = Path(napari_spatial_embeddings.__file__).parent

GUI = {"napari", "qtpy", "superqt", "magicgui", "PySide6", "PyQt6"}
"""What only `widgets` may import."""

HEAVY = {"torch", "numba", *GUI}
"""What neither the package's import nor the command line's help may load."""

NONE: frozenset[str] = frozenset()
MAY_IMPORT = {
    "errors": NONE,
    "_atomic": NONE,
    "_cells": NONE,
    "_greedy": {"_cells"},
    "config": NONE,
    "metrics": NONE,
    "maps": {"config"},
    "network": {"config"},
    "_near": NONE,
    "losses": {"config", "maps", "_near"},
    "_proposals": {"_cells", "_greedy"},
    "clustering": {"config", "maps", "_greedy", "_proposals"},
    "_row": {"maps", "clustering"},
    "corrections": {"config", "maps", "clustering", "_row"},
    "_reasons": {"config", "maps", "clustering"},
    "window": {"config", "maps", "clustering", "corrections"},
    "explain": {"config", "maps", "clustering", "corrections", "_reasons"},
}
"""The pure middle: what of the package each of its modules may import, errors aside."""

TOPS = {
    "cli": {"cli", "widgets"},
    "session": {"session"},
    "widgets": {"cli", "session", "widgets"},
}
"""Where the arrows end, and which of these ends each of them may import. Nothing else may."""


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield everything below a node, but for what is imported for its types only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from statements(child)


def imports(path: Path) -> set[str]:
    """Return the absolute names of what a file imports, at its top or inside a function."""
    names: set[str] = set()
    package = [PACKAGE, *path.parent.relative_to(SOURCE).parts]
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            # "from . import maps" names a module, "from .maps import split" does not.
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return names


def module(name: str) -> str | None:
    """Return the package's module that an imported name belongs to, such as "export.labels"."""
    parts = name.split(".")
    for n in range(len(parts), 1, -1):
        path = SOURCE.joinpath(*parts[1:n])
        if parts[0] == PACKAGE and (path.with_suffix(".py").is_file() or path.is_dir()):
            return ".".join(parts[1:n])
    return None


def house() -> dict[str, set[str]]:
    """Return the modules of the package, each with the names that it imports."""
    paths = [p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py"]
    names = (p.relative_to(SOURCE).with_suffix("").parts for p in paths)
    return {
        ".".join(part for part in name if part != "__init__"): imports(path)
        for name, path in zip(names, paths, strict=True)
    }


def arrows() -> dict[str, set[str]]:
    """Return the modules of the package, each with those that it imports."""
    return {
        name: {target for target in map(module, found) if target} - {name}
        for name, found in house().items()
    }


def folder(name: str) -> str:
    """Return the top-level module or folder that a module is in."""
    return name.partition(".")[0]


def test_reads_its_own_source() -> None:
    """The tests below would pass on an empty house."""
    found = arrows()
    assert found["maps"] == set(), "maps imports config for its types only"
    assert found["clustering"] == MAY_IMPORT["clustering"] | {"errors"}
    assert "torch" in {folder(name) for name in house()["losses"]}
    assert MAY_IMPORT.keys() <= found.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_the_middle_is_pure(name: str) -> None:
    assert arrows()[name] <= MAY_IMPORT[name] | {"errors"}


def test_arrows_point_one_way() -> None:
    TopologicalSorter(arrows()).prepare()  # raises CycleError, which names the modules


def test_nothing_stands_on_the_tops() -> None:
    for name, targets in arrows().items():
        assert {folder(t) for t in targets} & TOPS.keys() <= TOPS.get(folder(name), NONE), name


def test_only_widgets_know_of_qt() -> None:
    for name, found in house().items():
        if folder(name) != "widgets":
            assert not {folder(f) for f in found} & GUI, name


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (f"import {PACKAGE}", ""),
        (f"run_module('{PACKAGE}.cli', run_name='__main__')", "usage: "),
    ],
    ids=["import", "help"],
)
def test_loads_neither_torch_nor_qt(job: str, says: str) -> None:
    script = (
        "import atexit, json, sys; from runpy import run_module; sys.argv = ['x', '--help'];"
        f"atexit.register(lambda: print(json.dumps([*sys.modules]))); {job}"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    *said, loaded = done.stdout.splitlines()
    assert "\n".join(said).startswith(says)
    assert not {folder(name) for name in json.loads(loaded)} & HEAVY
