"""Training, as a generator of reports.

First on small crops centred on objects, so that no time goes into empty background; then on larger
ones anywhere in the images (Neven et al. 2019, sec. 4). AdamW with a polynomial decay of the
learning rate; the running average of the weights is validated and kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.object_size import largest_reach, typical_diameter
from napari_spatial_embeddings.errors import InputError, OutOfMemory, os_error_text
from napari_spatial_embeddings.inference.devices import choose_device
from napari_spatial_embeddings.inference.image_check import check_image
from napari_spatial_embeddings.inference.lifting import ARCHITECTURE, lift
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.resampling import TOLERANCE
from napari_spatial_embeddings.system.cancellation import Cancelled, never_cancelled, run

from .annotation import TrainingImage
from .checkpoint import Checkpoint
from .preparation import prepare
from .pseudo_labels import complete_scribbles
from .reports import Report, ReportBuilder
from .trainer import Trainer
from .validation import Validation

__all__ = ["OutOfMemory", "Report", "model_from_scratch", "train"]

WORKING_DIAMETER = {2: 36.0, 3: 12.0}
"""Diameter in pixels, by number of axes, to which a new model scales larger objects down.

More pixels show little more of where an object ends, and cost time that training needs.
"""


def model_from_scratch(
    images: list[TrainingImage],
    *,
    spacing: tuple[float, ...] | None = None,
    classes: tuple[str, ...] = ("object",),
    seed: int = 0,
    scale: float = TrainingSettings().scale,
    object_diameter: float | None = None,
    flat: SpatialEmbeddings | None = None,
    **settings: Any,
) -> SpatialEmbeddings:
    """Return an untrained model that suits the annotated objects' number of axes and size.

    Objects larger than `WORKING_DIAMETER` are seen at a coarser scale. The finest axes are scaled
    first, so that the pixels of a volume with thick slices become more like cubes.

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
    flat : SpatialEmbeddings, optional
        For volumes: a trained model for images, whose weights the new one starts with.
    **settings
        Further fields of `ModelSettings`.

    Raises
    ------
    ModelError
        If ``flat`` is not for images, or takes another number of channels.
    """
    labels, own = [image.labels for image in images], [image.spacing for image in images]
    ndim = labels[0].ndim
    spacing = spacing or (1.0,) * ndim
    diameter = object_diameter or typical_diameter(labels, spacing, own)
    reach = scale * max(3 * diameter, 1.1 * largest_reach(labels, spacing, own))
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
    if flat is not None:
        flat = flat.with_classes(classes)
        chosen = {name: getattr(flat.settings, name) for name in ARCHITECTURE} | chosen
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SpatialEmbeddings(ModelSettings.model_validate(chosen))
    if gain < 1:
        model.image_diameter = round(diameter, 2)
    if flat is not None:
        lift(flat, model)
    return model


def train(
    images: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings | None = None,
    *,
    validation: list[TrainingImage] | None = None,
    checkpoint: Path | None = None,
    baseline: bool = False,
    cancelled: Callable[[], bool] = never_cancelled,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Report]:
    """Train a model.

    For a trained start model, the images are resampled so that their objects have the size that it
    knows, and the new model stores the factor. From scratch, the images stay as they are.

    Parameters
    ----------
    images : list of TrainingImage
        All with the same number of axes and channels.
    settings : TrainingSettings
    model : SpatialEmbeddings, optional
        The start model, which is not changed; from scratch if not given. One of another number of
        channels is carried over by `SpatialEmbeddings.with_channels` before.
    validation : list of TrainingImage, optional
        To choose the best model by. If not given, some of many images are held out. Of few images,
        some objects are, for a trained start model; else they serve for both.
    checkpoint : path, optional
        File of the whole state. If it exists, the training is resumed from it.
    baseline : bool
        Validate ``model`` before the first step: only a better model replaces it, and with few
        annotations a share of its weights is kept, by how well it scores.
    cancelled : callable
        Called between two steps and between the pieces of a validation. Once it returns True, the
        training ends with a last report, whose model is the best so far.
    clock : callable
        Time in seconds, from any origin, that budgets, pauses and reports are measured by.

    Yields
    ------
    Report
        About every ``settings.report_seconds``, and one at the end, which is ``done`` unless the
        training was cancelled; none if the checkpoint's training has spent its budget already. From
        a trained start model, the end may come before the time is over, once held-out objects are
        plainly segmented less well than before.

    Raises
    ------
    InputError
        If there is nothing to learn from, or an image does not suit the model.
    OutOfMemory
        If not even one small crop fits in the device's memory.
    """
    if not any(image.n_objects for image in images):
        raise InputError("there is nothing to learn from: no object is annotated")
    model = model or model_from_scratch(
        images,
        seed=settings.seed,
        scale=settings.scale,
        object_diameter=settings.object_diameter,
    )
    for image in images + (validation or []):
        has = len(image.image)
        same = image.labels.ndim == model.settings.ndim
        advice = f"start from what with_channels({has}) of the model returns" if same else ""
        check_image(model.settings, image.image.shape, name=image.name, advice=advice)
    saved = Checkpoint.read(checkpoint) if checkpoint is not None and checkpoint.exists() else None
    if saved is not None:
        completed = saved.completed_images(images)
    else:
        completed = _completed_images(model, images, settings, cancelled)
    trainer = prepare(images, settings, model, validation, completed, clock)
    if saved is not None:
        saved.restore(trainer)
        if trainer.progress() >= 1:
            return
    builder = ReportBuilder(trainer)

    def report(found: Validation | None = None, message: str = "", done: bool = False) -> Report:
        trainer.update_unvalidated_best()  # reports carry the best model
        return builder.report(found, message, done)

    try:
        found: Validation | None = None
        if baseline and not trainer.steps:
            found = run(trainer.validate(), cancelled)
            trainer.choice.start_ap = found.mean_ap
            yield report(found)
        if not trainer.steps:
            run(trainer.find_pseudo_background(), cancelled)
            if message := _completion_message(images, completed or images):
                yield report(message=message)
        trainer.start_clock()
        while (progress := trainer.progress()) < 1 and not trainer.overtrained:
            if cancelled():
                raise Cancelled
            try:
                losses = trainer.step(progress)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                yield report(message=trainer.shrink(error))
                continue
            builder.add(losses)
            if trainer.since_validation() >= trainer.pause():
                found = run(trainer.validate(), cancelled)
                message = _write_checkpoint(trainer, checkpoint)
                yield report(found, message)
            elif builder.seconds() >= settings.report_seconds:
                yield report()
        early = _early_end_message(trainer)
        if not early:  # else it was validated just now
            found = run(trainer.validate(), cancelled)
        run(trainer.choose_thresholds(), cancelled)
        message = _write_checkpoint(trainer, checkpoint)
        yield report(found, message or early, done=True)
    except Cancelled:
        trainer.update_unvalidated_best()
        message = _write_checkpoint(trainer, checkpoint)
        yield report(message=message)
    finally:
        trainer.close()


def _completed_images(
    model: SpatialEmbeddings,
    images: list[TrainingImage],
    settings: TrainingSettings,
    cancelled: Callable[[], bool],
) -> list[TrainingImage] | None:
    """Return the images with completed scribbles, if the settings and the model allow it."""
    if not (settings.pseudo_labels and model.history and any(image.scribbled for image in images)):
        return None
    device = str(choose_device(settings.device))
    try:
        return run(complete_scribbles(model, images, settings.object_diameter, device), cancelled)
    except Cancelled:  # before the first step; the training will find out by itself
        return None


def _completion_message(images: list[TrainingImage], completed: list[TrainingImage]) -> str:
    """Return a message about completed scribbles, empty if there are none."""
    new = [c for i, c in zip(images, completed, strict=True) if c is not i]
    if not new:
        return ""
    spacing = new[0].spacing or (1.0,) * new[0].labels.ndim
    own = [image.spacing for image in new]
    width = typical_diameter([image.labels for image in new], spacing, own)
    return (
        "scribbles were completed to the objects that the start model sees there, about"
        f" {width:.0f} pixels wide"
    )


def _early_end_message(trainer: Trainer) -> str:
    """Return a message if the training ends before its time is over, else nothing."""
    if not trainer.overtrained:
        return ""
    return "ended early, as more training only made it worse on held-out objects"


def _write_checkpoint(trainer: Trainer, checkpoint: Path | None) -> str:
    """Write the checkpoint, if there is a path; return a message if that failed.

    A full disk costs the possibility to resume, not the training.
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
