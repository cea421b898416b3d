"""What ``train`` is to do: on which images, from which model, into which folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.project.training_set import load_training_set

from .flags import CallError, checked_folder, needs_all, read_flags
from .input_check import check_kind

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.training.dataset import TrainingSet

CHECKPOINT = "checkpoint.safetensors"

NEEDED = ("images", "labels", "output")
"""Flags without which there is nothing to do, unless a project tells it all."""

TOLD = (
    *NEEDED,
    *("val_images", "val_labels", "unlabelled", "regions", "classes", "scribbles"),
    *("axes", "pixel_size"),
)
"""Flags that a project leaves no room for."""


FRESH = "a fresh model"
"""What a training starts from that starts from nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """A training that is about to start.

    Parameters
    ----------
    data : TrainingSet
    settings : TrainingSettings
    model : SpatialEmbeddings
        What it starts from.
    origin : str
        Where that comes from, for people: a name, a folder, or `FRESH`.
    known : bool
        Whether that has learned something already, and is only replaced by something better.
    output : path
    """

    data: TrainingSet
    settings: TrainingSettings
    model: SpatialEmbeddings
    origin: str
    known: bool
    output: Path


def of_folders(options: argparse.Namespace) -> Job:
    """Return what is to be done with folders of images and label images."""
    from napari_spatial_embeddings.inference.registry import find_model

    from .train_inputs import read_annotated

    needs_all(options, NEEDED, "train")
    if options.fresh:
        raise CallError("--fresh: without a --project, leaving --model out is enough")
    settings = read_flags(options, TrainingSettings())
    output = checked_folder(options.output)
    _check_output(output, options.resume)
    if bool(options.val_images) != bool(options.val_labels):
        raise CallError("--val-images and --val-labels go together; give both or neither")
    start = find_model(options.model) if options.model else None
    return _job(
        options,
        settings,
        start,
        str(options.model),
        read_annotated(options, start.settings.classes if start else None),
        output,
    )


def of_project(options: argparse.Namespace, project: Project) -> Job:
    """Return what is to be done with a project: by its own settings, but for the flags given.

    It starts from the model named on the command line, else from the project's own, so that a
    correction improves what is there; else from the one that the project names; else anew.
    """
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.training.checkpoint import Checkpoint

    told = [name for name in TOLD if getattr(options, name)]
    if told:
        flag = told[0].replace("_", "-")
        raise CallError(f"--{flag}: the project tells that; leave it or --project out")
    if options.fresh and (options.model or options.resume):
        raise CallError("--fresh starts anew; leave it, or --model and --resume, out")
    settings = read_flags(options, project.card.training.updated(device=project.card.device))
    output, checkpoint = project.model_folder, project.model_folder / CHECKPOINT
    start, origin = None, ""
    if options.resume:
        if not checkpoint.exists():
            raise CallError(f"--resume: {project.folder} holds no training to go on with")
        start, origin = Checkpoint.read(checkpoint).model(), str(output)
    elif not options.fresh:
        own = str(output) if project.has_model else project.card.start
        origin = options.model or own or ""
        start = find_model(origin) if origin else None
    data = load_training_set(project)
    if start and not options.resume:
        start = start.with_classes(data.classes)
    drawn = any(image.n_objects and not image.scribbled for image in data.images)
    if drawn and not hasattr(options, "object_diameter"):
        settings = settings.updated(
            object_diameter=None
        )  # it is measured; scribbles do not tell it
    return _job(options, settings, start, origin, data, output, project.card.from_scratch)


def _job(
    options: argparse.Namespace,
    settings: TrainingSettings,
    start: SpatialEmbeddings | None,
    origin: str,
    data: TrainingSet,
    output: Path,
    fresh: Mapping[str, Any] | None = None,
) -> Job:
    """Make a fresh model if there is none to start from, and check that the images suit it."""
    from napari_spatial_embeddings.training.train import fresh_model

    kept = {} if start else dict(fresh or {})
    own = read_flags(options, ModelSettings(**kept), FOUND)
    given = [k for k in ModelSettings.model_fields if k not in FOUND and hasattr(options, k)]
    if start and given:
        flag = given[0].replace("_", "-")
        how = "add --fresh, or leave it out" if options.project else "leave it or --model out"
        raise CallError(f"--{flag}: only a fresh model can be given this; {how}")
    chosen = {name: getattr(own, name) for name in {*kept, *given}}
    model = start or fresh_model(
        data.images,
        spacing=data.spacing,
        classes=data.classes,
        seed=settings.seed,
        scale=settings.scale,
        object_diameter=settings.object_diameter,
        **chosen,
    )
    for image in data.images + data.aside:
        try:
            check_kind(model, image.image)
        except InputError as error:
            hint = f"; --fresh starts without {origin}" if start and options.project else ""
            raise CallError(f"{image.name}: {error}{hint}") from error
    # Of these images, even where nobody knows it: that of others would mislead.
    model.pixel_size, model.unit = data.pixel_size, data.unit
    return Job(
        data,
        settings,
        model,
        origin if start else FRESH,
        start is not None,
        output,
    )


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


def facts(job: Job) -> dict[str, Any]:
    """Return what programs are told before a training starts."""
    from dataclasses import asdict

    from napari_spatial_embeddings.inference.devices import choose_device
    from napari_spatial_embeddings.training.annotation import usage

    return {
        "used": asdict(usage(job.data.images)),
        "start": job.origin,
        "classes": list(job.model.settings.classes),
        "device": str(choose_device(job.settings.device)),
    }
