"""What the plugin knows, and signals when it changes. Runs, and is tested, without Qt.

Only the main thread changes a session. Workers get its frozen parts (settings, maps, images) and
return values; `Session.number` tells whether what they return is still wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_spatial_embeddings.config import (
    ClusteringSettings,
    PredictionSettings,
    TrainingSettings,
)
from napari_spatial_embeddings.errors import to_message

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.core.instances import Corrections, Instances
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.project import Project

Kind = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a model said of one image, and what was made of it.

    Parameters
    ----------
    maps : EmbeddingMaps
    clustering : Clustering
        The maps' clustering, with what it keeps between two settings.
    classes : tuple of str
        Names of the seed maps' classes.
    instances : Instances, optional
        None until the maps were clustered.
    corrections : Corrections, optional
        What a person changed or accepted.
    milliseconds : float
        What the last clustering took.
    model : str
        The model that predicted the maps: name of a shipped one, or a folder.
    card : dict, optional
        What ``model.json`` said of it then.
    """

    maps: EmbeddingMaps
    clustering: Clustering
    classes: tuple[str, ...]
    instances: Instances | None = None
    corrections: Corrections | None = None
    milliseconds: float = 0.0
    model: str = ""
    card: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """Where the training stands, as its child process tells.

    Parameters
    ----------
    status : str
        "stopping" once a stop was asked for; "failed" if the child ended without a model.
    reports : tuple of dicts
        Its reports so far, see ``train --json``; the last one is the newest.
    problem : str
        Why it failed, as a sentence.
    used : dict
        What it trains on and where, as it told when it began.
    """

    status: Literal["idle", "starting", "running", "stopping", "done", "failed"] = "idle"
    reports: tuple[dict[str, Any], ...] = field(default=())
    problem: str = ""
    used: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether a child process is at work."""
        return self.status in ("starting", "running", "stopping")


class Session:
    """Project, current image, model, settings, results and training of one viewer.

    Images are known by a short key that their layer, their project entry and their result share.

    Attributes
    ----------
    project : Project, optional
        The folder that everything lives in; made when there is something to keep.
    classes : tuple of str
        Names of the classes of objects.
    image : str, optional
        Key of the current image.
    model : str, optional
        Name of a shipped model, or folder of one, that predicts.
    clustering, prediction, training_settings : settings
    fresh : dict
        Fields of a fresh model's settings that a person chose.
    results : dict
        `Result` of each image that was predicted, by key.
    training : Training
    """

    project_changed = Signal()
    classes_changed = Signal()
    image_changed = Signal()
    model_changed = Signal()
    clustering_changed = Signal()
    prediction_changed = Signal()
    training_settings_changed = Signal()
    fresh_changed = Signal()
    result_changed = Signal(str)
    corrections_changed = Signal(str)
    training_changed = Signal()
    said = Signal(str, str)

    def __init__(self) -> None:
        self.project: Project | None = None
        self.classes: tuple[str, ...] = ("object",)
        self.image: str | None = None
        self.model: str | None = None
        self.clustering = ClusteringSettings()
        self.prediction = PredictionSettings()
        self.training_settings = TrainingSettings(minutes=2.0)
        self.fresh: dict[str, Any] = {}
        self.results: dict[str, Result] = {}
        self.training = Training()
        self._numbers: dict[str, int] = {}

    # ------------------------------------------------------------- generations

    def number(self, what: str) -> int:
        """Return a new number for work on ``what``; older ones are stale from now on."""
        self._numbers[what] = self._numbers.get(what, 0) + 1
        return self._numbers[what]

    def wanted(self, what: str, number: int) -> bool:
        """Tell whether the result of the work with this number is still wanted."""
        return self._numbers.get(what) == number

    # ---------------------------------------------------------------- sentences

    def say(self, sentence: str, kind: Kind = "info") -> None:
        """Tell the person something."""
        self.said.emit(sentence, kind)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn what goes wrong inside into a sentence."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - `to_message` logs it
            self.say(to_message(error), "error")

    # ------------------------------------------------------------------ changes

    def set_project(self, project: Project | None) -> None:
        """Work on another project, with its settings; results of the old one are let go of."""
        self.project = project
        self.results.clear()
        self.image = None
        if project is not None:
            card = project.card
            self.classes = card.classes
            self.clustering = card.clustering or ClusteringSettings()
            self.prediction = card.prediction.updated(device=card.device)
            self.training_settings = card.training.updated(device=card.device)
            self.fresh = dict(card.from_scratch)
            self.model = str(project.model_folder) if project.has_model else card.start
        self.project_changed.emit()
        self.classes_changed.emit()
        self.image_changed.emit()
        self.model_changed.emit()
        self.clustering_changed.emit()
        self.prediction_changed.emit()
        self.training_settings_changed.emit()
        self.fresh_changed.emit()

    def keep_in(self, project: Project) -> None:
        """Keep what there is in a new project, instead of taking over what an older one holds."""
        self.project = project
        self.project_changed.emit()

    def set_classes(self, classes: tuple[str, ...]) -> None:
        """Change the names of the classes of objects."""
        if classes != self.classes:
            self.classes = classes
            self.classes_changed.emit()

    def set_image(self, key: str | None) -> None:
        """Make another image the current one."""
        if key != self.image:
            self.image = key
            self.image_changed.emit()

    def set_model(self, model: str | Path | None, clustering: ClusteringSettings | None) -> None:
        """Predict with another model, and take over the thresholds that suit it."""
        self.model = None if model is None else str(model)
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
        """Change how models are trained from now on."""
        self.training_settings = settings
        self.training_settings_changed.emit()

    def set_fresh(self, fresh: dict[str, Any]) -> None:
        """Change what a fresh model is, where that is not measured or left as it is."""
        if fresh != self.fresh:
            self.fresh = dict(fresh)
            self.fresh_changed.emit()

    def set_result(self, key: str, result: Result | None) -> None:
        """Take over what was predicted of an image, or forget it."""
        if result is None:
            self.results.pop(key, None)
        else:
            self.results[key] = result
        self.result_changed.emit(key)

    def set_instances(
        self,
        key: str,
        instances: Instances,
        *,
        corrections: Corrections | None = None,
        milliseconds: float | None = None,
    ) -> None:
        """Take over the instances of an image; corrections stay as they are if not given."""
        old = self.results[key]
        self.results[key] = replace(
            old,
            instances=instances,
            corrections=old.corrections if corrections is None else corrections,
            milliseconds=old.milliseconds if milliseconds is None else milliseconds,
        )
        self.result_changed.emit(key)

    def correct(
        self, key: str, clustering: Clustering, instances: Instances, corrections: Corrections
    ) -> None:
        """Take over what a person corrected.

        Parameters
        ----------
        key : str
            Of the image.
        clustering : Clustering
            The one that respects the corrections; what comes from the old one is stale.
        instances : Instances
        corrections : Corrections
        """
        self.results[key] = replace(
            self.results[key],
            clustering=clustering,
            instances=instances,
            corrections=corrections,
        )
        self.corrections_changed.emit(key)
        self.result_changed.emit(key)

    @property
    def result(self) -> Result | None:
        """The current image's result."""
        return self.results.get(self.image) if self.image else None

    def set_status(self, status: str, **changes: Any) -> None:
        """Change where the training stands."""
        self.training = replace(self.training, status=status, **changes)  # type: ignore[arg-type]
        self.training_changed.emit()

    def add_report(self, report: dict[str, Any]) -> None:
        """Take over a report of the training."""
        self.set_status(
            "stopping" if self.training.status == "stopping" else "running",
            reports=(*self.training.reports, report),
        )

    def facts(self) -> dict[str, Any]:
        """Return the fields of the project's card that tell what is set here."""
        own = None if self.project is None else str(self.project.model_folder)
        start = {} if self.model in (None, own) else {"start": self.model}
        return {
            "classes": self.classes,
            "clustering": self.clustering,
            "prediction": self.prediction.updated(device="auto"),
            "training": self.training_settings.updated(device="auto"),
            "device": self.training_settings.device,
            "from_scratch": self.fresh,
            **start,
        }

    def store(self) -> None:
        """Write the settings into the project, if there is one."""
        if self.project is not None:
            self.project.update(**self.facts())
