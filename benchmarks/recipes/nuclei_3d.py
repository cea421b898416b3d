"""``nuclei-3d``: nuclei in volumes, in cubic voxels, over a range of sizes.

``python -m benchmarks.recipes.nuclei_3d DATA OUT [--sets plant_nuclei3d] [--minutes 25] [--model
cells-2d] [--checkpoint FILE]``

``DATA/SET/train/{images,masks}`` are the sets; most of what is learned from is generated. The last
slices of each real volume are kept aside. Cells that fill a volume behind their membranes, as in
``plant_cells3d``, are no nuclei: left out. A model for images starts with its kernels in the middle
of those for volumes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.few import training_clock
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.annotation import TrainingImage, summarise
from napari_spatial_embeddings.training.train import WORKING_DIAMETER, model_from_scratch

from .gathering import annotated, run, sized
from .volumes import DIAMETERS, volume

DIAMETER = WORKING_DIAMETER[3]

IMAGE_DIAMETER = 18.0
"""Typical diameter of nuclei, in voxels of the finest axis, where none is given.

Nuclei are some 8 to 40 voxels wide in most volumes: seen at two thirds, 5 to 27, nearly all of them
are within what is learned from.
"""

GENERATED, ASIDE = 160, 8
"""Number of generated volumes to learn from, and to choose the best model by."""

SIZES = 40
"""Sizes that a real volume is learned at: a single one, it is a sixth of the objects' crops."""

HELD_OUT = 0.35
"""Share of a real volume's slices that is kept aside."""

SETTINGS = TrainingSettings(crop_size=32, batch_size=1, pseudo_labels=False)
"""Crops of 32 voxels, and in the end of 48, in which the largest nuclei find room."""


def parted(image: TrainingImage) -> tuple[TrainingImage, TrainingImage]:
    """Return the first slices of a volume, and the last ones, without objects that lie in both."""
    cut = round(len(image.labels) * (1 - HELD_OUT))
    parts = []
    for part in (slice(0, cut), slice(cut, None)):
        labels = image.labels[part].copy()
        if part.start:
            labels[np.isin(labels, np.unique(image.labels[:cut])) & (labels > 0)] = IGNORE
        ids, dense = np.unique(labels[labels > 0], return_inverse=True)
        labels[labels > 0] = dense + 1
        classes = image.classes[np.append(0, ids)]
        pixels = image.image[:, part]
        parts.append(
            replace(image, image=pixels, labels=labels, classes=classes, whole=image.image)
        )
    first, last = parts
    return first, last


def gathered(
    data: Path, sets: list[str], generated: int, seed: int
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Return the volumes to train on, and those kept aside."""
    rng = np.random.default_rng(seed)
    aside = [volume(k) for k in range(ASIDE)]
    images = [volume(k) for k in range(ASIDE, ASIDE + generated)]
    low, high = np.log(np.array(DIAMETERS) / DIAMETER)
    for name in sets:
        for whole in annotated(data / name / "train"):
            learned, held_out = parted(whole)
            images += [sized(learned, DIAMETER, rng.uniform(low, high)) for _ in range(SIZES)]
            aside += [sized(held_out, DIAMETER, larger) for larger in (0.0, 0.4)]
    print(f"{summarise(images)}; {summarise(aside)} aside", flush=True)
    return images, aside


def start_model(
    images: list[TrainingImage], seed: int, name: str | None = None, convolutions: int = 1
) -> SpatialEmbeddings:
    """Return a model for volumes, one with the weights of a model for images, or a new one."""
    start = find_model(name) if name else None
    if start and start.settings.ndim == 3:
        return start
    more = {} if start else {"convolutions": convolutions}
    return model_from_scratch(images, object_diameter=DIAMETER, seed=seed, flat=start, **more)


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="*", default=["plant_nuclei3d"])
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--generated", type=int, default=GENERATED)
    parser.add_argument("--model", help="start model for volumes or images; new if not given")
    parser.add_argument("--convolutions", type=int, default=1, help="of each block, from scratch")
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="file to go on from if it exists")
    parser.add_argument(
        "--processor-time", action="store_true", help="minutes of it, with one thread"
    )
    options = parser.parse_args()
    settings = SETTINGS.updated(
        minutes=options.minutes,
        validation_seconds=max(30, 10 * options.minutes),
        learning_rate=options.rate,
        seed=options.seed,
    )
    images, aside = gathered(options.data, options.sets, options.generated, options.seed)
    model = start_model(images, options.seed, options.model, options.convolutions)
    clock = training_clock(options.processor_time)
    trained = run(images, aside, settings, model, clock, options.checkpoint)
    trained.image_diameter = IMAGE_DIAMETER
    trained.save(options.out)


if __name__ == "__main__":
    main()
