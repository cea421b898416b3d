"""Forms made from settings: only valid settings can be entered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QDoubleSpinBox, QSpinBox, QWidget

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.plugin.qt.form import Form, rows

MEASURED = {"working_diameter": "measured", "offset_range": "from the objects"}

ROWS = [row.path for row in rows(TrainingSettings, ("device",), {})]


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(TrainingSettings(), ("device",))
    qtbot.addWidget(made)
    return made


def test_has_every_field(form: Form) -> None:
    fields = {name for name in TrainingSettings.model_fields if name not in ("device", "loss")}
    assert {path[0] for path in ROWS} == fields | {"loss"}
    for path in ROWS:
        assert form.editor(*path).toolTip()


def test_shows_what_it_is_given(form: Form) -> None:
    assert form.settings == TrainingSettings()
    other = TrainingSettings(minutes=3, batch_size=2, learning_rate=1e-4, device="cuda:1")
    other = other.updated(loss={"centre": "medoid", "seed_weight": 0.25})
    form.set_settings(other)
    assert form.settings == other
    assert form.given["centre"] == "medoid"
    assert form.given["learning_rate"] == 1e-4


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_typed_is_valid(form: Form, data: st.DataObject) -> None:
    """Numbers of any size and sign, into any field."""
    for path in data.draw(st.lists(st.sampled_from(ROWS), min_size=1, max_size=4)):
        box = form.editor(*path)
        if isinstance(box, QSpinBox | QDoubleSpinBox):
            number = data.draw(st.one_of(st.integers(-(10**7), 10**7), st.floats(-1e3, 1e3)))
            box.lineEdit().setText(f"{number:.7f}".rstrip("0").rstrip("."))
            box.interpretText()
    shown = form.settings
    assert TrainingSettings.model_validate_json(shown.model_dump_json()) == shown


@pytest.mark.parametrize("path", ROWS, ids=".".join)
def test_the_ends_of_every_field_are_valid(form: Form, path: tuple[str, ...]) -> None:
    widget = form.editor(*path)
    if isinstance(widget, QSpinBox | QDoubleSpinBox):
        box: Any = widget
        for end in (box.minimum(), box.maximum()):
            box.setValue(end)
            assert isinstance(form.settings, TrainingSettings)  # else it would have raised


def test_multiples_stay_multiples(qtbot: QtBot) -> None:
    form = Form(ModelSettings(), FOUND, MEASURED)
    qtbot.addWidget(form)
    box = form.editor("width")
    assert isinstance(box, QSpinBox)
    box.setValue(27)
    assert form.settings.width == box.value() == 28


def test_what_is_left_empty_is_not_given(qtbot: QtBot) -> None:
    form = Form(ModelSettings(), FOUND, MEASURED)
    qtbot.addWidget(form)
    box = form.editor("working_diameter")
    assert isinstance(box, QDoubleSpinBox)
    assert (box.text(), form.given) == ("measured", {})
    box.setValue(20.0)
    assert form.given == {}, "the default is what it would be anyway"
    box.setValue(31.5)
    assert form.given == {"working_diameter": 31.5}
    assert box.text() == "31.5 px"
    form.reset()
    assert (box.text(), form.given) == ("measured", {})


def test_the_wheel_scrolls_past(form: Form) -> None:
    box: Any = form.editor("large_crop_factor")
    before = box.value()
    turn(box)
    assert box.value() == before
    assert box.focusPolicy() == Qt.FocusPolicy.StrongFocus


def turn(widget: QWidget) -> None:
    at = widget.rect().center()
    event = QWheelEvent(
        QPointF(at),
        QPointF(widget.mapToGlobal(at)),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
