"""Calibration of a model, and its expected error on data sets.

``python -m benchmarks.calibration DATA MODEL SET [SET ...] [--unlike SET ...] [--check SET ...]
[--find SET ...] [--into FOLDER] [--score-only]``

The table of scores is made of the objects in validation images of the sets that the model has
learned from: ``DATA/SET/val`` where there is one, else the images of ``DATA/SET/train`` that the
recipes keep aside, or the slices of volumes; ``generated`` are the recipes' own images that are
kept aside. They are brought to one size of objects, as in the recipes. The table of consistencies
is made of these as well, and of the training images of ``--unlike`` sets, which the model has not
seen, each as it comes and at that size.

No test image is read, but for the sets of ``--check``, whose ``test`` images are scored as they
come, and those of ``--find`` at the object size that is found in each, too: by a table that is made
without the set's own images, if there are others. ``--into`` writes the table of all into a model's
folder, and ``--page`` the rows of test images into the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.quality.calibration import (
    RIGHT,
    Calibration,
    expected_error,
)
from napari_spatial_embeddings.core.quality.scored import ScoredObjects, scored_against
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate

from . import page, table
from .recipes import cells_2d, nuclei_3d, shapes, volumes
from .recipes.gathering import ASIDE, annotated, sized
from .sizes import images, searched

MOST = 400
"""Objects of a set at most, evenly over its images: large sets would outvote the small ones."""


@dataclass(frozen=True)
class Scored:
    """The objects that were found in one image."""

    set: str
    seen: bool
    """Whether the model has learned from other images of the set."""
    objects: ScoredObjects


def validation_images(data: Path, name: str, model: ModelSettings) -> Iterator[TrainingImage]:
    """Yield images of a set that no training has learned from, in as many channels as a model's."""
    channels = model.in_channels
    if name == "generated":
        count = cells_2d.GENERATED
        if model.ndim == 2:
            yield from (shapes.image(int((k + 0.5) * count / ASIDE)) for k in range(ASIDE))
        else:
            yield from (volumes.volume(k) for k in range(nuclei_3d.ASIDE))
    elif (data / name / "val").is_dir():
        yield from annotated(data / name / "val", channels)
    elif model.ndim == 3:
        for whole in annotated(data / name / "train"):
            yield nuclei_3d.parted(whole)[1]
    else:
        found = list(annotated(data / name / "train", channels))
        every = len(found) / ASIDE
        kept = {int((k + 0.5) * every) for k in range(ASIDE)} if every > 2 else set()
        yield from (found[k] for k in sorted(kept))


def as_they_come(data: Path, name: str, part: str, model: ModelSettings) -> Iterator[TrainingImage]:
    """Yield the images of a set's folder ``train`` or ``test``; of a movie, halves of frames."""
    if name == "yeast_movie":
        for image, labels in images(data, name, part):
            yield annotate(np.asarray(image.data, np.float32), labels, name=image.name)
    else:
        yield from annotated(data / name / part, model.in_channels)


def scored(model: SpatialEmbeddings, image: TrainingImage, *, find: bool = False) -> ScoredObjects:
    """Return the objects in an image, perhaps at the size that is found in it."""
    how = PredictionSettings()
    if find:
        axes = "CZYX" if image.labels.ndim == 3 else "CYX"
        known = ImageData(image.image, axes, image.spacing, None, image.name)
        how = how.updated(object_diameter=searched(model, (known, image.labels)).diameter)
    maps = model.predict_maps(image.image, how, image.spacing)
    return scored_against(maps, cluster(maps, model.clustering), image.labels)


def made_of(found: list[Scored], source: str) -> Calibration | None:
    """Return the tables of some images, with at most so many objects of each set."""
    by_set = {
        name: ScoredObjects.of([one.objects for one in found if one.set == name])
        for name in dict.fromkeys(one.set for one in found)
    }
    chosen = {
        name: own.chosen(np.unique(np.linspace(0, len(own) - 1, min(MOST, len(own))).astype(int)))
        for name, own in by_set.items()
    }
    seen = {one.set for one in found if one.seen}
    known = ScoredObjects.of([chosen[name] for name in seen or chosen]).calibration(source)
    every = ScoredObjects.of([*chosen.values()]).calibration(source)
    if known is None or every is None:
        return known
    return known.updated(consistency=every.consistency)


