"""Training, as a generator of reports. Stopping is not asking for the next one.

First on small crops centred on objects, so that no time goes into empty background; then on larger
ones that lie anywhere (Neven et al. 2019, sec. 4). AdamW with a polynomial decay of the learning
rate, and a running average of the weights, which is what is validated and kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.object_size import largest_reach, typical_diameter
from napari_spatial_embeddings.errors import InputError, OutOfMemory, os_error_text
from napari_spatial_embeddings.inference.devices import choose_device
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.resampling import TOLERANCE
from napari_spatial_embeddings.system.cancellation import Cancelled, never_cancelled, run

from .annotation import TrainingImage
from .checkpoint import Checkpoint
from .preparation import prepare
from .pseudo_labels import completing
from .reports import Report, Tally
from .trainer import Trainer

log = logging.getLogger(__name__)

__all__ = ["OutOfMemory", "Report", "fresh_model", "train"]

WORKING_DIAMETER = {2: 36.0, 3: 12.0}
"""Diameter in pixels, by number of axes, that a fresh model brings larger objects down to.

More pixels than these tell little about where an object ends, and cost time that learning needs.
"""


def fresh_model(
    images: list[TrainingImage],
    *,
    spacing: tuple[float, ...] | None = None,
    classes: tuple[str, ...] = ("object",),
    seed: int = 0,
    scale: float = TrainingSettings().scale,
    object_diameter: float | None = None,
    **settings: Any,
) -> SpatialEmbeddings:
    """Return an untrained model that suits the annotated objects' number of axes and size.

    Objects larger than `WORKING_DIAMETER` are seen at a coarser scale, which first takes what an
    axis has too fine: a volume with thick slices comes nearer to cubes.

    Parameters
    ----------
    images : list of TrainingImage
    spacing : tuple of floats, optional
        Size of a pixel along each axis, the finest being 1.
    classes : tuple of str
    seed : int
        Of the initial weights.
    scale : float
        Largest factor by which the objects will be magnified in training.
    object_diameter : float, optional
        Typical diameter of the objects in the images, in pixels of the finest axis; measured on the
        annotated objects if not given.
    **settings
        Further fields of `ModelSettings`.
    """
    labels = [image.labels for image in images]
    ndim = labels[0].ndim
    spacing = spacing or (1.0,) * ndim
    diameter = object_diameter or typical_diameter(labels, spacing)
    reach = scale * max(3 * diameter, 1.1 * largest_reach(labels, spacing))
    gain = min(1.0, WORKING_DIAMETER[ndim] / diameter)
    gain = gain if gain < 1 / TOLERANCE else 1.0
    if all(image.spacing for image in images):
        spacing = tuple(max(1.0, s * gain) for s in spacing)
    chosen: dict[str, Any] = {
        "ndim": ndim,
        "in_channels": images[0].image.shape[0],
        "classes": classes,
        "spacing": spacing,
        "working_diameter": round(diameter * gain, 2),
        "offset_range": round(reach * gain, 2),
        **settings,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SpatialEmbeddings(ModelSettings.model_validate(chosen))
    if gain < 1:
        model.image_diameter = round(diameter, 2)
    return model


def train(
    images: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings | None = None,
    *,
    validation: list[TrainingImage] | None = None,
    checkpoint: Path | None = None,
    baseline: bool = False,
    stop: Callable[[], bool] = never_cancelled,
) -> Iterator[Report]:
    """Train a model.

    A model that has learned already works at the size of objects that it knows: the images are
    resampled so that theirs have it, and the model remembers by how much. A fresh model takes the
    images as they are.

    Parameters
    ----------
    images : list of TrainingImage
        All with the same number of axes and channels.
    settings : TrainingSettings
    model : SpatialEmbeddings, optional
        What to start from; a fresh model if not given. It is left as it is.
    validation : list of TrainingImage, optional
        To choose the best model by. If not given, some images are kept aside when there are many;
        else the training images themselves tell how well the model fits.
    checkpoint : path, optional
        A file to keep the whole state in. If it exists, the training goes on from it.
    baseline : bool
        Validate ``model`` before the first step: only what is better then takes its place.
    stop : callable
        Asked between two steps and between the pieces of a validation. Once it says so, the
        training ends as if nobody had asked for the next report: for those who cannot wait for
        one.

    Yields
    ------
    Report
        About every ``settings.report_seconds``, and one at the end; none if the checkpoint's
        training has spent its budget already.

    Raises
    ------
    InputError
        If there is nothing to learn from.
    OutOfMemory
        If not even one small crop fits in the device's memory.
    """
    if not any(image.n_objects for image in images):
        raise InputError("there is nothing to learn from: no object is annotated")
    model = model or fresh_model(
        images,
        seed=settings.seed,
        scale=settings.scale,
        object_diameter=settings.object_diameter,
    )
    saved = Checkpoint.read(checkpoint) if checkpoint is not None and checkpoint.exists() else None
    if saved is not None:
        completed = saved.completed(images)
    else:
        completed = _completed(model, images, settings, stop)
    trainer = prepare(images, settings, model, validation, completed)
    if saved is not None:
        saved.into(trainer)
        if trainer.progress() >= 1:
            return
    tally = Tally(trainer)
    try:
        if baseline and not trainer.steps:
            found = run(trainer.validating(), stop)
            trainer.floor = found.mean_ap
            yield tally.report(found)
        if not trainer.steps:
            run(trainer.presuming(), stop)
            if told := _taken_for(images, completed or images):
                yield tally.report(message=told)
        trainer.start_clock()
        while (progress := trainer.progress()) < 1:
            if stop():
                raise Cancelled
            try:
                losses = trainer.step(progress)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                yield tally.report(message=trainer.shrink(error))
                continue
            tally.add(losses)
            if trainer.since_validation() >= trainer.pause():
                found = run(trainer.validating(), stop)
                message = _keep(trainer, checkpoint)
                yield tally.report(found, trainer.improved, message)
            elif tally.seconds() >= settings.report_seconds:
                yield tally.report()
        found = run(trainer.validating(), stop)
        run(trainer.finishing(), stop)
        message = _keep(trainer, checkpoint)
        yield tally.report(found, trainer.improved, message, done=True)
    except (GeneratorExit, Cancelled) as error:  # stopped by hand: keep what there is
        try:
            if isinstance(error, GeneratorExit):
                raise
            yield tally.report()  # at once: somebody waits for it, and for nothing else
        finally:
            trainer.keep_something()
            if message := _keep(trainer, checkpoint):
                log.warning(message)
    finally:
        trainer.close()


def _completed(
    model: SpatialEmbeddings,
    images: list[TrainingImage],
    settings: TrainingSettings,
    stop: Callable[[], bool],
) -> list[TrainingImage] | None:
    """Return the images with whole objects in place of strokes, if a model has an idea of them."""
    if not (settings.pseudo_labels and model.history and any(image.scribbled for image in images)):
        return None
    device = str(choose_device(settings.device))
    try:
        return run(completing(model, images, settings.object_diameter, device), stop)
    except Cancelled:  # before the first step; the training will find out by itself
        return None


def _taken_for(images: list[TrainingImage], completed: list[TrainingImage]) -> str:
    """Say what strokes were taken for, or nothing if there are none."""
    new = [c for i, c in zip(images, completed, strict=True) if c is not i]
    if not new:
        return ""
    spacing = new[0].spacing or (1.0,) * new[0].labels.ndim
    width = typical_diameter([image.labels for image in new], spacing)
    return (
        "strokes were completed to the objects that the model to start from sees there, about"
        f" {width:.0f} pixels wide"
    )


def _keep(trainer: Trainer, checkpoint: Path | None) -> str:
    """Write the checkpoint, if there is to be one; return what kept it from being written.

    A full disk costs the chance to resume, and not the training.
    """
    if checkpoint is None:
        return ""
    try:
        Checkpoint.of(trainer).write(checkpoint)
    except OSError as error:
        start = "from the one before" if checkpoint.exists() else "from the beginning"
        return (
            f"{checkpoint} cannot be written: {os_error_text(error)}; going on, but --resume would"
            f" start {start}"
        )
    return ""
