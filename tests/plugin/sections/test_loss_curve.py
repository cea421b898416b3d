"""The plot of a training: its lines, its readout, and its cost."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPalette
from qtpy.QtWidgets import QApplication, QToolTip

from napari_spatial_embeddings.plugin.sections.loss_curve import (
    COLOURS,
    RIGHT_MEANS,
    SCRIBBLE_MEANS,
    LossCurve,
)


def report(seconds: float, loss: float | None, ap50: float | None = None, **facts: Any) -> Any:
    validation = None
    if ap50 is not None:
        validation = {"ap50": ap50, "mean_ap": ap50 / 2, "held_out": False}
    return {
        "seconds": seconds,
        "seconds_left": 60 - seconds,
        "step": int(10 * seconds),
        "loss": loss,
        "instance": loss,
        "variance": loss,
        "seed": loss,
        "validation": validation,
        **facts,
    }


@pytest.fixture
def curve(qtbot: QtBot) -> LossCurve:
    made = LossCurve()
    made.resize(300, made.height())
    qtbot.addWidget(made)
    return made


def rows_of(curve: LossCurve, colour: str) -> Any:
    """Return the mean row of the pixels of a colour, in each column; NaN where there are none."""
    image = curve.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    shape = image.height(), image.bytesPerLine()
    pixels = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(shape)
    pixels = pixels[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)[..., 2::-1]
    wanted = QColor(colour)
    near = np.abs(pixels - np.array([wanted.red(), wanted.green(), wanted.blue()], float))
    found = (near.max(-1) < 60)[20:-19, 36:-32]  # inside the axes
    with np.errstate(invalid="ignore"):
        return (found * np.arange(len(found))[:, None]).sum(0) / found.sum(0)


def test_a_falling_loss_falls_and_a_rising_score_rises(curve: LossCurve) -> None:
    for k in range(1, 31):
        curve.add(report(2.0 * k, 2 / k, k / 30))
    loss, score = (rows_of(curve, c) for c in COLOURS[False])
    known = ~np.isnan(loss) & ~np.isnan(score)
    middle = np.flatnonzero(known)[5:-5]
    assert len(middle) > 100
    assert loss[middle[-1]] > loss[middle[0]] + 30, "downwards is a higher row"
    assert score[middle[-1]] < score[middle[0]] - 30


def test_colours_suit_the_ground(curve: LossCurve) -> None:
    for k in range(1, 31):
        curve.add(report(2.0 * k, 1.0, 0.2))
    palette = QPalette(curve.palette())
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#f0f1f2"))
    palette.setColor(QPalette.ColorRole.Window, QColor("#23242b"))
    curve.setPalette(palette)
    assert not np.isnan(rows_of(curve, COLOURS[True][0])).all()


def test_tells_the_newest_and_the_pointed(curve: LossCurve) -> None:
    assert curve.readout() == ""
    curve.add(report(3.0, 0.5))
    curve.add(report(63.0, 0.25, 0.75))
    newest = "1:03 min, step 630\nloss 0.250 (instance 0.250, variance 0.250, seed 0.250)\n"
    right = "75% of the annotated objects are right (AP50 0.750, mean AP 0.375)"
    assert curve.readout() == f"{newest}{right}\n{RIGHT_MEANS}"
    scribbles = report(70.0, 0.25, 0.75)
    scribbles["validation"] |= {"held_out": True, "scribbles": True}
    curve.add(scribbles)
    assert "75% of the held-out scribbles are right" in curve.readout()
    assert curve.readout().endswith(SCRIBBLE_MEANS)
    assert curve.readout(0).startswith("0:03 min, step 30\nloss 0.500")
    at = QPointF(40, 60)  # near the left end, where the first report is
    button = Qt.MouseButton.NoButton
    where = curve.mapToGlobal(at)
    kind, keys = QEvent.Type.MouseMove, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(curve, QMouseEvent(kind, at, where, button, button, keys))
    assert QToolTip.text() == curve.readout(0)
    curve.grab()


def test_starts_empty_and_lives_with_what_is_missing(curve: LossCurve) -> None:
    curve.grab()
    curve.add(report(0.5, None, 0.5))
    curve.add(report(1.0, 0.0))
    curve.grab()
    assert curve.loss == [(1.0, 0.0)]
    assert curve.ap50 == [(0.5, 0.5)]
    curve.clear()
    assert curve.loss == curve.ap50 == []


def test_the_time_axis_has_numbers_once_the_time_is_known(curve: LossCurve) -> None:
    def colours_below() -> int:
        image = curve.grab().toImage()
        rows = range(image.height() - 14, image.height())
        return len({image.pixel(x, y) for x in range(image.width()) for y in rows})

    curve.started = True
    assert colours_below() == 1
    curve.add(report(0.5, None, 0.5))
    assert colours_below() > 1


def test_time_ends_with_the_budget_and_then_with_the_training(curve: LossCurve) -> None:
    curve.add(report(10.0, 1.0))
    assert curve.span == 60.0
    curve.add(report(20.0, 1.0, done=True))
    assert curve.span == 20.0


def test_a_night_costs_little_more_than_a_minute(curve: LossCurve) -> None:
    """Drawing takes no more than a line of as many points as there are pixels."""

    def seconds(count: int) -> float:
        curve.clear()
        for k in range(count):
            curve.add(report(float(k), 1.0))
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            curve.grab()
            spent.append(time.perf_counter() - start)
        return min(spent)

    assert seconds(30_000) < 30 * seconds(60)


def test_the_head_has_the_share_of_the_model_that_is_kept(curve: LossCurve) -> None:
    assert curve.score == "objects right"
    for seconds, ap50, improved in ((0.0, 0.5, True), (5.0, 0.75, True), (9.0, 0.25, False)):
        curve.add(report(seconds, 1.0, ap50, improved=improved))
    assert curve.score == "annotated objects right 75%"
    assert curve.ap50[-1] == (9.0, 0.25)
