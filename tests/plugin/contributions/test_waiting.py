"""Work that is waited for leaves the window alive, and raises what it raises."""

from __future__ import annotations

import threading

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow, QProgressDialog

from napari_spatial_embeddings.plugin.contributions import waiting
from napari_spatial_embeddings.plugin.contributions.waiting import waited


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def test_the_window_is_drawn_meanwhile(window: QMainWindow) -> None:
    seen, enough = list[str](), threading.Event()

    def tick() -> None:
        shown = QApplication.activeModalWidget()
        if isinstance(shown, QProgressDialog):
            seen.append(shown.labelText())
            QTest.keyClick(shown, Qt.Key.Key_Escape)  # it stays
        if len(seen) >= 3:
            enough.set()

    def work() -> threading.Thread:
        assert enough.wait(60)
        return threading.current_thread()

    timer = QTimer(window)
    timer.timeout.connect(tick)
    timer.start(20)
    assert waited("Saving …", work) is not threading.current_thread()
    timer.stop()
    assert set(seen) == {"Saving …"}
    assert QApplication.activeModalWidget() is None


def test_errors_are_raised_and_short_work_has_no_dialog(
    window: QMainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert window.isVisible()
    monkeypatch.setattr(waiting, "UNSEEN", 60)
    monkeypatch.setattr(QProgressDialog, "show", lambda _: pytest.fail("a dialog came up"))

    def fail() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        waited("Reading …", fail)


@pytest.mark.usefixtures("qtbot")
def test_without_a_window_it_is_done_at_once() -> None:
    assert waited("Reading …", threading.current_thread) is threading.current_thread()
