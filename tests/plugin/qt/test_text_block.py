"""Texts with room of their own: long words are wrapped, and come back as they were given."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.plugin.qt.text_block import BREAK, TextBlock, TextBox, breakable

PATH = "/home/someone/2024-03-01_experiment_of_the_second_kind/image0001.ome.tif"


@pytest.mark.parametrize("text", [PATH, f"<b>Explain</b>: {PATH} is here", "x" * 99, "short words"])
def test_long_words_may_be_wrapped(text: str) -> None:
    found = breakable(text)
    assert found.replace(BREAK, "") == text
    assert max(len(part) for word in found.split() for part in word.split(BREAK)) <= 18
    assert found.count("<b>") == text.count("<b>")
    assert found.count("</b>") == text.count("</b>")


def test_a_block_keeps_its_room_and_grows(qtbot: QtBot) -> None:
    block = TextBlock(2)
    qtbot.addWidget(block)
    heights = []
    for text in ("", "One line.", "Two lines. " * 4, PATH * 9):
        block.setText(text)
        assert block.text() == text
        heights.append(block.heightForWidth(200))
    assert heights[0] == heights[1]
    assert heights[-1] > heights[0]
    assert block.minimumSizeHint().width() <= 200


@pytest.mark.parametrize("style", ["", "padding-left: 6px;", "padding: 4px 8px;"])
def test_the_room_is_that_of_the_lines_whatever_the_style(qtbot: QtBot, style: str) -> None:
    block = TextBlock(3)
    qtbot.addWidget(block)
    block.setStyleSheet(style)
    block.ensurePolished()
    heights = set()
    for text in ("", "One.", "One.\nTwo.\nThree."):
        block.setText(text)
        heights.add(block.heightForWidth(200))
    assert len(heights) == 1
    block.set_lines(2)
    block.setText("")
    assert block.heightForWidth(200) < heights.pop()


def test_a_box_keeps_its_height(qtbot: QtBot) -> None:
    box = TextBox(3)
    qtbot.addWidget(box)
    box.resize(200, box.height())
    box.show()
    before = box.height()
    for text in ("", "Short.", PATH * 9):
        box.show_text(text)
        assert box.text() == text
        assert box.height() == before
    assert box.verticalScrollBar().maximum() > 0
    assert box.horizontalScrollBar().maximum() == 0
    box.show_text("One.\nTwo.\nThree.")
    assert box.verticalScrollBar().maximum() == 0, "what it has room for is not scrolled"
