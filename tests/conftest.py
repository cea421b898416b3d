"""Profiles of hypothesis, and the garbage collector's turn, for all tests."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from napari_spatial_embeddings.inference.library import VARIABLE

# No deadlines: the first example includes compiling the loops. The examples are always the same, so
# that a change lands or fails by its own merit; with --hypothesis-profile=random they are new ones.
settings.register_profile(
    "random", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("fixed", settings.get_profile("random"), derandomize=True, database=None)
settings.load_profile("fixed")

_WINDOWS = pytest.StashKey[int]()

WINDOWS = 25
"""Number of tests with a window after which all garbage is looked for, not only the last test's."""


def pytest_configure() -> None:
    """Leave garbage to the turns between tests.

    Tests drop controllers that no window owns. Were their garbage found while a worker's thread
    allocates, that thread would delete Qt objects that live in the main thread: their timers go on
    without them, and the process crashes.
    """
    gc.disable()
    # No test sees, or changes, the models that whoever runs them has imported.
    os.environ[VARIABLE] = str(Path(tempfile.gettempdir()) / f"no-models-{os.getpid()}")


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty library of imported models."""
    folder = tmp_path_factory.mktemp("user") / "models"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest test: were it last, one process would wait for it alone.

    The tests of a file with a window that is shown come last, so that each kind is opened once.
    """
    files: dict[Path, int] = {}

    def order(item: pytest.Item) -> tuple[int, bool]:
        place = files.setdefault(item.path, len(files))
        shown = "shown" in getattr(item, "fixturenames", ())
        return place if item.path.name != "test_whole_loop.py" else -1, shown

    items.sort(key=order)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect garbage in the main thread, once the test and its fixtures are done.

    What is left belongs to modules and caches, or to windows that are not quite gone. It is
    frozen, as every viewer's fixture, and every test of what is let go of, would look through all
    of it again.
    """
    done = yield
    if "make_napari_viewer" in getattr(item, "fixturenames", ()):
        item.config.stash[_WINDOWS] = item.config.stash.get(_WINDOWS, 0) + 1
    if item.config.stash.get(_WINDOWS, 0) == WINDOWS:
        item.config.stash[_WINDOWS] = 0
        gc.unfreeze()
        gc.collect()
    else:
        gc.collect(1)
    gc.freeze()
    return done
