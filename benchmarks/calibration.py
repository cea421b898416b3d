"""Calibration of a model's scores, and its expected error on data sets.

``python -m benchmarks.calibration DATA MODEL SET [SET ...] [--check SET ...] [--into FOLDER]``

The table is made of the objects in validation images of the sets: ``DATA/SET/val`` where there is
one, else the images of ``DATA/SET/train`` that the recipes keep aside; ``generated`` are the
recipes' own images that are kept aside. Images are brought to one size of objects, as in the
recipes. No test image is read, but for the sets of ``--check``, whose ``test`` images are scored by
the finished table: as they come, and at the object size that is found in each. Of the sets that
the table is made of, each image is scored by the table of the others. ``--into`` writes the table
into a model's folder, and ``--page`` the rows of test images into the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.metrics import overlaps
from napari_spatial_embeddings.core.quality.calibration import (
    RIGHT,
    Calibration,
    expected_error,
    fitted,
)
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.annotation import TrainingImage

from . import page, table
from .recipes import cells_2d, nuclei_3d, shapes, volumes
from .recipes.gathering import ASIDE, annotated, sized
from .sizes import proposed

MOST = 400
"""Objects of a set at most, evenly over its images: large sets would outvote the small ones."""


@dataclass(frozen=True)
class Scored:
    """The objects that were found in one image."""

    set: str
    scores: NDArray[np.float64]
    ious: NDArray[np.float64]


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
    else:
        found = list(annotated(data / name / "train", channels))
        every = len(found) / ASIDE
        kept = {int((k + 0.5) * every) for k in range(ASIDE)} if every > 2 else set()
        yield from (found[k] for k in sorted(kept))


def scored(
    model: SpatialEmbeddings, name: str, image: TrainingImage, *, find: bool = False
) -> Scored:
    """Return score and IoU of each object in an image, perhaps at the size that is found in it."""
    how = PredictionSettings()
    if find:
        axes = "CZYX" if image.labels.ndim == 3 else "CYX"
        known = ImageData(image.image, axes, image.spacing, None, name)
        how = how.updated(object_diameter=proposed(model, [(known, image.labels)]))
    maps = model.predict_maps(image.image, how, image.spacing)
    found = cluster(maps, model.clustering)
    both = overlaps(np.maximum(image.labels, 0), found.labels, image.labels < 0)
    by_label = np.zeros(int(found.ids.max(initial=0)) + 1)
    by_label[found.ids] = found.score
    return Scored(name, by_label[both.predicted_ids], both.best_iou)


def made_of(images: list[Scored], source: str) -> Calibration | None:
    """Return the table of some images, with at most so many objects of each set."""
    scores, ious = [], []
    for name in dict.fromkeys(one.set for one in images):
        own = [one for one in images if one.set == name]
        s, i = (np.concatenate([getattr(one, what) for one in own]) for what in ("scores", "ious"))
        chosen = np.unique(np.linspace(0, len(s) - 1, min(MOST, len(s))).round().astype(int))
        scores.append(s[chosen])
        ious.append(i[chosen])
    return fitted(np.concatenate(scores), np.concatenate(ious), source)


def errors(known: Calibration | None, one: list[Scored]) -> dict[str, str | int]:
    """Return how far what a table expects is from what came out, over some images."""
    scores = np.concatenate([x.scores for x in one])
    ious = np.concatenate([x.ious for x in one])
    row: dict[str, str | int] = {"images": len(one), "objects": len(scores)}
    if known is None or not len(scores):
        return row
    right = (ious >= RIGHT).astype(float)
    likely = known.probability(scores)
    return {
        **row,
        "error of predicted IoU": f"{expected_error(known.predicted_iou(scores), ious):.3f}",
        "of the score itself": f"{expected_error(scores, ious):.3f}",
        "right, expected": f"{likely.mean():.2f}",
        "right": f"{right.mean():.2f}",
    }


def main() -> None:
    """Fit, check, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", help="folder, or name of a shipped model")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--check", nargs="*", default=[], help="sets whose test images are scored")
    parser.add_argument("--images", type=int, default=24, help="of each set at most [24]")
    parser.add_argument("--into", type=Path, help="model's folder that the table is written into")
    parser.add_argument("--page", action="store_true", help="write the section of the page")
    options = parser.parse_args()
    model = find_model(options.model)
    diameter = model.settings.working_diameter
    found: list[Scored] = []
    for name in options.sets:
        images = list(validation_images(options.data, name, model.settings))
        step = max(1, len(images) / options.images)
        for k in range(min(options.images, len(images))):
            image = sized(images[int(k * step)], diameter, 0.0)
            found.append(scored(model, name, image))
            print(name, len(found), len(found[-1].scores), flush=True)
    rows = []
    for name in options.sets:
        own = [k for k, one in enumerate(found) if one.set == name]
        parts = [[k for k in own if k % 2 == half] for half in (0, 1)]
        for half, part in enumerate(parts):
            others = [one for k, one in enumerate(found) if k not in part]
            row = errors(made_of(others, ""), [found[k] for k in part])
            rows.append({"set": f"{name}, half {half + 1}", **row})
    known = made_of(found, f"validation images of {', '.join(options.sets)}")
    checked: list[table.Row] = []
    for name in options.check:
        images = list(annotated(options.data / name / "test", model.settings.in_channels))
        for size in ("as it comes", "found in each"):
            tested = [scored(model, name, x, find=size != "as it comes") for x in images]
            facts = {"model": options.model, "test images of": name, "object size": size}
            checked.append({**facts, **errors(known, tested)})
            print(checked[-1], flush=True)
    print(table.markdown(rows))
    if checked:
        print(table.markdown(checked))
    if options.page:
        saved = table.recall().get("calibration", {"rows": []})["rows"]
        others = [row for row in saved if row["model"] != options.model]
        table.remember("calibration", [*others, *checked], 1)
        page.write()
    if options.into and known is not None:
        target = SpatialEmbeddings.load(options.into)
        target.calibration = known
        target.save(options.into, half=True)


if __name__ == "__main__":
    main()