def errors(known: Calibration | None, own: ScoredObjects) -> dict[str, str | int]:
    """Return how far what a table expects is from what came out."""
    row: dict[str, str | int] = {"objects": len(own)}
    if known is None or not len(own):
        return row
    right = (own.ious >= RIGHT).astype(float)
    by_score = known.predicted_iou(own.scores)
    by_consistency = known.predicted_iou(own.scores, own.consistencies)
    likely = known.probability(own.scores, own.consistencies)
    return {
        **row,
        "error by consistency": f"{expected_error(by_consistency, own.ious):.3f}",
        "by score": f"{expected_error(by_score, own.ious):.3f}",
        "of the score itself": f"{expected_error(own.scores, own.ious):.3f}",
        "right, expected": f"{likely.mean():.2f}",
        "right": f"{right.mean():.2f}",
    }


def main() -> None:
    """Fit, check, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", help="folder, or name of a shipped model")
    parser.add_argument("sets", nargs="*", help="that the model has learned from")
    parser.add_argument("--unlike", nargs="*", default=[], help="sets that it has not seen")
    parser.add_argument("--check", nargs="*", default=[], help="sets whose test images are scored")
    parser.add_argument("--find", nargs="*", default=[], help="of these, at found sizes as well")
    parser.add_argument("--images", type=int, default=12, help="of each set at most [12]")
    parser.add_argument("--into", type=Path, help="model's folder that the table is written into")
    parser.add_argument("--score-only", action="store_true", help="write no table of consistencies")
    parser.add_argument("--page", action="store_true", help="write the section of the page")
    options = parser.parse_args()
    model = find_model(options.model)
    settings = model.settings
    found: list[Scored] = []
    for name in (*options.sets, *options.unlike):
        seen = name in options.sets
        if seen:
            every = list(validation_images(options.data, name, settings))
        else:
            every = list(as_they_come(options.data, name, "train", settings))
        step = max(1, len(every) / options.images)
        for k in range(min(options.images, len(every))):
            image = every[int(k * step)]
            diameter = model.image_diameter or settings.working_diameter
            sizes = [sized(image, diameter, 0.0)]
            if not seen:
                sizes.append(image)
            found += [Scored(name, seen, scored(model, one)) for one in sizes]
        print(name, sum(len(one.objects) for one in found if one.set == name), flush=True)

    def without(name: str) -> Calibration | None:
        others = [one for one in found if one.set != name]
        return made_of(others or found, "")

    for name in dict.fromkeys(one.set for one in found):
        own = ScoredObjects.of([one.objects for one in found if one.set == name])
        print({"images of": name, **errors(without(name), own)}, flush=True)
    of = ", ".join((*options.sets, *options.unlike))
    known = made_of(found, f"validation images of {of}") if found else model.calibration
    checked: list[table.Row] = []
    for name in options.check:
        tested = list(as_they_come(options.data, name, "test", settings))
        for size in ("as it comes", "found in each")[: 1 + (name in options.find)]:
            parts = [scored(model, x, find=size != "as it comes") for x in tested]
            row = errors(without(name) if found else known, ScoredObjects.of(parts))
            facts = {"model": options.model, "test images of": name, "object size": size}
            checked.append({**facts, "images": len(tested), **row})
            print(checked[-1], flush=True)
    if checked:
        print(table.markdown(checked))
    if options.page:
        saved = table.recall().get("calibration", {"rows": []})["rows"]
        others = [row for row in saved if row["model"] != options.model]
        table.remember("calibration", [*others, *checked], 1)
        page.write()
    if options.into and known is not None:
        target = SpatialEmbeddings.load(options.into)
        target.calibration = known.updated(consistency=None) if options.score_only else known
        target.save(options.into, half=True)


if __name__ == "__main__":
    main()
