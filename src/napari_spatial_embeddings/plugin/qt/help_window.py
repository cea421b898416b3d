"""A window with pages of help, which links lead between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, QUrl
from qtpy.QtGui import (
    QColor,
    QDesktopServices,
    QImage,
    QPalette,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextTable,
)
from qtpy.QtWidgets import QDialog, QTabWidget, QTextBrowser, QVBoxLayout, QWidget

SIZE = QSize(720, 640)

LINK_COLOURS = {False: "#0b5c8a", True: "#5cc8ff"}
"""Of links, by whether the background is dark."""

TERM = re.compile(r"\n: ")
"""What is between a term and its definition in Markdown, which Qt does not know."""

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
"""A link in Markdown, not a picture."""


class HelpPage(QTextBrowser):
    """A page in HTML, or in a file in Markdown, which is read when it is shown.

    Parameters
    ----------
    source : str or path
    """

    def __init__(self, source: str | Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source_of = source
        self.setOpenLinks(False)
        # What is wide is a table with its frame: three pixels too many.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if isinstance(source, str):
            self.setHtml(source)

    def read(self, known: set[str]) -> None:
        """Read the page's file, once; links lead to the known files, and to other sites."""
        if isinstance(self.source_of, Path) and not self.toPlainText():
            text = self.source_of.read_text("utf-8")
            text = TERM.sub("  \n", text)
            self.setMarkdown(LINK.sub(lambda m: m[0] if _leads(m[2], known) else m[1], text))
            self._colour_links()
            self._remove_empty_heads()

    def _colour_links(self) -> None:
        """Give links a colour that is seen: Qt's own is dark blue, also on black."""
        look = QTextCharFormat()
        dark = self.palette().color(QPalette.ColorRole.Text).lightnessF() > 0.5
        look.setForeground(QColor(LINK_COLOURS[dark]))
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        while cursor.movePosition(cursor.MoveOperation.NextCharacter, cursor.MoveMode.KeepAnchor):
            if cursor.charFormat().isAnchor():
                cursor.mergeCharFormat(look)
            cursor.clearSelection()
        cursor.endEditBlock()

    def _remove_empty_heads(self) -> None:
        """Remove the heads of tables that have none: Markdown asks for one."""
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                cells = [frame.cellAt(0, k) for k in range(frame.columns())]
                if all(c.firstPosition() == c.lastPosition() for c in cells):
                    frame.removeRows(0, 1)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802 - Qt's name
        """Return a picture from the file's folder, no wider than the page."""
        pictures = QTextDocument.ResourceType.ImageResource
        if kind != pictures.value or not isinstance(self.source_of, Path):
            return super().loadResource(kind, name)
        picture = QImage(str(self.source_of.parent / QUrl(name).toString()))
        wide = min(picture.width(), SIZE.width() - 60)
        return picture.scaledToWidth(wide, Qt.TransformationMode.SmoothTransformation)


class HelpWindow(QDialog):
    """Pages of help, one a tab. It stays open beside the window that it belongs to.

    Parameters
    ----------
    title : str
    pages : mapping
        HTML, or paths of files in Markdown, by the titles of their tabs.
    """

    def __init__(
        self, title: str, pages: Mapping[str, str | Path], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(SIZE)
        self.tabs = QTabWidget()
        self._pages = {name: HelpPage(source) for name, source in pages.items()}
        for name, page in self._pages.items():
            page.anchorClicked.connect(self._follow)
            self.tabs.addTab(page, name)
        self._titles = {s.name: name for name, s in pages.items() if isinstance(s, Path)}
        self.tabs.currentChanged.connect(self._read)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.tabs)
        self._read()

    @property
    def text(self) -> str:
        """The text of the page that is shown."""
        return str(self._shown.toPlainText())

    @property
    def _shown(self) -> HelpPage:
        return self._pages[self.tabs.tabText(self.tabs.currentIndex())]

    def _read(self, *_: object) -> None:
        self._shown.read(set(self._titles))

    def _follow(self, target: QUrl) -> None:
        title = self._titles.get(target.path())
        if title is not None:
            self.tabs.setCurrentIndex([*self._pages].index(title))
        elif target.scheme():
            QDesktopServices.openUrl(target)


def _leads(target: str, known: set[str]) -> bool:
    return "://" in target or target.partition("#")[0] in known
