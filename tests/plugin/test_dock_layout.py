"""The dock's layout: nothing is cut, nothing moves, nothing flashes, whatever there is to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject, QPoint
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.plugin.dock import MIN_WIDTH, SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.message_bar import MessageBar
from napari_spatial_embeddings.plugin.qt.text_block import TextBox
from napari_spatial_embeddings.plugin.sections.explain import ExplainSection
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from napari_spatial_embeddings.plugin.sections.train_use import PLANS
from napari_spatial_embeddings.plugin.state.training_state import TrainingState
from napari_spatial_embeddings.plugin.tasks.checks.scores import ScoreReport
from plugin.fake_results import add_image, discs, set_maps, tune_step
from plugin.overflow import overflows
from plugin.scenes import maps_of
from plugin.training_child import main_button

NAME = "20240301_HeLa_H2B-mCherry_time-lapse_position_0004_MAX_C1-corrected (second copy).ome"

SENTENCE = (
    "the annotations of this image could not be written into the folder /home/someone/with/a/long/"
    "path/that_has_no_blank_at_all_and_goes_on/project.json: there is no space left on the device;"
    " make room there, and press Annotate again"
)

SHORT_REPORT = {
    "event": "report",
    "step": 12345,
    "epoch": 1.0,
    "seconds": 65.0,
    "seconds_left": 3599.0,
    "steps_per_second": 123.4,
    "loss": 0.5,
    "instance": 0.1,
    "variance": 0.1,
    "seed": 0.1,
    "validation": None,
    "message": "",
    "done": False,
    "saved": False,
    "improved": False,
}

VALIDATION = {"ap50": 0.93, "mean_ap": 0.5, "held_out": True, "objects": 20}

USED = {
    "used": {
        "objects": 1234,
        "images": 27,
        "object_pixels": 10,
        "background_pixels": 10,
        "ignored_pixels": 200,
    },
    "device": "cuda:0",
    "start": "nuclei-2d",
}


class Windows(QObject):
    """Notes which widgets are shown as windows of their own, if only for a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[QWidget] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(watched)
        return False


@pytest.fixture
def windows() -> Iterator[Windows]:
    watcher, app = Windows(), QApplication.instance()
    assert app is not None
    app.installEventFilter(watcher)
    yield watcher
    app.removeEventFilter(watcher)


def dress(frame: QWidget, theme: str, font: str, width: int) -> None:
    """Give a dock the style that napari gives it, and a width."""
    from napari._qt.qt_event_loop import get_qapp
    from napari._qt.qt_resources import get_stylesheet

    get_qapp()  # adds the themes' icons
    if frame.property("dress") != (theme + font):
        frame.setProperty("dress", theme + font)
        frame.setStyleSheet(get_stylesheet(theme, extra_variables={"font_size": font}))
    frame.resize(width, 760)
    # Layouts may keep heights of the style before, until something in them changes.
    for widget in frame.findChildren(QWidget):
        widget.updateGeometry()
    for _ in range(3):
        QApplication.processEvents()


def many_scored() -> ScoreReport:
    """Return scores with long numbers."""
    scores, more = score(discs(), np.roll(discs(), 2)), np.int64(12_345)
    counts = {name: getattr(scores, name) + more for name in ("tp", "fp", "fn")}
    return ScoreReport(replace(scores, **counts, split=12_345, merged=12_345), partial=True)


def show_scores(dock: SpatialEmbeddingsWidget, report: ScoreReport) -> None:
    dock.scoring.report = report
    dock.scoring.changed.emit()


def fill(dock: SpatialEmbeddingsWidget) -> None:
    """Open every section, and show the longest names and sentences in them."""
    labels = discs()
    key = add_image(dock, labels, NAME)
    dock.viewer.add_image((labels > 0).astype(np.float32), name=f"{NAME} 2")
    dock.viewer.add_labels(labels, name=f"{NAME} labels")
    dock.annotation_actions.use_tool("draw")
    dock.project.ensure()
    dock.session.set_classes(("object", "a class with a very long name that fits nowhere"))
    set_maps(dock, key, maps_of(labels, classes=2))
    dock.session.say(SENTENCE, "error")
    report = {**SHORT_REPORT, "validation": VALIDATION, "message": SENTENCE}
    dock.session.set_status("running", used=USED, reports=(report,))
    dock.prediction.progressed.emit(3, 12, f"{NAME}: tile 3 of 12")
    for step in dock.steps:
        step.set_open(True)
    for group in dock.findChildren(Collapsible):
        group.set_open(True)
    section = dock.findChild(ExplainSection)
    assert section is not None
    section.toggle.click()
    show_scores(dock, many_scored())
    QApplication.processEvents()


def places(dock: SpatialEmbeddingsWidget) -> dict[QAbstractButton, QPoint]:
    """Return where the buttons are that are shown."""
    buttons = dock.findChildren(QAbstractButton)
    return {b: b.mapTo(dock, QPoint(0, 0)) for b in buttons if b.isVisible()}


