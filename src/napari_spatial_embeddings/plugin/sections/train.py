"""The training step: start model, time, settings, and the training's progress."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.core.text import clock, sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard, Places
from napari_spatial_embeddings.inference.registry import start_models
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.suitability import carrying
from napari_spatial_embeddings.plugin.controllers.training import TrainingController, obstacle
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form_fields import ignore_wheel
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.qt.narrow_form import NarrowForm
from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.training.held_out import held_out_of, places_known

from .device_combo import DeviceCombo
from .model_combo import ModelCombo
from .sizes.box import ObjectSize
from .train_progress import TrainingProgress
from .train_settings import TrainSettings
from .train_use import plan_texts, share_text, used_text

UPDATE_DELAY_MS = 100

USE_LINES = 3
"""Lines for what a training uses."""

HINTS = {
    "idle": "The model learns from your annotations. Stop it when it is good.",
    "starting": "Starting: this takes some seconds.",
    "running": "You can go on working; the view is updated as the model improves.",
    "stopping": "Stopping; the best model is kept.",
    "done": "Check the result; correct it or annotate more, and train again.",
    "failed": "The training failed: see the message below.",
}

BUTTON = {
    "starting": "Cancel",
    "running": "Stop, keep the best model",
    "stopping": "Stopping… End it now",
}


BACK = {False: "Back to the model before", True: "Take the new model again"}

UNTRAINED_MINUTES, TRAINED_MINUTES = 5.0, 2.0
"""Minutes that are set for a model from scratch, and for one that was trained before."""


class TrainStep(StepArea):
    """Trains on the annotations, in a process of its own.

    Parameters
    ----------
    session : Session
    images : ImageController
    annotation : AnnotationController
    training : TrainingController

    Attributes
    ----------
    start_model, device, settings, use, progress
        The parts of the step.
    """

    def __init__(
        self,
        session: Session,
        images: ImageController,
        annotation: AnnotationController,
        training: TrainingController,
        parent: QWidget | None = None,
    ) -> None:
        # Its button would be in view only if the steps above it folded.
        super().__init__("Train", HINTS["idle"], parent, opened=False)
        self.session, self._images = session, images
        self._annotation, self._training = annotation, training
        self.start_model = ModelCombo(session, "From scratch", optional=True)
        self._minutes = Minutes()
        self.device = DeviceCombo(session)
        self._size = ObjectSize(session)
        self._preview = QCheckBox("Preview while training")
        self._preview.setChecked(True)
        self._preview.setToolTip("Predict the current view whenever there is a better model.")
        self.settings = TrainSettings(session)
        self._button = QPushButton()
        dress(self._button, "main")
        self._button.setMinimumHeight(34)
        self._back = QPushButton()
        self._back.setToolTip("The model of before the training is kept: compare, and take either.")
        self._resume = QPushButton()
        self._resume.setMinimumHeight(34)
        self._obstacle = ""
        self.use = TextBlock(USE_LINES)
        self.progress = TrainingProgress(session, self._back)
        form = self._form = NarrowForm()
        form.addRow("Start from", self.start_model)
        form.addRow("Time", self._minutes)
        form.addRow("Object size", self._size)
        form.addRow("Device", self.device)
        self.body.addLayout(form)
        self.body.addWidget(self._preview)
        self.body.addWidget(self.settings)
        buttons = QHBoxLayout()
        buttons.addWidget(self._button, 1)
        buttons.addWidget(self._resume)
        self.body.addLayout(buttons)
        self.body.addWidget(self.use)
        self.body.addWidget(self.progress)
        self.body.addWidget(self.device.advice_label)
        self._update_later = QSignalDebouncer(parent=self)
        self._update_later.setTimeout(UPDATE_DELAY_MS)
        self._update_later.triggered.connect(self._update)
        self._connections = Connections()
        self._connect()
        self._show_minutes()
        self._suit_minutes()
        self._update()

    def _connect(self) -> None:
        self._button.clicked.connect(self._press)
        self._back.clicked.connect(self._training.go_back)
        self._resume.clicked.connect(self._go_on)
        self._minutes.valueChanged.connect(self._set_minutes)
        self._preview.toggled.connect(self._set_preview)
        self.start_model.changed.connect(self._model_chosen)
        self.start_model.picked.connect(self._suit_minutes)
        session, add = self.session, self._connections.add
        add(self._annotation.changed, self._update_soon)
        add(self._images.changed, self._update_soon)
        add(session.image_changed, self._update_soon)
        add(session.training_changed, self._training_changed)
        add(session.training_settings_changed, self._show_minutes)
        add(session.training_settings_changed, self._update_soon)
        add(session.project_changed, self._project_changed)

    @property
    def obstacle(self) -> str:
        """Why no training can start; empty if one can, or is running."""
        return self._obstacle

    @property
    def button_in_view(self) -> bool:
        """Whether all of the button that starts a training is in view."""
        return bool(self._button.visibleRegion().boundingRect() == self._button.rect())

    def close_down(self) -> None:
        """Disconnect."""
        self._update_later.cancel()
        self._connections.close()
        for part in (self.start_model, self.device, self._size, self.settings, self.progress):
            part.close_down()

    # ---------------------------------------------------------------- actions

    def start(self) -> None:
        """Start a training, or show why none can start."""
        self._update()
        if self.session.training.active:
            self.session.say(
                "A training is running already.", holds=lambda: self.session.training.active
            )
        elif self.obstacle:
            found = self.obstacle
            self.session.say(found, "warning", lambda: self.obstacle == found)
        else:
            self._press()

    def _press(self) -> None:
        if self.session.training.active:
            self._training.stop()
            return
        # It stays chosen until a training succeeds, whatever model the previews are made with.
        self.start_model.choose(self.start_model.chosen)
        with self.session.errors_as_messages():
            self._training.start(self.start_model.chosen)

    def _go_on(self) -> None:
        with self.session.errors_as_messages():
            self._training.resume()

    def _set_minutes(self, minutes: float) -> None:
        self.session.set_training(self.session.training_settings.updated(minutes=minutes))

    def _set_preview(self, on: bool) -> None:
        self._training.previewing = on

    # ---------------------------------------------------------------- display

    def _model_chosen(self) -> None:
        self.settings.show_model(self.start_model.chosen is None)
        if self.session.project is None:
            self._suit_minutes()
        self._update_soon()

    def _suit_minutes(self) -> None:
        """Set the usual time of a model from scratch or of a trained one, if that of the other is.

        A time that the user or a project chose stays.
        """
        usual = UNTRAINED_MINUTES, TRAINED_MINUTES
        if self.start_model.chosen is None:
            usual = usual[::-1]
        if self._minutes.value() == usual[0]:
            self._set_minutes(usual[1])

    def _project_changed(self) -> None:
        if self.session.image is None:  # a project was opened, not created for the open images
            self.start_model.follow()

    def _show_minutes(self) -> None:
        self._minutes.blockSignals(True)
        self._minutes.setValue(self.session.training_settings.minutes or 15.0)
        self._minutes.blockSignals(False)

    def _training_changed(self) -> None:
        if self.session.training.status == "done":
            self.start_model.follow()  # the next training starts from this one's model
        self._update()

    def _update_soon(self) -> None:
        self._update_later.throttle()

    def _update(self) -> None:
        status = self.session.training.status
        active = self.session.training.active
        card, problem = self._find_start() if not active else (None, "")
        self._obstacle = problem
        self._form.setRowVisible(self._size, self._annotation.totals.scribbled_only)
        self._button.setText(BUTTON.get(status, "Start training"))
        self._button.setEnabled(active or not problem)
        if self._button.property("active") != active:
            self._button.setProperty("active", active)
            self._button.style().unpolish(self._button)
            self._button.style().polish(self._button)
        self._button.setToolTip(problem)
        self._back.setText(BACK[self.session.training.back])
        self._back.setVisible(self._training.can_go_back)
        self._show_resume()
        for part in (self.start_model, self._minutes, self._size, self.device, self.settings):
            part.setEnabled(not active)
        carried = "" if card is None else carrying(card, self._images)
        self.set_hint(problem or carried or HINTS[status])
        self._show_use(card)

    def _show_resume(self) -> None:
        training = self.session.training
        self._resume.setVisible(self._training.can_resume)
        self._resume.setText(f"Go on ({clock(training.seconds_left)} left)")
        used, totals = training.used.get("used", {}), self._annotation.totals
        same = (used.get("images"), used.get("objects")) == (totals.images, totals.objects)
        # Trainings of older versions did not note it.
        same &= training.used.get("annotations") in (None, totals.digest)
        self._resume.setEnabled(same)
        self._resume.setToolTip(
            "Go on with this training where it was."
            if same
            else "The annotations changed since this training: start a new one."
        )

    def _find_start(self) -> tuple[ModelCard | None, str]:
        """Return the start model's card, if there is one, and why no training can start."""
        try:
            card = self.start_model.card()
        except InputError as error:
            return None, sentence(str(error))
        return card, obstacle(self.session, self._images, self._annotation, card)

    def _show_use(self, card: ModelCard | None) -> None:
        """Show what the training that runs uses, or what the next one would hold out."""
        training, totals = self.session.training, self._annotation.totals
        if training.active:
            self.use.setText(used_text(training))
            self.use.setToolTip(share_text(training))
            return
        share, drawn = self.session.training_settings.validation_share, totals.drawn
        new, before = self._unseen(card)
        rule, best = (
            held_out_of(totals.images, drawn, *numbers, totals.classes, share)
            for numbers in ((new, before), (drawn, 0))
        )
        text, tip = plan_texts(rule, self._shipped() if best.something else [])
        self.use.setText("" if self._obstacle else text)
        self.use.setToolTip("" if self._obstacle else tip)

    def _unseen(self, card: ModelCard | None) -> tuple[int, int]:
        """Return about how many objects are new to the start model, and were held out before."""
        drawn, project = self._annotation.totals.drawn, self.session.project
        places = Places() if card is None else places_known(card.places, card.history)
        if places is None:
            return 0, 0
        if project is None or self.start_model.chosen != str(project.model_folder):
            return drawn, 0  # the objects of another's model are others
        before = len(places.held_out)
        return max(0, drawn - before - len(places.learned)), before

    def _shipped(self) -> list[str]:
        """Return the shipped models that a training on the current image can start from."""
        try:
            channels, ndim = self._images.kind()
        except InputError:
            return []
        return start_models(ndim, channels, colours=self._images.colours)


class Minutes(QDoubleSpinBox):
    """Box for the time; its arrows step through presets."""

    PRESETS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 1440.0)

    def __init__(self) -> None:
        super().__init__()
        ignore_wheel(self)
        dress(self, "number")
        self.setRange(0.1, self.PRESETS[-1])
        self.setDecimals(1)
        self.setSuffix(" min")
        self.setKeyboardTracking(False)
        self.setToolTip(
            "Training time: a few minutes for few objects. You can stop at any time, and continue"
            " from the same model later."
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
        """Return the number without trailing zeros."""
        return f"{value:g}"
