"""Warnings of a log reach the main thread."""

from __future__ import annotations

import logging
import threading

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.qt.log_messages import LogMessages


def test_warnings_of_any_thread_arrive_in_the_main_one(qtbot: QtBot) -> None:
    logger = logging.getLogger("tests.log_messages")
    parent, seen = QObject(), list[tuple[str, bool]]()
    messages = LogMessages(logger, parent)

    def note(text: str) -> None:
        seen.append((text, threading.current_thread() is threading.main_thread()))

    messages.warned.connect(note)
    below = logging.getLogger("tests.log_messages.below")
    thread = threading.Thread(target=below.warning, args=("%s is %d", "a.json", 7))
    thread.start()
    thread.join()
    logger.info("nothing that concerns users")
    assert seen == [], "not before the main thread is free"
    qtbot.waitUntil(lambda: bool(seen))
    messages.close()
    logger.warning("later")
    QApplication.processEvents()
    assert seen == [("a.json is 7", True)]
    parent.deleteLater()
