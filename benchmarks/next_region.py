"""A simulated annotator: in proposed regions, and in random ones of the same size.

``python -m benchmarks.next_region DATA SET [--model NAME_OR_DIR] [--rounds N] [--minutes M]
[--seeds S ...] [--test] [--quick]``

In each round, the annotator draws what the masks say in one region more: all objects in it, whole,
and no other. A training from the start model follows, with all that is annotated so far; its model
proposes the next region. Images are every so many-th of the set's training images; others of them
are scored, or, with ``--test``, the test images. ``--quick`` runs a round of seconds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.editing.proposed_regions import (
    ProposedRegion,
    ranked,
    region_shape,
    regions_in,
)
from napari_spatial_embeddings.editing.uncertainty import uncertainty
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.train import train

from . import table
from .few import Labels, Pair, read, scores, training_clock

IMAGES, SCORED = 8, 8
"""Images that may be annotated, and that are scored unless it is on the test images."""

TRIES = 1000
"""Places that are tried for a random region which touches none before."""


@dataclass
class Sheet:
    """An image, its masks, and what is annotated of it so far."""

    image: NDArray[np.generic]
    masks: Labels
    drawn: Labels = field(init=False)
    complete: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = np.zeros_like(self.masks)
        self.complete = np.zeros(self.masks.shape, bool)

    def annotate(self, box: tuple[slice, ...]) -> None:
        """Draw all objects that a region holds or cuts."""
        inside = np.unique(self.masks[box])
        there = np.isin(self.masks, inside[inside > 0])
        self.drawn = np.where(there, self.masks, self.drawn)
        self.complete[box] = True


def proposed(model: SpatialEmbeddings, sheets: list[Sheet]) -> tuple[int, tuple[slice, ...]]:
    """Return the image and the box that the queue begins with."""
    every: list[ProposedRegion] = []
    for k, sheet in enumerate(sheets):
        maps = model.predict_maps(sheet.image)
        instances = cluster(maps, model.clustering)
        found = uncertainty(maps, instances, model.clustering)
        regions = regions_in(found, instances, maps.spacing, sheet.drawn, sheet.complete)
        every += [replace(region, image=str(k), series=str(k)) for region in regions]
    best = ranked(every, count=1)[0]
    return int(best.image), best.box


def random(
    model: SpatialEmbeddings, sheets: list[Sheet], rng: np.random.Generator
) -> tuple[int, tuple[slice, ...]]:
    """Return a random image and box, of the size that is proposed in it."""
    for _ in range(TRIES):
        k = int(rng.integers(len(sheets)))
        maps = model.predict_maps(sheets[k].image)
        instances = cluster(maps, model.clustering)
        nearly = uncertainty(maps, instances, model.clustering).nearly
        if not len(instances) and not len(nearly):
            continue
        edges = np.minimum(region_shape(instances, nearly, maps.spacing), maps.shape)
        starts = rng.integers(np.array(maps.shape) - edges + 1)
        box = tuple(slice(int(a), int(a + e)) for a, e in zip(starts, edges, strict=True))
        if not sheets[k].complete[box].any():
            return k, box
    raise InputError("there is no place for another region")


def propose(
    model: SpatialEmbeddings, sheets: list[Sheet], rng: np.random.Generator | None
) -> tuple[int, tuple[slice, ...]]:
    """Return the next region; a random one if there is a generator."""
    return proposed(model, sheets) if rng is None else random(model, sheets, rng)


def rounds(
    start: SpatialEmbeddings,
    pairs: list[Pair],
    unseen: list[Pair],
    how: str,
    settings: TrainingSettings,
    count: int,
) -> list[table.Row]:
    """Return a row for each round."""
    sheets, model = [Sheet(image, masks) for image, masks in pairs], start
    rng, clock = np.random.default_rng(settings.seed), training_clock(processor_time=True)
    rows = []
    for n in range(count + 1):
        if n:
            try:
                k, box = propose(model, sheets, None if how == "proposed" else rng)
            except InputError as error:
                print(error, flush=True)
                break
            sheets[k].annotate(box)
            images = [
                annotate(x.image, x.drawn, unlabelled="ignore", region=x.complete)
                for x in sheets
                if x.drawn.any()
            ]
            if images:
                *_, last = train(images, settings, start, clock=clock)
                model = last.model
        ap = scores(model, unseen)
        objects = sum(len(np.unique(x.drawn)) - 1 for x in sheets)
        row = {"regions": how, "seed": settings.seed, "round": n, "objects": objects}
        figures = {"AP50": round(ap[0], 3), "mean AP .5-.95": round(float(np.mean(ap)), 3)}
        rows.append({**row, **figures})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run both annotators, and print the rows."""
    parser = argparse.ArgumentParser("python -m benchmarks.next_region", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("set")
    parser.add_argument("--model", default="cells-2d", help="what to start from [cells-2d]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=2.0, help="processor time of a training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--test", action="store_true", help="score the test images")
    parser.add_argument("--quick", action="store_true", help="one round of seconds")
    options = parser.parse_args()
    keep_freed_memory()
    number = len(list((options.data / options.set / "train/images").glob("*.tif")))
    images, scored = (2, 1) if options.quick else (IMAGES, SCORED)
    every = max(2, number // images)
    folder, cut = options.data / options.set / "train", every * images
    pairs = read(folder, slice(0, cut, every))
    unseen = read(folder, slice(every // 2, cut, max(1, every * images // scored)))
    if options.test:
        unseen = read(options.data / options.set / "test")
    minutes = 0.05 if options.quick else options.minutes
    start, rows = find_model(options.model), list[table.Row]()
    for seed in options.seeds[:1] if options.quick else options.seeds:
        settings = TrainingSettings(minutes=minutes, seed=seed)
        for how in ("proposed", "random"):
            count = 1 if options.quick else options.rounds
            rows += rounds(start, pairs, unseen, how, settings, count)
    print(table.markdown(rows))


if __name__ == "__main__":
    main()
