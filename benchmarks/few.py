"""Training with few annotations: what a model makes of ten objects and some minutes.

``python -m benchmarks.few DATA CASE [--model NAME_OR_DIR] [--scribbles] [--held-out] [FLAGS ...]``

The cases: ``usiigaci``, ``dsb2018_rgb``, ``emps``, ``axon_tem`` and ``bbbc039``, ten objects of one
training image, the rest of it unknown; ``yeast_movie``, ten of the left half of the first frame,
scored on the right halves of later ones; ``dsb2018``, training images that are complete, five if
``--images`` names no other number, evenly spaced by name or drawn by chance (``--chosen SEED``);
``rods``, ten objects of a generated image. Colours become grey. Scored on the set's test images,
or, with ``--held-out``, on training images that were not used: to choose settings by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.draw import line
from skimage.morphology import skeletonize

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.cli.flags import add_flags, read_flags
from napari_spatial_embeddings.config import ClusteringSettings, TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.metrics import mean_ap, score
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import (
    BACKGROUND,
    TrainingImage,
    annotate,
    summarise,
)
from napari_spatial_embeddings.training.train import model_from_scratch, train

from . import accuracy, page, table
from .recipes.gathering import grey
from .unseen_kinds import Case

Labels = NDArray[np.int32]
Pair = tuple[NDArray[np.generic], Labels]
Draw = Callable[[NDArray[np.generic], Labels], TrainingImage]

OBJECTS, IMAGES = 10, 5

CASES = ("usiigaci", "emps", "axon_tem", "dsb2018_rgb", "bbbc039", "yeast_movie", "dsb2018", "rods")


def read(folder: Path, chosen: slice = slice(None)) -> list[Pair]:
    """Return grey images and label images of a folder."""
    found = pair(folder / "images", folder / "masks")[chosen]
    return [(grey(read_image(i).data), read_labels(m).astype(np.int32)) for i, m in found]


def case(
    name: str,
    data: Path,
    held_out: bool,
    draw: Draw,
    count: int = IMAGES,
    chosen: int | None = None,
) -> tuple[list[TrainingImage], list[Pair]]:
    """Return what is annotated, and what is scored.

    ``count`` is the number of images, where they are complete, and ``chosen`` the seed by which
    they are drawn, if they are not evenly spaced.
    """
    if name == "rods":
        drawn = samples.rods(0)
        unseen = [samples.rods(seed) for seed in range(100, 104)]
        return [draw(drawn.image, drawn.labels)], [(s.image, s.labels) for s in unseen]
    if name == "yeast_movie":
        half, halves = Case("", name).pairs(data)
        return [draw(*half)], halves
    folder = data / name
    test = [] if held_out else read(folder / "test")
    if name == "dsb2018":
        total = len(pair(folder / "train/images", folder / "train/masks"))
        at = np.arange(count) * (total // count)
        if chosen is not None:
            at = np.random.default_rng(chosen).choice(total, count, replace=False)
        drawn = [one for k in at for one in read(folder / "train", slice(k, k + 1))]
        other = read(folder / "val") if held_out else test
        return [annotate(image, labels) for image, labels in drawn], other
    images = read(folder / "train")
    middle = len(images) // 2
    others = [images[k] for k in range(0, len(images), 5) if abs(k - middle) > 2]
    return [draw(*images[middle])], others if held_out else test


def whole_objects(seed: int) -> Draw:
    """Return a function that annotates ten whole objects and leaves the rest unknown."""

    def draw(image: NDArray[np.generic], labels: Labels) -> TrainingImage:
        few = samples.annotate_few(np.random.default_rng(seed), labels, OBJECTS)
        return annotate(image, few, unlabelled="ignore")

    return draw


def scribbles(seed: int) -> Draw:
    """Return a function that scribbles into the same ten objects.

    A stroke along the middle of each, a stroke beside half of them where the background starts,
    and six strokes across the background.
    """

    def draw(image: NDArray[np.generic], labels: Labels) -> TrainingImage:
        rng = np.random.default_rng(seed)
        few = samples.annotate_few(rng, labels, OBJECTS)
        out = np.zeros_like(labels)
        border = int(labels.max()) + 1
        empty = labels == 0
        for n, k in enumerate(np.unique(few[few > 0])):
            own = few == k
            inside = ndi.binary_erosion(own, iterations=2)
            stroke = ndi.binary_dilation(skeletonize(inside if inside.any() else own)) & own
            out[stroke] = k
            if n % 2:
                away = ndi.distance_transform_edt(~own)
                ring = np.argwhere((away >= 2) & (away < 4) & empty)
                if len(ring):
                    # A third of the way round, from some point on.
                    far = np.linalg.norm(ring - ring[rng.integers(len(ring))], axis=1)
                    out[tuple(ring[np.argsort(far)[: len(ring) // 3]].T)] = border
        drawn = 0
        while drawn < 6:
            start = rng.integers(0, labels.shape)
            end = np.clip(start + rng.integers(-50, 51, 2), 0, np.array(labels.shape) - 1)
            path = line(*start, *end)
            if len(path[0]) > 25 and empty[path].all():
                out[path] = border
                drawn += 1
        return annotate(image, out, scribbled=True, classes={border: BACKGROUND})

    return draw


def scores(
    model: SpatialEmbeddings, images: list[Pair], clustering: ClusteringSettings | None = None
) -> list[float]:
    """Return the AP per threshold, mean over images."""
    found = []
    for image, labels in images:
        instances = cluster(model.predict_maps(image), clustering or model.clustering)
        found.append(score(labels, instances.labels))
    return [float(v) for v in mean_ap(found)]


def main() -> None:
    """Score before, train, score after; remember the row unless scored on held-out images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--model", help="what to start from; from scratch if not given")
    parser.add_argument("--scribbles", action="store_true")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"of dsb2018 [{IMAGES}]")
    parser.add_argument(
        "--chosen", type=int, help="seed that draws these; evenly spaced if not given"
    )
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument(
        "--objects-seed", type=int, default=0, help="which objects are annotated [0]"
    )
    parser.add_argument(
        "--processor-time", action="store_true", help="minutes of it, with one thread"
    )
    parser.add_argument("--budget", help="the training, as named in the table")
    parser.add_argument("--output", type=Path, help="where to keep the model")
    add_flags(parser, TrainingSettings, title="training")
    options = parser.parse_args()
    keep_freed_memory()
    settings = read_flags(vars(options), TrainingSettings())
    clock = training_clock(options.processor_time)
    draw = (scribbles if options.scribbles else whole_objects)(options.objects_seed)
    which = options.images, options.chosen
    images, unseen = case(options.case, options.data, options.held_out, draw, *which)
    start = find_model(options.model) if options.model else None
    print(f"{options.case}: {summarise(images)}", flush=True)
    before = scores(start, unseen) if start else None
    if before:
        show("before", before)
    # Scribbles do not show how large their objects are; the user gives it.
    diameter = settings.object_diameter
    if options.scribbles and not diameter:
        drawn, _ = case(options.case, options.data, True, whole_objects(options.objects_seed))
        diameter = typical_diameter([image.labels for image in drawn], (1.0, 1.0))
        start = start or model_from_scratch(
            images, object_diameter=diameter, seed=settings.seed, scale=settings.scale
        )
    begin = time.monotonic()
    *_, last = train(images, settings.updated(object_diameter=diameter), start, clock=clock)
    print(f"{last.step} steps, {time.monotonic() - begin:.0f} s; {last.model.clustering}")
    after = scores(last.model, unseen)
    show("after", after)
    default = ClusteringSettings(min_size=last.model.clustering.min_size)
    show("with default thresholds", scores(last.model, unseen, default))
    if start:
        own = start.clustering.updated(min_size=last.model.clustering.min_size)
        show("with the start's thresholds", scores(last.model, unseen, own))
    if options.output:
        last.model.save(options.output)
    if not options.held_out:
        remember(options, settings, before, after)


