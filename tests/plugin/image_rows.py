"""The list of images, as a user sees and clicks it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QMimeData, QModelIndex, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QFont
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_spatial_embeddings.plugin.qt.name_tree import NameTree


class ImageRows:
    """Rows of the list in a dock, from the top, those of open groups among them."""

    def __init__(self, dock: QWidget) -> None:
        (self.tree,) = dock.findChildren(NameTree)

    def __len__(self) -> int:
        return len(self._shown())

    def text(self, row: int) -> str:
        return str(self._shown()[row].data())

    @property
    def texts(self) -> list[str]:
        return [str(at.data()) for at in self._shown()]

    def tip(self, row: int) -> str:
        return str(self._shown()[row].data(Qt.ItemDataRole.ToolTipRole))

    def italic(self, row: int) -> bool:
        font = self._shown()[row].data(Qt.ItemDataRole.FontRole)
        assert isinstance(font, QFont)
        return font.italic()

    def click(self, row: int) -> None:
        at = self._shown()[row]
        self.tree.scrollTo(at)
        where = self.tree.visualRect(at).center()
        QTest.mouseClick(self.tree.viewport(), Qt.MouseButton.LeftButton, pos=where)
        QApplication.processEvents()

    def _shown(self) -> list[QModelIndex]:
        names, found = self.tree.names, []
        for n in range(names.rowCount()):
            at = names.index(n, 0)
            found.append(at)
            if self.tree.isExpanded(at):
                found += [names.index(k, 0, at) for k in range(names.rowCount(at))]
        return found


def drop(widget: QWidget, *paths: Path) -> bool:
    """Drag files over the middle of a widget, and drop them; return whether they are taken.

    Events are delivered as Qt does: to the widget below the mouse that takes them, or its parents.
    """
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    while not widget.acceptDrops():
        above = widget.parentWidget()
        if above is None:
            return False
        widget = above
    where, action = QPointF(widget.rect().center()), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), action, data, buttons, keys)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(where, action, data, buttons, keys)
    QApplication.sendEvent(widget, event)
    QApplication.processEvents()
    return event.isAccepted()
