"""A simulated annotator: in proposed regions, and in random ones of the same size.

``python -m benchmarks.next_region DATA OUT [--sets SET ...] [--model NAME_OR_DIR]
[--rounds N] [--seconds S] [--seeds S ...]``

In each round, the annotator draws what the masks say in one region more: all objects in it, whole,
and no other. A training from the start model follows, with all that is annotated so far, once that
is five objects; its model proposes the next region. Start models have seen nothing of the set: for
``emps`` and ``axon_tem`` that takes ``--model`` with the first edition of ``cells-2d``. Images are
every so many-th of the set's training images, and others of them are scored; of the movie, left
halves of frames, and right halves of others. What is done is kept in ``OUT``, so that a run that
was stopped goes on; once all of it is there, the rows of these sets are written into the page.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import tifffile
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
from napari_spatial_embeddings.system.atomic import write_atomically
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.train import train

from . import page, table
from .few import Labels, Pair, read, scores, training_clock

STARTS = {
    "usiigaci": "nuclei-2d",
    "emps": "cells-2d",
    "axon_tem": "cells-2d",
    "dsb2018_rgb": "nuclei-2d",
    "yeast_movie": "cells-2d",
}
"""Start model of each set. Of `emps` and `axon_tem`, its first edition alone has seen nothing."""

HOW = ("random", "proposed")

IMAGES = 5
"""Images that may be annotated, and as many that are scored."""

ROUNDS, SECONDS = 5, 12.0

ENOUGH = 5
"""Objects from which on there is a training: the documentation asks for as many."""

TRIES = 1000
"""Places that are tried for a random region which touches none before."""

Box = tuple[slice, ...]


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

    def annotate(self, box: Box) -> None:
        """Draw all objects that a region holds or cuts."""
        inside = np.unique(self.masks[box])
        there = np.isin(self.masks, inside[inside > 0])
        self.drawn = np.where(there, self.masks, self.drawn)
        self.complete[box] = True


def pairs(data: Path, name: str) -> tuple[list[Pair], list[Pair]]:
    """Return the images of a set that may be annotated, and those that are scored."""
    if name == "yeast_movie":
        movie, labels = (tifffile.imread(data / name / f"{k}.tif") for k in ("image", "labels"))
        cut, labels = movie.shape[-1] // 2, labels.astype(np.int32)
        left = [(movie[t, None, :, :cut], labels[t, :, :cut]) for t in range(0, len(movie), 2)]
        right = [(movie[t, None, :, cut:], labels[t, :, cut:]) for t in range(1, len(movie), 2)]
        return left, right
    folder = data / name / "train"
    every = max(2, len(list((folder / "images").glob("*.tif"))) // IMAGES)
    cut = every * IMAGES
    return read(folder, slice(0, cut, every)), read(folder, slice(every // 2, cut, every))


def proposed(model: SpatialEmbeddings, sheets: list[Sheet]) -> tuple[int, Box]:
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
) -> tuple[int, Box]:
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


@dataclass
class Annotator:
    """A series of rounds, which are kept in a folder.

    Parameters
    ----------
    data, out : Path
        Folders of the data sets, and of what is kept.
    name, how : str
        The set, and how its regions are chosen.
    start : str
        The start model.
    settings : TrainingSettings
    """

    data: Path
    out: Path
    name: str
    how: str
    start: str
    settings: TrainingSettings

    @property
    def file(self) -> Path:
        """Where the rounds are kept; the latest model is in a folder beside it."""
        return self.out / f"{self.name} {self.how} {self.settings.seed}.json"

    def kept(self) -> list[dict[str, Any]]:
        """Return the rounds so far."""
        return list(json.loads(self.file.read_text("utf-8"))) if self.file.exists() else []

    def keep(self, done: list[dict[str, Any]], model: SpatialEmbeddings) -> None:
        """Keep the rounds so far, and the model of the last one."""
        model.save(self.out / f"{self.file.stem} {len(done) - 1}")
        write_atomically(self.file, json.dumps(done).encode())

    def rounds(self, count: int) -> list[dict[str, Any]]:
        """Return the rounds, of which those that are not kept are measured."""
        done = self.kept()
        if len(done) > count:
            return done[: count + 1]
        images, unseen = pairs(self.data, self.name)
        sheets = [Sheet(image, masks) for image, masks in images]
        start = model = find_model(self.start)
        for one in done[1:]:
            k, *sides = one["region"]
            sheets[k].annotate(tuple(slice(*side) for side in sides))
        if done:
            model = SpatialEmbeddings.load(self.out / f"{self.file.stem} {len(done) - 1}")
        clock = training_clock(processor_time=True)
        for n in range(len(done), count + 1):
            region: Any = None
            if n:
                rng = np.random.default_rng([self.settings.seed, n])
                try:
                    k, box = choose(self.how, model, sheets, rng)
                except InputError as error:
                    print(error, flush=True)
                    done += [{**done[-1], "region": None}] * (count + 1 - n)
                    self.keep(done, model)
                    break
                sheets[k].annotate(box)
                region = [k, *((side.start, side.stop) for side in box)]
                drawn = [
                    annotate(x.image, x.drawn, unlabelled="ignore", region=x.complete)
                    for x in sheets
                    if x.complete.any()
                ]
                if sum(x.n_objects for x in drawn) >= ENOUGH:
                    *_, last = train(drawn, self.settings, start, clock=clock)
                    model = last.model
            objects = sum(len(np.unique(x.drawn)) - 1 for x in sheets)
            ap = scores(model, unseen)
            done.append({"region": region, "objects": objects, "AP": ap})
            print(f"{self.file.stem}, round {n}: {objects} objects, AP50 {ap[0]:.3f}", flush=True)
            self.keep(done, model)
        return done


def choose(
    how: str, model: SpatialEmbeddings, sheets: list[Sheet], rng: np.random.Generator
) -> tuple[int, Box]:
    """Return the image and box of the next region."""
    return random(model, sheets, rng) if how == "random" else proposed(model, sheets)


def needed(objects: list[float], ap: list[float], wanted: float) -> float | None:
    """Return with how many objects an AP is reached, by a line between rounds; None if never."""
    before = 0.0, ap[0]
    for n, reached in zip(objects, ap, strict=True):
        if reached >= wanted:
            rise = reached - before[1]
            share = (wanted - before[1]) / rise if rise > 0 else 0.0
            return before[0] + max(0.0, share) * (n - before[0])
        before = n, reached
    return None


def row(name: str, start: str, runs: dict[str, list[list[dict[str, Any]]]]) -> table.Row:
    """Return what a set's rounds come to, means over seeds."""
    curves = {
        how: [
            [mean(x) for x in zip(*ofs, strict=True)]
            for ofs in (
                [[one["objects"] for one in run] for run in found],
                [[one["AP"][0] for one in run] for run in found],
            )
        ]
        for how, found in runs.items()
    }
    out: table.Row = {"images": name, "start": Path(start).name, "runs": len(runs["random"])}
    out["AP50 at first"] = f"{curves['random'][1][0]:.3f}"
    for how, (objects, _) in curves.items():
        out[f"{how}: objects"] = round(objects[-1])
        out[f"{how}: AP50"] = table.spread([run[-1]["AP"][0] for run in runs[how]])
    target = curves["random"][1][-1]
    enough = {how: needed(objects, ap, target) for how, (objects, ap) in curves.items()}
    for how, count in enough.items():
        out[f"{how}: with"] = "not in these" if count is None else f"{count:.1f}"
    one, other = (enough[how] for how in HOW)
    out["share of objects"] = f"{other / one:.2f}" if one and other is not None else ""
    return out


