"""A form whose labels stand beside their fields if there is room, and above them if not."""

from __future__ import annotations

from qtpy.QtCore import QRect, QSize
from qtpy.QtWidgets import QFormLayout, QLayoutItem, QSpacerItem

LABEL, FIELD = QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole
SPANNING = QFormLayout.ItemRole.SpanningRole


class NarrowForm(QFormLayout):
    """A form that fits a narrow dock, also with a large font.

    Qt's own rule, to wrap long rows, looks at each row alone, and forgets that a short label is in
    a column with long ones.

    Parameters
    ----------
    spacing : int
        Pixels between two rows.
    """

    def __init__(self, spacing: int = 4) -> None:
        super().__init__()
        # Qt asks for the same sizes many times before anything changes.
        self._known: dict[str | int, int] = {}
        self.setContentsMargins(0, 0, 0, 0)
        self.setHorizontalSpacing(6)
        self.setVerticalSpacing(spacing)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def invalidate(self) -> None:
        """Forget the sizes that are known."""
        self._known.clear()
        super().invalidate()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return that its height depends on its width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of all rows at a width.

        Nothing is changed here: Qt asks for several widths in turn, and would lay out for ever.
        """
        if width not in self._known:
            self._known[width] = self._height(width)
        return self._known[width]

    def _height(self, width: int) -> int:
        rows, fits = self._rows(), self._fits(width)
        wide = width - (self._label_width(rows) + self.horizontalSpacing() if fits else 0)
        high = [(label.sizeHint().height(), _height(field, wide)) for label, field in rows]
        total = sum(max(row) if fits else sum(row) for row in high)
        gaps = len(rows) - 1 if fits else 2 * len(rows) - 1
        return total + max(0, gaps) * self.verticalSpacing()

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Place the rows."""
        policy = QFormLayout.RowWrapPolicy
        wanted = policy.DontWrapRows if self._fits(rect.width()) else policy.WrapAllRows
        if self.rowWrapPolicy() != wanted:
            self.setRowWrapPolicy(wanted)
        super().setGeometry(rect)

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the widest label or field."""
        if "widest" not in self._known:
            widths = [item.minimumSize().width() for row in self._rows() for item in row]
            self._known["widest"] = max(widths, default=0)
        return QSize(self._known["widest"], super().minimumSize().height())

    def _rows(self) -> list[tuple[QLayoutItem, QLayoutItem]]:
        found = []
        for row in range(self.rowCount()):
            label, field = self.itemAt(row, LABEL), self.itemAt(row, FIELD)
            spanning = self.itemAt(row, SPANNING)
            if self.isRowVisible(row) and label is not None and field is not None:
                found.append((label, field))
            elif self.isRowVisible(row) and spanning is not None:
                found.append((QSpacerItem(0, 0), spanning))
        return found

    @staticmethod
    def _label_width(rows: list[tuple[QLayoutItem, QLayoutItem]]) -> int:
        return max((label.sizeHint().width() for label, _ in rows), default=0)

    def _fits(self, width: int) -> bool:
        if "side by side" not in self._known:
            rows = self._rows()
            field = max((item.minimumSize().width() for _, item in rows), default=0)
            self._known["side by side"] = self._label_width(rows) + field
        return self._known["side by side"] + self.horizontalSpacing() <= width


def _height(item: QLayoutItem, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
