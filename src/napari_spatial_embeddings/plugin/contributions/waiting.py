"""Waiting for work whose result napari wants at once, while the window stays alive."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from qtpy.QtCore import QCoreApplication, QEventLoop, QObject, Qt, QThread, Signal
from qtpy.QtWidgets import QApplication, QMainWindow, QProgressDialog

T = TypeVar("T")

UNSEEN = 0.3
"""Seconds of waiting without a dialog."""


class _Done(QObject):
    """Signal that a thread gives."""

    given = Signal()


def waited(text: str, work: Callable[[], T]) -> T:
    """Return what a function returns, which runs in a thread if there is a window.

    While it does, the window is painted and takes no input, under a dialog with a moving bar.

    Parameters
    ----------
    text : str
        What is being done.
    work : callable
        Touches no widgets and no layers.

    Raises
    ------
    Exception
        What the function raises.
    """
    window = _window()
    if window is None:
        return work()
    done, loop = _Done(), QEventLoop()
    done.given.connect(loop.quit, Qt.ConnectionType.QueuedConnection)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        if not wait([future], UNSEEN).done:
            dialog = QProgressDialog(text, "", 0, 0, window)
            dialog.setCancelButton(None)
            # Escape, or its cross, would hide it, and the window would take input.
            dialog.setWindowFlag(Qt.WindowType.WindowCloseButtonHint, False)
            dialog.rejected.connect(dialog.show)
            dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
            dialog.show()
            future.add_done_callback(lambda _: done.given.emit())
            loop.exec()
            dialog.hide()
            dialog.deleteLater()
        return future.result()


def _window() -> QMainWindow | None:
    """Return the window that is seen, in whose thread this is; None if there is none."""
    app = QCoreApplication.instance()
    if not isinstance(app, QApplication) or QThread.currentThread() != app.thread():
        return None
    seen = [x for x in app.topLevelWidgets() if isinstance(x, QMainWindow) and x.isVisible()]
    active = app.activeWindow()
    return active if isinstance(active, QMainWindow) else seen[0] if seen else None
