"""The steps one below the other: what a person opens gets room and is scrolled to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .collapsible import Fold
from .step_area import Step


class Column(QScrollArea):
    """Steps in a column that scrolls; the last one is folded at first.

    Nothing folds by itself. When a person opens a step and not all of them fit, those above it
    fold, the nearest first, until they do. A step that a person has folded or opened is theirs from
    then on, and stays as it is. A group inside a step is scrolled to as well.

    Parameters
    ----------
    steps : sequence of Step
    """

    def __init__(self, steps: Sequence[Step], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps, self._theirs = tuple(steps), set[Step]()
        self._inner = QWidget()
        column = self._column = QVBoxLayout(self._inner)
        column.setContentsMargins(4, 4, 8, 4)
        column.setSpacing(8)
        for step in steps:
            column.addWidget(step)
            step.pressed.connect(partial(self._pressed, step))
            for group in step.findChildren(Fold):
                group.pressed.connect(partial(self.bring, group))
        column.addStretch(1)
        self._steps[-1].set_open(False)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(self._inner)

    def bring(self, what: Fold) -> None:
        """Scroll no further than is needed to see a step or a group whole, or from its title on."""
        # Once the column knows how high everything is.
        QTimer.singleShot(0, self, partial(self._bring, what))

    def _bring(self, what: Fold) -> None:
        self._column.activate()
        y = what.mapTo(self._inner, QPoint(0, 0)).y()
        bar, top = self.verticalScrollBar(), y - self._column.spacing()
        below = top + what.height() + 2 * self._column.spacing() - self.viewport().height()
        bar.setValue(min(max(bar.value(), below), top))

    def _pressed(self, step: Step) -> None:
        self._theirs.add(step)
        if not step.open:
            return
        for above in reversed(self._steps[: self._steps.index(step)]):
            if self._fits():
                break
            if above not in self._theirs:
                above.set_open(False)
        self.bring(step)

    def _fits(self) -> bool:
        for step in self._steps:
            step.updateGeometry()  # what was just folded counts
        column, room = self._column, self.viewport().size()
        wrapped = column.hasHeightForWidth()  # sentences that go over several lines
        height = column.totalHeightForWidth(room.width()) if wrapped else 0
        return bool(max(height, column.totalMinimumSize().height()) <= room.height())
