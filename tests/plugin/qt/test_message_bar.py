"""The bar of messages: long ones are in view as a whole, and nothing else moves."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.qt.message_bar import MessageBar
from napari_spatial_embeddings.plugin.qt.text_block import TextBox

SHORT, LONG = "Saved.", "This takes many lines, but not too many, to be read. " * 4


@pytest.mark.parametrize("width", [260, 400])
def test_a_long_message_lies_over_what_is_above(qtbot: QtBot, width: int) -> None:
    frame, above, bar = QWidget(), QFrame(), MessageBar()
    qtbot.addWidget(frame)
    column = QVBoxLayout(frame)
    column.addWidget(above, 1)
    column.addWidget(bar)
    frame.resize(width, 500)
    frame.show()
    cross = bar._cross
    box, text = frame.findChild(QFrame, "message"), frame.findChild(TextBox)
    assert isinstance(cross, QToolButton)
    assert box is not None
    assert text is not None
    heights, places = [], set()
    for message in (SHORT, LONG, "", LONG * 9, SHORT):
        bar.show_message(message, "error")
        qtbot.wait(1)
        heights.append(box.height())
        places.add((above.height(), bar.height(), cross.mapTo(frame, cross.rect().center()).y()))
        assert box.geometry().bottom() == bar.geometry().bottom()
        assert (text.verticalScrollBar().maximum() > 0) == (message == LONG * 9)
    assert heights[0] == heights[2] == heights[4] == bar.height()
    assert heights[0] < heights[1] < heights[3] < 300
    assert len(places) == 1