def training_clock(processor_time: bool) -> Callable[[], float]:
    """Return the clock of a training: real time, or one thread's processor time.

    The latter does not depend on what else the machine does.
    """
    if processor_time:
        torch.set_num_threads(1)
        return time.process_time
    return time.monotonic


def show(what: str, ap: list[float]) -> None:
    """Print AP50, AP75 and the mean."""
    print(f"{what:26} AP50 {ap[0]:.3f}  AP75 {ap[5]:.3f}  mean AP {np.mean(ap):.3f}", flush=True)


def remember(
    options: argparse.Namespace,
    settings: TrainingSettings,
    before: list[float] | None,
    after: list[float],
) -> None:
    """Keep the row in the page."""
    drawn = f"{OBJECTS} objects of one image"
    if options.case == "dsb2018":
        drawn = f"{options.images} image{'s' * (options.images > 1)}"
        drawn += "" if options.chosen is None else f", draw {options.chosen}"
    new: table.Row = {
        "images": options.case,
        "annotated": drawn + (", as scribbles" if options.scribbles else ""),
        "start": Path(options.model).name if options.model else "from scratch",
        "training": options.budget or f"{settings.minutes:g} min",
        "seed": settings.seed,
        "AP50 before": before[0] if before else None,
        **{name: after[i] for name, i in accuracy.AT.items()},
        "mean AP .5-.95": float(np.mean(after)),
    }
    key = ("images", "annotated", "start", "training", "seed")
    old = table.recall().get("few runs", {}).get("rows", [])
    runs = [*(r for r in old if any(r[k] != new[k] for k in key)), new]
    table.remember("few runs", sorted(runs, key=lambda r: [str(r[k]) for k in key]), 1)
    table.remember("few", summary(runs), 1)
    page.write()


def summary(runs: list[table.Row]) -> list[table.Row]:
    """Return a row for all seeds of a case."""
    key = ("images", "annotated", "start", "training")
    rows = []
    for values in sorted({tuple(r[k] for k in key) for r in runs}):
        of = [r for r in runs if tuple(r[k] for k in key) == values]
        numbers = [k for k in of[0] if k.startswith(("AP", "mean"))]
        cells = {k: table.spread([r[k] for r in of if r[k] is not None]) for k in numbers}
        rows.append({**dict(zip(key, values, strict=True)), "runs": len(of), **cells})
    return rows


if __name__ == "__main__":
    main()
