"""A form whose labels stand beside their fields if there is room, and above them if not."""

from __future__ import annotations

from qtpy.QtCore import QRect
from qtpy.QtWidgets import QFormLayout

LABEL, FIELD = QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole


class NarrowForm(QFormLayout):
    """A form that fits a narrow dock, also with a large font.

    Qt's own rule looks at each row alone, and forgets that a short label is in a column with long
    ones.

    Parameters
    ----------
    spacing : int
        Pixels between two rows.
    """

    def __init__(self, spacing: int = 4) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setHorizontalSpacing(6)
        self.setVerticalSpacing(spacing)
        self.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return that its height depends on its width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of all rows at a width."""
        self._choose(width)
        high = int(super().heightForWidth(width))
        return high if high >= 0 else self.sizeHint().height()  # -1: all widths need the same

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Place the rows."""
        self._choose(rect.width())
        super().setGeometry(rect)

    def _choose(self, width: int) -> None:
        wide = [0, 0]
        for row in range(self.rowCount()):
            label, field = self.itemAt(row, LABEL), self.itemAt(row, FIELD)
            if label is not None and field is not None and self.isRowVisible(row):
                wide = [
                    max(wide[0], label.sizeHint().width()),
                    max(wide[1], field.minimumSize().width()),
                ]
        fits = sum(wide) + self.horizontalSpacing() <= width
        policy = QFormLayout.RowWrapPolicy
        self.setRowWrapPolicy(policy.WrapLongRows if fits else policy.WrapAllRows)
