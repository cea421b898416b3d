"""``cells-2d``: many kinds of cells in grey, dark or bright, brought to one size.

``python -m benchmarks.recipes.cells_2d DATA OUT [--sets dsb2018 dsb2018_rgb] [--minutes 60]``

``DATA/SET/train/{images,masks}`` are the sets; colours become grey, and generated cells are added.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.few import training_clock
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.train import model_from_scratch

from . import shapes
from .gathering import annotated, gathered, run

SHARES = {"dsb2018": 1, "dsb2018_rgb": 2, "usiigaci": 8, "emps": 1, "axon_tem": 20, "bbbc039": 4}
"""How often an image is in the list: a kind that has few images is to be in many crops too."""

DIAMETER = 21.0
"""Pixels that an object is wide, about: as nuclei often are, so many images come as they are."""

GENERATED = 400
"""Number of generated images."""


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=["dsb2018", "dsb2018_rgb"])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--model", help="start model; from scratch if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--processor-time", action="store_true", help="minutes of it, with one thread"
    )
    options = parser.parse_args()
    settings = TrainingSettings(
        minutes=options.minutes, invert=0.5, validation_seconds=120, seed=options.seed
    )
    sources = {name: list(annotated(options.data / name / "train")) for name in options.sets}
    sources["generated"] = [shapes.image(k) for k in range(GENERATED)]
    images, aside = gathered(sources, SHARES, DIAMETER, options.seed)
    if options.model:
        model = find_model(options.model)
    else:
        model = model_from_scratch(images, object_diameter=DIAMETER, seed=options.seed)
    clock = training_clock(options.processor_time)
    run(images, aside, settings, model, clock).save(options.out)


if __name__ == "__main__":
    main()
