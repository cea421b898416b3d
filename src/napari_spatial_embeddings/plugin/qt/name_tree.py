"""List of names, some of them in groups that fold; only what is in view is asked for its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import (
    QAbstractItemModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    Qt,
    Signal,
)
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QAbstractItemView, QTreeView, QWidget

from .looks import dress

FEW, MAX_ROWS, MANY_ROWS = 12, 5, 8
"""More rows than the second number are scrolled; than the third, if there are more than a few."""

INDENT = 12
"""Pixels by which names in groups are moved."""

NOWHERE = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class NameRow:
    """What a row shows.

    Parameters
    ----------
    text, tip : str
    bold, italic : bool
    """

    text: str
    tip: str = ""
    bold: bool = False
    italic: bool = False


class GroupedNames(QAbstractItemModel):
    """Rows in their order, those of a group below its name.

    Parameters
    ----------
    describe : callable
        Returns what a row shows, by its number.
    describe_group : callable
        Returns what a group shows, by its name and the numbers of its rows.
    """

    def __init__(
        self,
        describe: Callable[[int], NameRow],
        describe_group: Callable[[str, Sequence[int]], NameRow],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._describe, self._describe_group = describe, describe_group
        self._groups: list[str] = []
        self._top: list[tuple[str, list[int]]] = []
        self._places: list[tuple[int, int]] = []

    def set_groups(self, groups: list[str]) -> None:
        """Set the group of each row, empty for none; rows that are the same are shown again."""
        if groups == self._groups:
            if self._top:
                last = self.index(len(self._top) - 1, 0)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._groups, self._top, self._places = groups, [], []
        of: dict[str, int] = {}
        for n, group in enumerate(groups):
            if group and group in of:
                own = self._top[of[group]][1]
                self._places.append((of[group], len(own)))
                own.append(n)
                continue
            of[group] = len(self._top)
            self._places.append((len(self._top), 0 if group else -1))
            self._top.append((group, [n]))
        self.endResetModel()

    @property
    def grouped(self) -> bool:
        """Whether there are groups."""
        return any(group for group, _ in self._top)

    def place(self, row: int) -> QModelIndex:
        """Return where a row is."""
        top, inside = self._places[row]
        at = self.index(top, 0)
        return at if inside < 0 else self.index(inside, 0, at)

    def row_at(self, index: Index) -> int | None:
        """Return the row at a place; None for a group."""
        if not index.isValid():
            return None
        inside = index.internalId()
        group, rows = self._top[inside - 1 if inside else index.row()]
        if inside:
            return rows[index.row()]
        return None if group else rows[0]

    def group_at(self, index: QModelIndex) -> str:
        """Return the group whose name is at a place; empty if that is a row."""
        named = index.isValid() and not index.internalId()
        return self._top[index.row()][0] if named else ""

    # ------------------------------------------------- what Qt asks for, by its names

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        """Return the index of a row at the top, or in a group."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = NOWHERE) -> Any:
        """Return the group of an index."""
        inside = index.internalId() if index.isValid() else 0
        return self.createIndex(inside - 1, 0, 0) if inside else QModelIndex()

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return the number of rows at the top, or in a group."""
        if not parent.isValid():
            return len(self._top)
        group, rows = self._top[parent.row()] if not parent.internalId() else ("", [])
        return len(rows) if group else 0

    def columnCount(self, _parent: Index = NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return one."""
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a row, its tip, or its font."""
        if not index.isValid():
            return None
        row = self.row_at(index)
        if row is None:
            shown = self._describe_group(*self._top[index.row()])
        else:
            shown = self._describe(row)
        if role == Qt.ItemDataRole.DisplayRole:
            return shown.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return shown.tip
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(shown.bold)
            font.setItalic(shown.italic)
            return font
        return None


class NameTree(QTreeView):
    """Shows `GroupedNames`, as wide as there is room; a click on a group folds it.

    Parameters
    ----------
    describe, describe_group
        As of `GroupedNames`.
    """

    picked = Signal(int)
    """A row was clicked."""
    asked = Signal(int, QPoint)
    """A row was clicked with the right button, at a place on the screen."""

    def __init__(
        self,
        describe: Callable[[int], NameRow],
        describe_group: Callable[[str, Sequence[int]], NameRow],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.names = GroupedNames(describe, describe_group, self)
        self.setModel(self.names)
        dress(self, "rows")
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setIndentation(INDENT)
        self.setExpandsOnDoubleClick(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # What is selected is the current image, whatever else was clicked.
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._current: int | None = None
        self.setMinimumWidth(60)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.clicked.connect(self._clicked)
        self.customContextMenuRequested.connect(self._ask)
        self.expanded.connect(self._fit)
        self.collapsed.connect(self._fit)

    def show_rows(self, groups: list[str], current: int | None) -> None:
        """Show rows, by their groups; the list keeps its place, and which groups are open.

        Parameters
        ----------
        groups : list of str
            One for each row; empty for none.
        current : int, optional
            The row that is marked, and brought to sight where it is another one than before.
        """
        names, top = self.names, range(self.names.rowCount())
        opened = {names.group_at(at) for n in top if self.isExpanded(at := names.index(n, 0))}
        bar = self.verticalScrollBar()
        place = bar.value()
        names.set_groups(groups)
        self.setRootIsDecorated(names.grouped)
        for n in range(names.rowCount()) if opened else ():
            at = names.index(n, 0)
            if names.group_at(at) in opened and not self.isExpanded(at):
                self.expand(at)
        self._fit()
        bar.setValue(place)
        at = QModelIndex() if current is None else names.place(current)
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().select(at, flag)
        if current != self._current and at.isValid():
            self.scrollTo(at)
        self._current = current

    def _fit(self, _at: QModelIndex = NOWHERE) -> None:
        """Take the height of the rows that are shown, up to a limit."""
        names, count = self.names, self.names.rowCount()
        most = MAX_ROWS if count <= FEW else MANY_ROWS
        for n in range(min(most, count)):
            at = names.index(n, 0)
            count += names.rowCount(at) if self.isExpanded(at) else 0
        height = self.rowHeight(names.index(0, 0)) if names.rowCount() else 18
        self.setFixedHeight(2 * self.frameWidth() + height * min(most, max(1, count)))

    def _clicked(self, at: QModelIndex) -> None:
        row = self.names.row_at(at)
        if row is None:
            self.setExpanded(at, not self.isExpanded(at))
        else:
            self.picked.emit(row)

    def _ask(self, at: QPoint) -> None:
        row = self.names.row_at(self.indexAt(at))
        if row is not None:
            self.asked.emit(row, self.viewport().mapToGlobal(at))
