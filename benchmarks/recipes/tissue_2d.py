"""``tissue-2d``: nuclei in stained tissue and smears, in colour.

``python -m benchmarks.recipes.tissue_2d DATA OUT [--model cells-2d] [--minutes 20]``

``DATA/dsb2018_rgb/train/{images,masks}``, brought to one size of objects. A call goes on with the
training that is in OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.few import training_clock
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.inference.model_card import CHECKPOINT
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.train import model_from_scratch

from .gathering import annotated, gathered, run

SET, SHARES = "dsb2018_rgb", 2
"""The set, and at how many sizes each image is shown."""

COLOURS = 3

DIAMETER = 21.0
"""Pixels that a nucleus is wide, about: that of ``cells-2d``."""


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", help="start model; from scratch if not given")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--processor-time", action="store_true", help="minutes of it, with one thread"
    )
    options = parser.parse_args()
    settings = TrainingSettings(minutes=options.minutes, validation_seconds=120, seed=options.seed)
    sources = {SET: list(annotated(options.data / SET / "train", COLOURS))}
    images, aside = gathered(sources, {SET: SHARES}, DIAMETER, options.seed)
    if options.model:
        model = find_model(options.model).with_channels(COLOURS)
    else:
        model = model_from_scratch(images, object_diameter=DIAMETER, seed=options.seed)
    clock = training_clock(options.processor_time)
    run(images, aside, settings, model, clock, options.out / CHECKPOINT).save(options.out)


if __name__ == "__main__":
    main()