def main() -> None:
    """Run the annotators, and put their rows into the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.next_region", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="where rounds are kept")
    parser.add_argument("--sets", nargs="+", choices=STARTS, default=list(STARTS))
    parser.add_argument("--model", help="start model of these sets, instead of their own")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a training's thread")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    keep_freed_memory()
    options.out.mkdir(parents=True, exist_ok=True)
    runs: dict[str, dict[str, list[list[dict[str, Any]]]]] = {
        name: {how: [] for how in HOW} for name in options.sets
    }
    for seed in options.seeds:
        settings = TrainingSettings(minutes=options.seconds / 60, seed=seed)
        for name in options.sets:
            for how in HOW:
                start = options.model or STARTS[name]
                annotator = Annotator(options.data, options.out, name, how, start, settings)
                runs[name][how].append(annotator.rounds(options.rounds))
    rows = [row(name, options.model or STARTS[name], found) for name, found in runs.items()]
    print(table.markdown(rows))
    if (options.rounds, options.seconds) == (ROUNDS, SECONDS):
        old = table.recall().get("next regions", {}).get("rows", [])
        others = [one for one in old if one["images"] not in options.sets]
        table.remember("next regions", sorted(others + rows, key=lambda one: one["images"]), 1)
        page.write()


if __name__ == "__main__":
    main()
