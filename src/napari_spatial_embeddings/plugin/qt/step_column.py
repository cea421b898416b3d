"""A scrolling column of steps, which makes room for the step that the user opens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QPoint, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .collapsible import Collapsible
from .step_area import StepArea


class StepColumn(QScrollArea):
    """Steps in a column that scrolls.

    Nothing collapses by itself. When the user opens a step and not all of them fit, those above it
    collapse, the nearest first, until they do. A step that the user has collapsed or opened stays
    as it is from then on. A group or another part inside a step is scrolled to as well.

    Parameters
    ----------
    steps : sequence of StepArea
    """

    def __init__(self, steps: Sequence[StepArea], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps, self._kept = tuple(steps), set[StepArea]()
        self._inner = QWidget()
        column = self._column = QVBoxLayout(self._inner)
        column.setContentsMargins(4, 4, 8, 4)
        column.setSpacing(8)
        for step in steps:
            column.addWidget(step)
            step.pressed.connect(partial(self._pressed, step))
            step.shown.connect(self.scroll_to)
            for group in step.findChildren(Collapsible):
                group.pressed.connect(partial(self.scroll_to, group))
        column.addStretch(1)
        self.setWidgetResizable(True)
        # Always there: a bar that comes and goes would wrap other lines and move all steps.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        # Else Qt asks for the sizes of all widgets here, before they have their style.
        self._inner.resize(1, 1)
        self.setWidget(self._inner)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size in which no step is cut at its side: more with a large font."""
        bar, least = self.verticalScrollBar().sizeHint().width(), super().minimumSizeHint()
        width = self._inner.minimumSizeHint().width() + bar
        return QSize(max(least.width(), width), least.height())

    def scroll_to(self, part: QWidget) -> None:
        """Scroll no further than needed to show a step, or a part of one, whole or from its top."""
        # Once the column knows how high everything is.
        QTimer.singleShot(0, self, partial(self._scroll_to, part))

    def _scroll_to(self, part: QWidget) -> None:
        self._column.activate()
        y = part.mapTo(self._inner, QPoint(0, 0)).y()
        bar, top = self.verticalScrollBar(), y - self._column.spacing()
        below = top + part.height() + 2 * self._column.spacing() - self.viewport().height()
        bar.setValue(min(max(bar.value(), below), top))

    def _pressed(self, step: StepArea) -> None:
        self._kept.add(step)
        if not step.open:
            return
        for above in reversed(self._steps[: self._steps.index(step)]):
            if self._fits():
                break
            if above not in self._kept:
                above.set_open(False)
        self.scroll_to(step)

    def _fits(self) -> bool:
        for step in self._steps:
            step.updateGeometry()  # what was just collapsed counts
        column, room = self._column, self.viewport().size()
        wrapped = column.hasHeightForWidth()  # sentences that go over several lines
        height = column.totalHeightForWidth(room.width()) if wrapped else 0
        return bool(max(height, column.totalMinimumSize().height()) <= room.height())
