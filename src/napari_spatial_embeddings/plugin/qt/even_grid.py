"""A layout of equally wide columns, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtWidgets import QLayout, QLayoutItem, QWidget

SPACING = 4


class EvenGrid(QLayout):
    """Lays out widgets row by row, in equally wide columns.

    With a larger font or in a narrower dock there are fewer columns, so that nothing is cut.
    Widgets that are hidden take no room.

    Parameters
    ----------
    columns : int
        Columns at most.
    widgets : iterable of QWidget
    """

    def __init__(self, columns: int, widgets: Iterable[QWidget] = ()) -> None:
        super().__init__()
        self._columns = columns
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        """Add an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """Return an item; None if there is none."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """Remove an item, and return it; None if there is none."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802 - Qt's name
        """Return that it takes all the width there is."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return that its height depends on its width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height that all rows need."""
        return max((area.bottom() + 1 for _, area in self._areas(width)), default=0)

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the widest item."""
        sizes = [item.minimumSize() for item in self._shown()]
        wide = max((size.width() for size in sizes), default=0)
        return QSize(wide, max((size.height() for size in sizes), default=0))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the first row if all columns fit."""
        least = self.minimumSize()
        n = max(1, min(self._columns, len(self._shown())))
        return QSize(n * (least.width() + SPACING) - SPACING, least.height())

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Place the items."""
        super().setGeometry(rect)
        for item, area in self._areas(rect.width()):
            item.setGeometry(area.translated(rect.topLeft()))

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _areas(self, width: int) -> list[tuple[QLayoutItem, QRect]]:
        """Return where the items are, from the upper left corner on."""
        shown = self._shown()
        least = self.minimumSize().width() + SPACING
        n = max(1, min(self._columns, (width + SPACING) // max(1, least)))
        wide, areas, y = (width + SPACING) // n - SPACING, [], 0
        for start in range(0, len(shown), n):
            row = shown[start : start + n]
            high = max(item.sizeHint().height() for item in row)
            for k, item in enumerate(row):
                areas.append((item, QRect(QPoint(k * (wide + SPACING), y), QSize(wide, high))))
            y += high + SPACING
        return areas
