"""The window of the help: all shortcuts, and the pages that come with the package."""

from __future__ import annotations

import re
import tomllib

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QUrl
from qtpy.QtGui import QTextTable

from doc_scripts import DOCS, ROOT, pictures
from napari_spatial_embeddings.plugin.controllers.shortcuts import shortcuts
from napari_spatial_embeddings.plugin.qt.help_window import HelpPage
from napari_spatial_embeddings.plugin.sections.help import PAGES, HelpButton


def test_the_help_has_all_shortcuts_and_the_pages(qtbot: QtBot) -> None:
    button = HelpButton()
    qtbot.addWidget(button)
    button.click()
    window = button.window_of_help
    assert window is not None
    assert window.isVisible()
    titles = [window.tabs.tabText(k) for k in range(window.tabs.count())]
    assert titles == ["Keyboard shortcuts", *PAGES]
    for shortcut in shortcuts():
        assert shortcut.key in window.text
        assert shortcut.text in window.text
        assert shortcut.where in window.text

    window.tabs.setCurrentIndex(1)
    assert window.text.startswith("First steps")
    page = window.tabs.currentWidget()
    assert isinstance(page, HelpPage)
    assert "plugin.md" in page.toHtml()
    assert "settings.md" not in page.toHtml(), "it does not come with the package"
    assert "#0000ff" not in page.toHtml(), "links are seen on a dark ground"
    page.anchorClicked.emit(QUrl("plugin.md#train"))
    assert window.text.startswith("The plugin")
    page = window.tabs.currentWidget()
    assert isinstance(page, HelpPage)
    tables = page.document().rootFrame().childFrames()
    assert len(tables) > 5
    for table in tables:
        assert isinstance(table, QTextTable)
        assert table.cellAt(0, 0).firstPosition() < table.cellAt(0, 0).lastPosition()
    window.tabs.setCurrentIndex(3)
    assert not re.search(r"^ ?: ", window.text, re.MULTILINE), "definitions have no colon before"
    button.close_down()


def test_the_package_brings_the_pages_and_their_pictures() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    places = {name.rpartition("/")[2] for name in included.values()}
    assert {*PAGES.values(), "images"} == places
    assert all((ROOT / source).exists() for source in included)
    for file in PAGES.values():
        assert all((DOCS / "images" / name).exists() for name in pictures(DOCS / file))
