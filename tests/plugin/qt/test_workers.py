"""Workers keep nothing that their work held."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

from loops import loops
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker, Worker
from napari_spatial_embeddings.plugin.tasks.predict import COMPILING, compiling_reported
from plugin.conftest import Until


class Maps:
    """A large thing that a request holds."""


def work_on(maps: Maps, go: threading.Event) -> Callable[[], Iterator[int]]:
    def work() -> Iterator[int]:
        go.wait(60)
        yield id(maps)

    return work


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_worker_that_ended_holds_nothing(qtbot: QtBot, until: Until, cancelled: bool) -> None:
    parent, maps, go = QObject(), Maps(), threading.Event()
    worker = Worker(work_on(maps, go), parent).start()
    held = weakref.ref(maps)
    del maps
    assert held() is not None
    if cancelled:
        worker.cancel()
        go.set()
    else:
        with qtbot.waitSignal(worker.ended):
            go.set()

    def released() -> bool:
        gc.collect()
        return held() is None

    until(released)
    assert worker.parent() is parent  # it is still there, as controllers' workers are


def test_that_loops_are_compiled_is_reported(qtbot: QtBot, tmp_path: Path) -> None:
    """As long as that takes nothing else is, so that it would look stuck."""

    def work() -> Iterator[str]:
        yield "first"
        yield str(loops(tmp_path).twice(3))

    reports: list[str] = []
    parent = QObject()
    worker = Worker(work, parent, partial(compiling_reported, COMPILING))
    worker.reported.connect(reports.append)
    with qtbot.waitSignal(worker.ended, timeout=300_000):
        worker.start()
    assert reports == ["first", COMPILING, "6"]


def test_closing_never_waits(qtbot: QtBot, until: Until) -> None:
    """The work is still going on when the window is closed; what it made is dropped."""
    go, ended = threading.Event(), threading.Event()
    heard: list[object] = []

    def work(_request: object) -> int:
        go.wait(60)
        ended.set()
        return 1

    latest, parent = LatestWorker(work), QObject()
    latest.done.connect(lambda *found: heard.append(found))
    worker = Worker(lambda: iter([work(None)]), parent)
    worker.reported.connect(heard.append)
    worker.ended.connect(heard.append)
    latest.request(1)
    latest.request(2)
    worker.start()
    latest.close()
    worker.cancel()
    assert not ended.is_set()
    go.set()
    until(lambda: not worker._thread.is_alive() and ended.is_set())
    qtbot.wait(10)
    assert heard == []


def test_cancelled_work_ends_before_the_program() -> None:
    """A file that is being written is written, though nobody waits for it in the window."""
    program = """
import threading, time
from napari_spatial_embeddings.plugin.qt.workers import Worker
def work():
    started.set()
    time.sleep(0.5)
    print("written", flush=True)
    yield 1
started = threading.Event()
worker = Worker(work).start()
started.wait()
worker.cancel()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout == "written\n"