def settle(dock: SpatialEmbeddingsWidget) -> None:
    """Run the event loop until the layout is done."""
    before: dict[QAbstractButton, QPoint] = {}
    while (after := places(dock)) != before:
        before = after
        for _ in range(3):
            QApplication.processEvents()


def assert_nothing_moves(
    dock: SpatialEmbeddingsWidget, changes: Sequence[Callable[[], object]]
) -> None:
    """Assert that no button moves while other things are shown."""
    for k, change in enumerate(changes):
        before = places(dock)
        change()
        settle(dock)
        after = places(dock)
        moved = {b.text(): after[b] - before.get(b, after[b]) for b in after}
        bar = dock.column.verticalScrollBar()
        where = f"change {k}; scrolled to {bar.value()} of {bar.maximum()}"
        assert {text: way for text, way in moved.items() if not way.isNull()} == {}, where


def test_the_layout_holds_whatever_is_shown(qtbot: QtBot, windows: Windows) -> None:
    frame = QWidget()
    qtbot.addWidget(frame)
    dock = SpatialEmbeddingsWidget(ViewerModel())
    column = QVBoxLayout(frame)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(dock)
    frame.show()
    fill(dock)

    for theme, font, width in (
        *(("dark", "9pt", width) for width in (MIN_WIDTH, 300, 320, 340)),
        *(("light", "12pt", width) for width in (340, 300)),
    ):
        dress(frame, theme, font, width)
        assert frame.width() == width
        assert overflows(frame) == [], (theme, font, width)

    # What is shown in words are sentences.
    labels = [w for w in dock.findChildren(QLabel) if w.objectName() in ("hint", "note", "advice")]
    texts = [w.text() for w in labels if w.text()]
    assert len(texts) > 3
    assert texts == [sentence(text) for text in texts]

    # Texts that change move no button.
    dress(frame, "dark", "9pt", MIN_WIDTH)
    qtbot.waitUntil(lambda: dock.idle, timeout=60_000)
    settle(dock)
    slider = tune_step(dock).sliders.slider("seed_threshold")
    assert slider.slider.width() >= 200, "a pixel of it is a small step"
    assert_nothing_moves(
        dock,
        [
            lambda: dock.session.say("", "info"),
            lambda: dock.session.say("It works", "warning"),
            lambda: dock.session.say(SENTENCE, "error"),
            lambda: dock.prediction.ended.emit(True),
            lambda: dock.prediction.progressed.emit(0, 0, "Loading the model"),
            lambda: dock.explanation.explained.emit("Short."),
            lambda: dock.explanation.explained.emit(f"<p>{SENTENCE}</p>" * 9),
            lambda: slider.changed.emit(0.1),
        ],
    )
    dock.explanation.set_on(False)  # makes room for what is below
    qtbot.waitUntil(lambda: dock.idle, timeout=60_000)
    settle(dock)
    problem = ScoreReport(problem=sentence(SENTENCE))
    assert_nothing_moves(
        dock, [partial(show_scores, dock, one) for one in (problem, many_scored())]
    )
    report: dict[str, Any] = {**SHORT_REPORT, "validation": VALIDATION, "message": SENTENCE}
    assert_nothing_moves(
        dock,
        [
            lambda: dock.correction_tool.use("split"),
            lambda: dock.correction_tool.leave(),
            lambda: dock.annotation_actions.use_tool("background"),
            lambda: dock.session.add_report(report),
        ],
    )
    bar = dock.findChild(MessageBar)
    assert bar is not None
    assert bar.text == sentence(SENTENCE)
    boxes = [box for box in dock.findChildren(TextBox) if box.text() == bar.text]
    assert boxes
    assert boxes[0].verticalScrollBar().maximum() == 0, "all of it is in view"
    step = dock.findChild(TrainStep)
    assert step is not None
    better = {**report, "step": 9, "improved": True, "message": ""}
    before = {**report, "step": 0}
    assert_nothing_moves(
        dock,
        [
            lambda: dock.session.set_status("stopping"),
            lambda: dock.session.add_report(better),
            lambda: dock.session.set_status("failed", problem=SENTENCE),
            lambda: dock.session.set_status("running", reports=(before,), problem=""),
            lambda: dock.session.add_report({**report, "step": 5}),
            lambda: dock.session.set_status("done", reports=(before, better), wrote=True),
            lambda: dock.session.set_status("done", back=True),
            *(partial(step.use.setText, text) for text in PLANS.values()),
            lambda: dock.session.show_training(TrainingState()),
        ],
    )
    # A training that starts moves nothing either, where its button is in view.
    dock.column.ensureWidgetVisible(main_button(step))
    settle(dock)
    assert step.button_in_view
    assert_nothing_moves(dock, [partial(dock.session.set_status, "starting")])
    stages = "loading PyTorch", "reading the annotations", "measuring the start model"
    assert_nothing_moves(
        dock, [partial(dock.session.set_status, "starting", stage=stage) for stage in stages]
    )
    dress(frame, "light", "12pt", 300)
    for status in ("starting", "running", "stopping", "done", "failed"):
        dock.session.set_status(status)
        settle(dock)
        assert overflows(frame) == [], status

    assert {w for w in windows.shown if w is not frame} == set()
    dock.close_down()
