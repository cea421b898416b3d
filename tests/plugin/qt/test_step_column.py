"""The column of steps: the step that the user opens gets room; what they collapsed stays so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolButton, QWidget

from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.step_column import StepColumn

HEIGHTS = {"one": 100, "two": 150, "three": 200, "four": 300}


Show = Callable[[int], tuple[StepColumn, dict[str, StepArea]]]


@pytest.fixture
def column(qtbot: QtBot) -> Show:
    """Return a function that shows four steps in a column of some height."""

    def show(height: int) -> tuple[StepColumn, dict[str, StepArea]]:
        steps = {}
        for title, high in HEIGHTS.items():
            step = steps[title] = StepArea(title, opened=title != "four")
            content = QWidget()
            content.setFixedHeight(high)
            step.body.addWidget(content)
        column = StepColumn(list(steps.values()))
        qtbot.addWidget(column)
        column.resize(300, height)
        column.show()
        qtbot.waitExposed(column)
        return column, steps

    return show


def click(step: StepArea) -> None:
    """Click on a step's title."""
    title = step.findChild(QToolButton, "header")
    assert title is not None
    QTest.mouseClick(title, Qt.MouseButton.LeftButton)
    QTest.qWait(50)


def opened(steps: dict[str, StepArea]) -> set[str]:
    return {title for title, step in steps.items() if step.open}


def test_where_all_fit_nothing_collapses(column: Show) -> None:
    _, steps = column(1000)
    assert opened(steps) == {"one", "two", "three"}
    click(steps["four"])
    assert opened(steps) == set(steps)


@pytest.mark.parametrize(("height", "left"), [(720, {"one", "two"}), (580, {"one"}), (400, set())])
def test_the_nearest_collapse_until_all_fit(column: Show, height: int, left: set[str]) -> None:
    shown, steps = column(height)
    click(steps["four"])
    assert opened(steps) == {*left, "four"}
    # The step that was opened is to be seen whole, or from its title on.
    bar, four = shown.verticalScrollBar(), steps["four"]
    assert bar.value() <= four.y()
    assert four.y() + four.height() <= bar.value() + shown.viewport().height() or (
        four.y() - bar.value() <= 10
    )


def test_a_part_that_is_turned_on_is_scrolled_to(column: Show, qtbot: QtBot) -> None:
    shown, steps = column(400)
    part = QWidget()
    part.setFixedHeight(80)
    steps["three"].body.addWidget(part)

    def whole() -> bool:
        top = part.mapTo(shown.viewport(), QPoint(0, 0)).y()
        return top >= 0 and top + part.height() <= shown.viewport().height()

    qtbot.waitUntil(part.isVisible)
    assert not whole()
    steps["three"].shown.emit(part)
    qtbot.waitUntil(whole)
    assert opened(steps) == {"one", "two", "three"}


def test_what_the_user_opened_stays_open(column: Show) -> None:
    _, steps = column(400)
    click(steps["four"])
    click(steps["three"])
    assert opened(steps) == {"three", "four"}
    click(steps["four"])
    click(steps["four"])
    assert opened(steps) == {"three", "four"}
