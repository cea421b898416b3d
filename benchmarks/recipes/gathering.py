"""Training sets of shipped models: real and generated images, brought to one size of objects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.resampling import Resampling
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate, summarise
from napari_spatial_embeddings.training.dataset import resampled
from napari_spatial_embeddings.training.train import train

ASIDE = 6
"""Images of each set that are kept aside: the best model is that of the best mean over all sets.

Large sets would otherwise choose among the weights, and the thresholds, for the small ones.
"""


def grey(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Turn colours (3, Y, X) into grey (1, Y, X); leave grey (1, *S) as it is."""
    weights = [0.299, 0.587, 0.114] if len(pixels) == 3 else [1.0]
    return np.tensordot(weights, pixels, 1)[None].astype(np.float32)


def in_channels(pixels: NDArray[np.generic], channels: int) -> NDArray[np.float32]:
    """Return an image as a model of so many channels takes it: colours in grey for one."""
    return grey(pixels) if channels == 1 else np.asarray(pixels, np.float32)


def annotated(folder: Path, channels: int = 1) -> Iterator[TrainingImage]:
    """Yield the images of a set, grey or in colour, with all their objects."""
    for image_path, labels_path in pair(folder / "images", folder / "masks"):
        image = read_image(image_path)
        labels = read_labels(labels_path)
        pixels = in_channels(image.data, channels)
        yield annotate(pixels, labels, name=image_path.name, spacing=image.spacing)


def sized(image: TrainingImage, diameter: float, jitter: float) -> TrainingImage:
    """Bring an image's objects to about a diameter in pixels, and its pixels to squares or cubes.

    ``jitter`` is the logarithm of the factor by which the objects shall be larger than that.
    """
    if not image.n_objects:
        return image
    spacing = image.spacing or (1.0,) * image.labels.ndim
    own = typical_diameter([image.labels], spacing)
    gain = float(np.clip(diameter / own * np.exp(jitter), 0.3, 3.0))
    return resampled(image, Resampling(tuple(s * gain for s in spacing), gain, spacing))


def gathered(
    sources: dict[str, list[TrainingImage]], shares: dict[str, int], diameter: float, seed: int
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Return the images to train on, and those kept aside.

    ``shares`` is how often each image of a set is in the list, each time at a slightly different
    size; once if not given.
    """
    rng = np.random.default_rng(seed)
    images: list[TrainingImage] = []
    aside: list[TrainingImage] = []
    for name, found in sources.items():
        every = len(found) / ASIDE
        kept = {int((k + 0.5) * every) for k in range(ASIDE)} if every > 2 else set()
        for k, image in enumerate(found):
            if k in kept:
                aside.append(sized(image, diameter, 0.0))
                continue
            jitters = rng.uniform(-0.25, 0.25, shares.get(name, 1))
            images += [sized(image, diameter, jitter) for jitter in jitters]
    print(f"{summarise(images)}; {len(aside)} images aside", flush=True)
    return images, aside


def run(
    images: list[TrainingImage],
    aside: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings,
    clock: Callable[[], float] = time.monotonic,
    checkpoint: Path | None = None,
) -> SpatialEmbeddings:
    """Train, with progress printed; go on with the training of a checkpoint, if there is one.

    Raises
    ------
    SystemExit
        If that training is finished already.
    """
    keep_freed_memory()
    settings = settings.updated(object_diameter=model.settings.working_diameter)
    report = None
    for report in train(
        images, settings, model, validation=aside or None, clock=clock, checkpoint=checkpoint
    ):
        if report.validation is not None:
            facts = {"step": report.step, "seconds": round(report.seconds)}
            print(json.dumps({**facts, **asdict(report.validation)}), flush=True)
    if report is None:
        raise SystemExit("the training is finished already")
    return report.model
