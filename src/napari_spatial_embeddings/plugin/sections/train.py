"""The step that trains: what to start from, for how long, and how it goes."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.training import TrainingRun
from napari_spatial_embeddings.plugin.controllers.training_readiness import obstacle
from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.form_fields import calm
from napari_spatial_embeddings.plugin.qt.step_area import Step

from .device_combo import DeviceChoice
from .model_combo import ModelChoice
from .object_size import ObjectSize, only_strokes
from .train_progress import TrainingProgress
from .train_settings import MoreSettings

HINTS = {
    "idle": "The model learns from what you drew. Watch it, and stop when it is good.",
    "starting": "The training is starting: this takes some seconds.",
    "running": "Keep working: the view is predicted again as the model gets better.",
    "stopping": "The training is stopping; the best model is kept.",
    "done": "Look at the result. Where it is wrong, correct or draw objects, and train again.",
    "failed": "The training failed: see below.",
}

BUTTON = {
    "starting": "Cancel",
    "running": "Stop, keep the best model",
    "stopping": "Stopping... (press again to end it now)",
}


class TrainStep(Step):
    """Trains on what is drawn, in a process of its own.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    run : TrainingRun
        What happens when the button is pressed.
    start_model, device, more, progress
        The parts of the step.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__("Train", HINTS["idle"], parent)
        self.workspace, self.session = workspace, workspace.session
        self.run = TrainingRun(workspace, self)
        self.start_model = ModelChoice(self.session, "A fresh model", offered=True)
        self._minutes = Minutes()
        self.device = DeviceChoice(self.session)
        self._size = ObjectSize(self.session)
        self._preview = QCheckBox("Preview while training")
        self._preview.setChecked(True)
        self._preview.setToolTip("Predict the current view whenever there is a better model.")
        self.more = MoreSettings(self.session)
        self._button = QPushButton()
        self._button.setObjectName("main")
        self._button.setMinimumHeight(34)
        self._obstacle = QLabel()
        self._obstacle.setWordWrap(True)
        self._obstacle.setObjectName("obstacle")
        self.progress = TrainingProgress(self.session)
        form = self._form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Start from", self.start_model)
        form.addRow("Time", self._minutes)
        form.addRow("Object size", self._size)
        form.addRow("Device", self.device)
        self.body.addLayout(form)
        self.body.addWidget(self._preview)
        self.body.addWidget(self.more)
        self.body.addWidget(self._button)
        self.body.addWidget(self._obstacle)
        self.body.addWidget(self.progress)
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(100)
        self._refresh.timeout.connect(self._update)
        self._watched: set[Layer] = set()
        self._connect()
        self._settings_changed()
        self._watch()
        self._update()

    def _connect(self) -> None:
        self._button.clicked.connect(self._press)
        self._minutes.valueChanged.connect(self._set_minutes)
        self._preview.toggled.connect(self._set_preview)
        self.start_model.changed.connect(self._model_chosen)
        self.workspace.images_changed.connect(self._watch)
        self.workspace.at_pause.append(self._look_soon)
        self.session.image_changed.connect(self._look_soon)
        self.session.training_changed.connect(self._training_changed)
        self.session.training_settings_changed.connect(self._settings_changed)
        self.session.project_changed.connect(self._project_changed)

    @property
    def obstacle(self) -> str:
        """Why no training can start; empty if one can, or is under way."""
        return self._obstacle.text()

    def close_down(self) -> None:
        """End the training, and let go of the session and the layers."""
        self._refresh.stop()
        self.session.image_changed.disconnect(self._look_soon)
        self.session.training_changed.disconnect(self._training_changed)
        self.session.training_settings_changed.disconnect(self._settings_changed)
        self.session.project_changed.disconnect(self._project_changed)
        self._heed(set())
        self.start_model.close_down()
        self.device.close_down()
        self._size.close_down()
        self.more.close_down()
        self.progress.close_down()
        self.run.close()

    # ---------------------------------------------------------------- actions

    def _press(self) -> None:
        if self.session.training.active:
            self.run.stop()
            return
        # It stays chosen until a training ends well, whatever the previews are made with.
        self.start_model.choose(self.start_model.chosen)
        with self.session.speaking():
            self.run.start(self.start_model.chosen)

    def _set_minutes(self, minutes: float) -> None:
        self.session.set_training(self.session.training_settings.updated(minutes=minutes))

    def _set_preview(self, on: bool) -> None:
        self.run.previewing = on

    # ---------------------------------------------------------------- display

    def _model_chosen(self) -> None:
        self.more.show_fresh(self.start_model.chosen is None)
        self._refresh.start()

    def _project_changed(self) -> None:
        if self.session.image is None:  # it was opened, and not made for what there is
            self.start_model.follow()

    def _settings_changed(self) -> None:
        self._minutes.blockSignals(True)
        self._minutes.setValue(self.session.training_settings.minutes or 15.0)
        self._minutes.blockSignals(False)

    def _training_changed(self) -> None:
        training = self.session.training
        if training.status == "done":
            self.start_model.follow()  # the next one goes on from this one
        self._update()

    def _watch(self) -> None:
        """Heed what is drawn on the annotations."""
        self._heed(set(_layers.ours(self.workspace.viewer, "annotations")))
        self._refresh.start()

    def _heed(self, layers: set[Layer]) -> None:
        for name in ("labels_update", "data"):
            for layer in self._watched - layers:
                layer.events[name].disconnect(self._drawn)
            for layer in layers - self._watched:
                layer.events[name].connect(self._drawn)
        self._watched = layers

    def _drawn(self, _event: object) -> None:
        self._look_soon()

    def _look_soon(self) -> None:
        self._refresh.start()

    def _update(self) -> None:
        status = self.session.training.status
        active = self.session.training.active
        why = "" if active else self._reason()
        self._form.setRowVisible(self._size, only_strokes(self.workspace))
        self._button.setText(BUTTON.get(status, "Start training"))
        self._button.setEnabled(active or not why)
        if self._button.property("active") != active:
            self._button.setProperty("active", active)
            self._button.style().unpolish(self._button)
            self._button.style().polish(self._button)
        self._obstacle.setText(why)
        self._obstacle.setVisible(bool(why))
        for widget in (self.start_model, self._minutes, self._size, self.device, self.more):
            widget.setEnabled(not active)
        self.set_hint(HINTS[status])

    def _reason(self) -> str:
        try:
            return obstacle(self.workspace, self.start_model.card())
        except InputError as error:
            return str(error)


class Minutes(QDoubleSpinBox):
    """A time budget; the arrows go through sensible ones."""

    PRESETS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 1440.0)

    def __init__(self) -> None:
        super().__init__()
        calm(self)
        self.setRange(0.1, self.PRESETS[-1])
        self.setDecimals(1)
        self.setSuffix(" min")
        self.setKeyboardTracking(False)
        self.setToolTip(
            "How long to train. A few minutes for few objects; it can be stopped at any time, and"
            " goes on from the same model when started again."
        )

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Go to another preset."""
        for _ in range(abs(steps)):
            now = self.value()
            if steps > 0:
                self.setValue(min((p for p in self.PRESETS if p > now), default=now))
            else:
                self.setValue(max((p for p in self.PRESETS if p < now), default=now))

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Return the number without idle zeros."""
        return f"{value:g}"
