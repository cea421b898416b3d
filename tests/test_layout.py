"""The plan of the house: allowed imports, sizes of folders and files, and what an import loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_spatial_embeddings

PACKAGE = napari_spatial_embeddings.__name__
SOURCE = Path(napari_spatial_embeddings.__file__).parent

GUI = {"napari", "qtpy", "superqt", "magicgui", "PySide6", "PyQt6"}
"""What only `plugin` may import."""

HEAVY = {"torch", "numba", *GUI}
"""What neither the package's import nor the command line's help may load."""

NONE: frozenset[str] = frozenset()

ENGINE = frozenset(
    {
        "system",
        "core",
        "inference",
        "training",
        "editing",
        "tracking",
        "files",
        "export",
        "project",
        "large",
        "prediction",
    }
)

MAY_IMPORT: dict[str, frozenset[str] | set[str]] = {
    "config": NONE,
    "errors": NONE,
    "samples": NONE,
    "system": {"errors"},
    "core": {"config", "errors"},
    "inference": {"config", "errors", "samples", "core", "system"},
    "training": {"config", "errors", "core", "system", "inference"},
    "editing": {"config", "errors", "core"},
    "tracking": {"config", "errors", "core"},
    "files": {"errors", "core"},
    "export": {"config", "errors", "core", "system", "tracking", "files"},
    "project": {"config", "errors", "core", "system", "inference", "training", "files", "export"},
    "large": {"config", "errors", "core", "system", "inference", "files", "export"},
    "prediction": {
        "config",
        "errors",
        "core",
        "system",
        "inference",
        "files",
        "export",
        "project",
        "large",
    },
    "cli": {"config", "errors", "samples", *ENGINE},
    "plugin": {"config", "errors", "samples", *ENGINE},
}
"""What of the package each folder, or module of the root, may import; imports for types count."""

PLUGIN: dict[str, frozenset[str] | set[str]] = {
    "state": NONE,
    "tasks": {"state"},
    "qt": NONE,
    "layers": {"state", "tasks", "qt"},
    "controllers": {"state", "tasks", "qt", "layers"},
    "sections": {"state", "tasks", "qt", "layers", "controllers"},
    "dock": {"state", "qt", "layers", "controllers", "sections"},
    "contributions": {"state", "tasks", "qt", "layers"},
}
"""What of the plugin each of its folders may import."""

WITHOUT = {
    "state": GUI,
    "tasks": GUI,
    "qt": {"napari", "magicgui"},
    "sections": {"napari", "magicgui"},
    "layers": {"qtpy.QtWidgets"},
    "controllers": {"qtpy.QtWidgets"},
}
"""What the plugin's folders do not import."""

FILES, LINES = 25, 350
"""A folder has at most so many files, a file at most so many lines."""


def imports(path: Path) -> set[str]:
    """Return the absolute names of what a file imports: at its top, in a function, or lazily."""
    names: set[str] = set()
    package = [PACKAGE, *path.parent.relative_to(SOURCE).parts]
    lazily = path.with_suffix(".pyi")  # what `lazy_loader` reads
    sources = [p.read_text(encoding="utf-8") for p in (path, lazily) if p.is_file()]
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
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


@cache
def house() -> dict[str, set[str]]:
    """Return the modules of the package, each with the names that it imports."""
    paths = [p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py"]
    names = (p.relative_to(SOURCE).with_suffix("").parts for p in paths)
    return {
        ".".join(part for part in name if part != "__init__"): imports(path)
        for name, path in zip(names, paths, strict=True)
    }


@cache
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
    assert found["core.maps"] == {"config", "errors"}, "imports for types count"
    assert {"core.instances", "core.maps", "core.proposals"} <= found["core.clustering"]
    assert "torch" in {folder(name) for name in house()["core.loss"]}
    assert {folder(name) for name in found} == MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_folders_import_what_they_may(name: str) -> None:
    for module_name, targets in arrows().items():
        if folder(module_name) == name:
            assert {folder(t) for t in targets} - {name} <= MAY_IMPORT[name], module_name


def plugin_folder(name: str) -> str | None:
    """Return the folder of the plugin, or its module, that a module is in."""
    parts = name.split(".")
    return parts[1] if parts[0] == "plugin" and len(parts) > 1 else None


def test_folders_of_the_plugin_import_what_they_may() -> None:
    found = {part for name in arrows() if (part := plugin_folder(name))}
    assert found == PLUGIN.keys()
    for name, targets in arrows().items():
        if own := plugin_folder(name):
            used = {part for part in map(plugin_folder, targets) if part}
            assert used - {own} <= PLUGIN[own], name
            if own == "qt":
                assert {folder(t) for t in targets} <= {"plugin", "errors", "config"}, name


@pytest.mark.parametrize("own", WITHOUT)
def test_folders_of_the_plugin_do_without(own: str) -> None:
    for name, found in house().items():
        if plugin_folder(name) == own:
            used = {w for w in WITHOUT[own] for f in found if f == w or f.startswith(f"{w}.")}
            assert not used, name


def test_no_module_and_no_folder_is_in_a_circle() -> None:
    TopologicalSorter(arrows()).prepare()  # raises CycleError, which names the modules
    between: dict[str, set[str]] = {}
    for name, targets in arrows().items():
        between.setdefault(folder(name), set()).update(map(folder, targets))
    TopologicalSorter({k: v - {k} for k, v in between.items()}).prepare()


def test_folders_and_files_stay_small() -> None:
    files: dict[Path, int] = {}
    for path in SOURCE.rglob("*.py"):
        files[path.parent] = files.get(path.parent, 0) + 1
        assert len(path.read_text("utf-8").splitlines()) <= LINES, path.relative_to(SOURCE)
    assert max(files.values()) <= FILES, files
    for path in Path(__file__).parent.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= LINES, path


def test_only_the_plugin_knows_of_qt() -> None:
    for name, found in house().items():
        if folder(name) != "plugin":
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
