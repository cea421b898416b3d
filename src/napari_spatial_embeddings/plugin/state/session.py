"""The session: what the plugin knows, with signals for its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_spatial_embeddings.config import (
    ClusteringSettings,
    PredictionSettings,
    TrackingSettings,
    TrainingSettings,
)
from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import to_message

from .open_image import OpenImage, PartialResult
from .training_state import Status, TrainingState

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project import Project

Kind = Literal["info", "warning", "error"]


def always() -> bool:
    """Return that a message holds."""
    return True


class Session:
    """Project, open images, model, settings and training of one viewer.

    Runs, and is tested, without Qt. Only the main thread changes a session; workers get frozen
    parts of it and return values. Images go by a short key that their record, their layers and
    their entry in the project share.

    Attributes
    ----------
    project : Project, optional
        The folder that everything is saved in; created when there is something to save.
    images : dict of OpenImage
        The open images, by key. `ImageController` adds and removes them.
    image : str, optional
        Key of the current image.
    classes : tuple of str
        Names of the classes of objects.
    model : str, optional
        The model that predicts: name of a shipped one, or a folder.
    start : str, optional
        A model that a training can start from; that which predicts, if there is one.
    clustering, prediction, training_settings, tracking : settings
    device : str
        Where models are trained and run.
    from_scratch : dict
        Settings of a model from scratch that the user chose, by name.
    training : TrainingState
    message_holds : callable
        Returns whether the newest message still holds.
    """

    project_changed = Signal()
    classes_changed = Signal()
    image_changed = Signal()
    model_changed = Signal()
    models_changed = Signal()
    """Models were imported, renamed or deleted."""
    clustering_changed = Signal()
    prediction_changed = Signal()
    training_settings_changed = Signal()
    tracking_changed = Signal()
    device_changed = Signal()
    from_scratch_changed = Signal()
    result_changed = Signal(str)
    """Another result of an image: a new prediction, clustering or correction; or none."""
    partial_changed = Signal(str)
    """Newer labels of a part of an image."""
    training_changed = Signal()
    message = Signal(str, str)

    def __init__(self) -> None:
        self.project: Project | None = None
        self.images: dict[str, OpenImage] = {}
        self.image: str | None = None
        self.classes: tuple[str, ...] = ("object",)
        self.model: str | None = None
        self.start: str | None = None
        self.clustering = ClusteringSettings()
        self.prediction = PredictionSettings()
        self.training_settings = TrainingSettings(minutes=2.0)
        self.tracking = TrackingSettings()
        self.device = "auto"
        self.from_scratch: dict[str, Any] = {}
        self.training = TrainingState()
        self.message_holds: Callable[[], bool] = always

    # ---------------------------------------------------------------- messages

    def say(self, text: str, kind: Kind = "info", holds: Callable[[], bool] = always) -> None:
        """Show a message to the user, as a sentence.

        Parameters
        ----------
        text : str
        kind : str
        holds : callable
            Returns whether the message still holds; it is taken back once it does not.
        """
        self.message_holds = holds
        self.message.emit(sentence(text), kind)

    @contextmanager
    def errors_as_messages(self) -> Iterator[None]:
        """Show errors that are raised inside as messages."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - unexpected ones are logged
            self.say(to_message(error), "error")

    # ------------------------------------------------------------------ project

    def set_project(self, project: Project | None) -> None:
        """Work on another project, with its settings; results of the old one are dropped."""
        self.project = project
        for image in self.images.values():
            image.result = image.partial = None
        self.image = None
        if project is not None:
            card = project.card
            self.classes = card.classes
            self.clustering = card.clustering or ClusteringSettings()
            self.prediction = card.prediction
            self.training_settings = card.training
            self.tracking = card.tracking
            self.device = card.device
            self.from_scratch = dict(card.from_scratch)
            self.model = str(project.model_folder) if project.has_model else card.start
            self.start = self.model
        self.project_changed.emit()
        self.classes_changed.emit()
        self.image_changed.emit()
        self.model_changed.emit()
        self.clustering_changed.emit()
        self.prediction_changed.emit()
        self.training_settings_changed.emit()
        self.tracking_changed.emit()
        self.device_changed.emit()
        self.from_scratch_changed.emit()

    def save_in(self, project: Project) -> None:
        """Save the present state in a new project, rather than take over that of an older one."""
        self.project = project
        self.project_changed.emit()

    def project_fields(self) -> dict[str, Any]:
        """Return the fields of the project's card that are set here."""
        own = None if self.project is None else str(self.project.model_folder)
        start = {} if self.model in (None, own) else {"start": self.model}
        return {
            "classes": self.classes,
            "clustering": self.clustering,
            "prediction": self.prediction,
            "training": self.training_settings,
            "tracking": self.tracking,
            "device": self.device,
            "from_scratch": self.from_scratch,
            **start,
        }

    # ----------------------------------------------------------------- settings

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Change the names of the classes of objects."""
        if classes != self.classes:
            self.classes = classes
            self.classes_changed.emit()

    def set_model(
        self,
        model: str | Path | None,
        clustering: ClusteringSettings | None,
        start: str | None = None,
    ) -> None:
        """Predict with another model, and take over the thresholds that suit it.

        A training can start from it; where there is none, perhaps from another one.
        """
        self.model = None if model is None else str(model)
        self.start = self.model or start
        self.model_changed.emit()
        if clustering is not None and clustering != self.clustering:
            self.clustering = clustering
            self.clustering_changed.emit()

    def tune(self, **changes: object) -> None:
        """Change how instances are recovered."""
        new = self.clustering.updated(**changes)
        if new != self.clustering:
            self.clustering = new
            self.clustering_changed.emit()

    def set_prediction(self, **changes: object) -> None:
        """Change how the network is run."""
        self.prediction = self.prediction.updated(**changes)
        self.prediction_changed.emit()

    def set_training(self, settings: TrainingSettings) -> None:
        """Change how models are trained."""
        self.training_settings = settings
        self.training_settings_changed.emit()

    def set_tracking(self, settings: TrackingSettings) -> None:
        """Change how objects are linked over time."""
        if settings != self.tracking:
            self.tracking = settings
            self.tracking_changed.emit()

    def set_device(self, device: str) -> None:
        """Change where models are trained and run."""
        if device != self.device:
            self.device = device
            self.device_changed.emit()

    def set_from_scratch(self, settings: dict[str, Any]) -> None:
        """Change the chosen settings of a model from scratch."""
        if settings != self.from_scratch:
            self.from_scratch = dict(settings)
            self.from_scratch_changed.emit()

    # ------------------------------------------------------------------- images

    def set_image(self, key: str | None) -> None:
        """Make another image the current one."""
        if key != self.image:
            self.image = key
            self.image_changed.emit()

    @property
    def current(self) -> OpenImage | None:
        """The current image's record, if it is open."""
        return self.images.get(self.image) if self.image else None

    def is_open(self, image: OpenImage) -> bool:
        """Return whether an image's record is that of an open one, and not of an earlier one."""
        return self.images.get(image.key) is image

    @property
    def result(self) -> Segmentation | None:
        """The current image's result."""
        return None if self.current is None else self.current.result

    @property
    def results(self) -> dict[str, Segmentation]:
        """Results of the open images that have one, by key."""
        return {key: image.result for key, image in self.images.items() if image.result}

    def set_result(self, key: str, result: Segmentation | None) -> None:
        """Publish the result of an image, or drop it; that of an image that is closed is dropped.

        A prediction, a clustering with other settings and a correction come this way alike.
        """
        image = self.images.get(key)
        if image is not None:
            image.result, image.partial = result, None
            self.result_changed.emit(key)

    def set_partial(self, key: str, partial: PartialResult) -> None:
        """Publish newer labels of a part of an image, until its next result."""
        image = self.images.get(key)
        if image is not None:
            image.partial = partial
            self.partial_changed.emit(key)

    # ----------------------------------------------------------------- training

    def set_status(self, status: Status, **changes: Any) -> None:
        """Change the state of the training."""
        self.training = replace(self.training, status=status, **changes)
        self.training_changed.emit()

    def show_training(self, training: TrainingState) -> None:
        """Go over to another training."""
        self.training = training
        self.training_changed.emit()

    def add_report(self, report: dict[str, Any]) -> None:
        """Append a report of the training.

        What it did after its last checkpoint, if it was cut off and resumed, is done again.
        """
        earlier = (r for r in self.training.reports if r["step"] <= report["step"])
        self.set_status(
            "stopping" if self.training.status == "stopping" else "running",
            stage="",
            reports=(*earlier, report),
        )
