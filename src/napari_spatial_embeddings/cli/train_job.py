"""Jobs of ``train``: which images, which start model, which settings, which folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import CHECKPOINT

from .flags import ADVICE, CallError, checked_folder, moved_images, read_flags
from .train_inputs import read_annotated
from .train_request import TrainRequest

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.training.dataset import TrainingSet


@dataclass(frozen=True, slots=True)
class Job:
    """A training that is about to start.

    Parameters
    ----------
    data : TrainingSet
    settings : TrainingSettings
    model : SpatialEmbeddings
        The start model, or an untrained one.
    origin : str, optional
        Name or folder of the start model; None if there is none.
    output : path
    channels : int, optional
        Those of the start model as it was, if the images have another number of them.
    """

    data: TrainingSet
    settings: TrainingSettings
    model: SpatialEmbeddings
    origin: str | None
    output: Path
    channels: int | None = None

    @property
    def trained(self) -> bool:
        """Whether the model has learned already, and is only replaced by a better one."""
        return self.origin is not None

    @property
    def start(self) -> str:
        """Where it starts from, for the end of a sentence; empty if from scratch."""
        if self.origin is None:
            return ""
        now = plural(self.model.settings.in_channels, "channel")
        carried = "" if self.channels is None else f", carried over from {self.channels} to {now}"
        return f", starting from {self.origin}{carried}"

    def facts(self) -> dict[str, Any]:
        """Return what is reported when the training starts."""
        from dataclasses import asdict

        from napari_spatial_embeddings.inference.devices import choose_device
        from napari_spatial_embeddings.training.annotation import summarise

        return {
            "used": asdict(summarise(self.data.images)),
            "annotations": self.data.digest,
            "start": self.origin,
            "classes": list(self.model.settings.classes),
            "device": str(choose_device(self.settings.device)),
        }


def job_of_folders(request: TrainRequest) -> Job:
    """Return the job of folders of images and label images."""
    from napari_spatial_embeddings.inference.registry import find_model

    folders = request.folders
    if not (folders.images and folders.labels and request.output):
        raise CallError(
            "train: give --images, --labels, --output, or a --project; 'train --help' explains"
        )
    if request.from_scratch:
        raise CallError("--from-scratch: without a --project, leaving --model out is enough")
    settings = read_flags(request.flags, TrainingSettings())
    output = checked_folder(request.output)
    _check_output(output, request.resume)
    if bool(folders.val_images) != bool(folders.val_labels):
        raise CallError("--val-images and --val-labels go together; give both or neither")
    start = find_model(request.model) if request.model else None
    data = read_annotated(folders, start.settings.classes if start else None)
    return _job(request, settings, start, str(request.model), data, output)


def job_of_project(request: TrainRequest, project: Project) -> Job:
    """Return the job of a project: with its own settings, which flags override.

    The start model is that of the command line, else the project's own model, so that corrections
    improve it; else the one that the project names. Without any, training starts from scratch.
    """
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.project.training_set import load_training_set
    from napari_spatial_embeddings.training.checkpoint import Checkpoint

    given = request.folders.given()
    if request.output:
        given = [*given, "output"]
    if given:
        flag = given[0].replace("_", "-")
        raise CallError(f"--{flag}: the project has its own; leave it or --project out")
    if request.from_scratch and (request.model or request.resume):
        raise CallError("--from-scratch: leave it, or --model and --resume, out")
    own = project.card.training.updated(device=project.card.device)
    settings = read_flags(request.flags, own)
    output, checkpoint = project.model_folder, project.model_folder / CHECKPOINT
    start, origin = None, ""
    if request.resume:
        if not checkpoint.exists():
            raise CallError(f"--resume: {project.folder} holds no training to go on with")
        start, origin = Checkpoint.read(checkpoint).model(), str(output)
    elif not request.from_scratch:
        latest = str(output) if project.has_model else project.card.start
        origin = request.model or latest or ""
        start = find_model(origin) if origin else None
    with moved_images(project.folder):
        data = load_training_set(project)
    if start and not request.resume:
        start = start.with_classes(data.classes)
    whole = any(image.n_objects and not image.scribbled for image in data.images)
    if whole and "object_diameter" not in request.flags:
        settings = settings.updated(object_diameter=None)  # it is measured on whole objects
    return _job(request, settings, start, origin, data, output, project.card.from_scratch)


def _job(
    request: TrainRequest,
    settings: TrainingSettings,
    start: SpatialEmbeddings | None,
    origin: str,
    data: TrainingSet,
    output: Path,
    chosen: Mapping[str, Any] | None = None,
) -> Job:
    """Make an untrained model if there is no start model, and check that the images suit it.

    A start model for images gives its weights to an untrained model for volumes.

    Parameters
    ----------
    chosen : mapping, optional
        Settings of a new model, by the project.
    """
    from napari_spatial_embeddings.inference.image_check import check_image
    from napari_spatial_embeddings.training.train import model_from_scratch

    kept = {} if start else dict(chosen or {})
    own = read_flags(request.flags, ModelSettings(**kept), FOUND)
    given = [k for k in ModelSettings.model_fields if k not in FOUND and k in request.flags]
    if start and given:
        flag = given[0].replace("_", "-")
        how = "add --from-scratch, or leave it out" if request.project else "leave --model out"
        raise CallError(f"--{flag}: the start model keeps its own; {how}")
    before = None if start is None else start.settings.in_channels
    if start and start.settings.ndim <= data.images[0].labels.ndim:
        start = start.with_channels(len(data.images[0].image))
    flat = start if start and start.settings.ndim < data.images[0].labels.ndim else None
    model = (None if flat else start) or model_from_scratch(
        data.images,
        spacing=data.spacing,
        classes=data.classes,
        seed=settings.seed,
        scale=settings.scale,
        object_diameter=settings.object_diameter,
        flat=flat,
        **{name: getattr(own, name) for name in {*kept, *given}},
    )
    advice = "" if request.project else ADVICE
    for image in data.images + data.validation:
        try:
            check_image(model.settings, image.image.shape, image.image.dtype, advice=advice)
        except InputError as error:
            hint = f"; --from-scratch starts without {origin}" if start and request.project else ""
            raise CallError(f"{image.name}: {error}{hint}") from error
    # Of these images, even where it is unknown: that of others would mislead.
    model.pixel_size, model.unit = data.pixel_size, data.unit
    carried = before if before != model.settings.in_channels else None
    return Job(data, settings, model, origin if start else None, output, carried)


def _check_output(output: Path, resume: bool) -> None:
    from napari_spatial_embeddings.inference.model import CARD, WEIGHTS

    there = (output / CHECKPOINT).exists()
    if resume and not there:
        raise CallError(f"--resume: {output} holds no training to go on with")
    if there and not resume:
        raise CallError(
            f"--output: {output} holds a training already; add --resume to go on with it, or choose"
            " another folder"
        )
    if not there and any((output / name).exists() for name in (CARD, WEIGHTS)):
        raise CallError(f"--output: {output} holds a model already; choose another folder")
