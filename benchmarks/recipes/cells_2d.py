"""``cells-2d``: many kinds of cells in grey, dark or bright, brought to one size.

``python -m benchmarks.recipes.cells_2d DATA OUT [--sets dsb2018 dsb2018_rgb] [--minutes 30]``

``DATA/SET/train/{images,masks}`` are the sets; colours become grey, and generated cells are added.
Training starts from a nuclei model: ``--model``, or one that is trained first on the first set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.annotations import TrainingImage, annotate, typical_diameter, usage
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.model import SpatialEmbeddings
from napari_spatial_embeddings.registry import find_model
from napari_spatial_embeddings.resampling import Resampling
from napari_spatial_embeddings.training import fresh_model, train

from . import shapes

SHARES = {"dsb2018": 1, "dsb2018_rgb": 2, "usiigaci": 3}
"""How often each image of a set is in the list, each time at a slightly different size."""

GENERATED = 220
EVERY = 20
"""Of each set's training images, one in so many is kept aside to choose the best model by."""


def grey(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Turn colours (3, Y, X) into grey (1, Y, X); leave grey as it is."""
    weights = [0.299, 0.587, 0.114] if len(pixels) == 3 else [1.0]
    return np.tensordot(weights, pixels, 1)[None].astype(np.float32)


def annotated(folder: Path) -> Iterator[TrainingImage]:
    """Yield the images of a set, grey, with all their objects."""
    for image_path, labels_path in pair(folder / "images", folder / "masks"):
        pixels = grey(read_image(image_path).data)
        yield annotate(pixels, read_labels(labels_path), name=image_path.name)


def sized(image: TrainingImage, model: SpatialEmbeddings, jitter: float) -> TrainingImage:
    """Bring an image's objects to about the size that the model works at."""
    if not image.n_objects:
        return image
    known = model.settings.object_diameter
    own = typical_diameter([image.labels], model.settings.spacing)
    factor = np.clip(known / own * np.exp(jitter), 0.3, 3.0)
    return Resampling((factor,) * 2, factor, model.settings.spacing).annotated(image)


def gathered(
    data: Path, sets: list[str], model: SpatialEmbeddings, seed: int
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Return the images to train on, and those kept aside."""
    rng = np.random.default_rng(seed)
    images: list[TrainingImage] = []
    aside: list[TrainingImage] = []
    sources = {name: list(annotated(data / name / "train")) for name in sets}
    sources["generated"] = [shapes.image(k) for k in range(GENERATED)]
    for name, found in sources.items():
        for k, image in enumerate(found):
            if k % EVERY == EVERY // 2:
                aside.append(sized(image, model, 0.0))
                continue
            jitters = rng.uniform(-0.25, 0.25, SHARES.get(name, 1))
            images += [sized(image, model, jitter) for jitter in jitters]
    return images, aside


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=["dsb2018", "dsb2018_rgb"])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--first-minutes", type=float, default=30)
    parser.add_argument("--model", help="nuclei model to start from; trained first if not given")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = TrainingSettings(
        minutes=options.minutes, invert=0.5, validation_seconds=120, seed=options.seed
    )
    if options.model:
        model = find_model(options.model)
    else:
        nuclei = list(annotated(options.data / options.sets[0] / "train"))
        first = settings.updated(minutes=options.first_minutes, invert=0.0)
        model = run(nuclei, [], first, fresh_model(nuclei, seed=options.seed))
    images, aside = gathered(options.data, options.sets, model, options.seed)
    print(f"{usage(images)}; {len(aside)} images aside", flush=True)
    run(images, aside, settings, model).save(options.out)


def run(
    images: list[TrainingImage],
    aside: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings,
) -> SpatialEmbeddings:
    """Train, saying how it goes."""
    known = model.settings.object_diameter
    for report in train(images, settings, model, validation=aside or None, object_diameter=known):
        if report.validation is not None:
            facts = {"step": report.step, "seconds": round(report.seconds)}
            print(json.dumps({**facts, **asdict(report.validation)}), flush=True)
    return report.model


if __name__ == "__main__":
    main()
