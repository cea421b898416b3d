"""``nuclei-3d``: nuclei in volumes, brought to cubic voxels and one size.

``python -m benchmarks.recipes.nuclei_3d DATA OUT [--sets plant_nuclei3d] [--minutes 30]``

``DATA/SET/train/{images,masks}`` are the sets; most of what is learned from is generated. Cells
that fill a volume behind their membranes, as in ``plant_cells3d``, are no nuclei: left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.training.train import WORKING_DIAMETER, model_from_scratch

from . import shapes
from .gathering import annotated, gathered, run

SHARES = {"plant_nuclei3d": 12}
"""A single real volume, seen at many sizes, is about a quarter of the objects' crops."""

GENERATED = 100
"""Number of generated volumes."""


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="*", default=["plant_nuclei3d"])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = TrainingSettings(minutes=options.minutes, validation_seconds=180, seed=options.seed)
    sources = {name: list(annotated(options.data / name / "train")) for name in options.sets}
    sources["generated"] = [shapes.volume(k) for k in range(GENERATED)]
    images, aside = gathered(sources, SHARES, WORKING_DIAMETER[3], options.seed)
    model = model_from_scratch(images, object_diameter=WORKING_DIAMETER[3], seed=options.seed)
    run(images, aside, settings, model).save(options.out)


if __name__ == "__main__":
    main()
