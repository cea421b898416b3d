"""Workers keep nothing that their work held."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.workers import Worker
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
