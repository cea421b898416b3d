"""Accuracy at the object size that a search proposes, beside that at other sizes.

``python -m benchmarks.sizes DATA [--model NAME] [--sets SET ...] [--part test] [--again]``

Of each set, AP50 of a model as it comes, with no size given; at the one of ten sizes that is best
for all images of the set, chosen by these scores themselves; with the typical diameter of each
image's own labels; at one size for the set, that is found in some of its images; at the size that
is found in each image alone; and at what ``predict --find-diameter`` takes: one size where those
images agree, else that of each image by what is known of the others, too. Colours become grey.
What the search does was chosen on images of ``train`` folders. ``--again`` measures what a search
finds, and takes the other columns from the page: they change with the model alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.inference.sizes.pooling import pooled, sample
from napari_spatial_embeddings.inference.sizes.search import FoundSize, Place, find_diameter

from . import page, table
from .recipes.gathering import grey

TEN = tuple(2 ** (k / 2) for k in range(-3, 7))
"""Ten sizes in diameters that the model knows: 0.35 to 8."""

SETS = ("usiigaci", "emps", "axon_tem", "yeast_movie", "dsb2018_rgb", "dsb2018", "bbbc039")

GIVEN = ("as it comes", "best of ten", "at", "own size of each")
"""Columns that no search changes."""

Labels = NDArray[np.int32]
Pair = tuple[ImageData, Labels]


def images(data: Path, name: str, part: str) -> Iterator[Pair]:
    """Yield the images of a set with their labels; of a movie, a half of some of its frames."""
    if name == "yeast_movie":
        movie, labels = (tifffile.imread(data / name / f"{k}.tif") for k in ("image", "labels"))
        cut = movie.shape[-1] // 2
        half = slice(cut, None) if part == "test" else slice(0, cut)
        for t in range(0, len(movie), 3):
            yield (
                ImageData(movie[t, None, :, half], "CYX", None, None, f"frame {t}"),
                labels[t, :, half].astype(np.int32),
            )
        return
    for image_path, labels_path in pair(
        data / name / part / "images", data / name / part / "masks"
    ):
        image = read_image(image_path)
        own = ImageData(grey(image.data), image.axes, image.pixel_size, image.unit, image.name)
        yield own, read_labels(labels_path).astype(np.int32)


def ap50(model: SpatialEmbeddings, one: Pair, diameter: float | None) -> float:
    """Return AP50 of an image at an object diameter; None if none is given."""
    image, labels = one
    spacing = image.spacing if image.pixel_size else None
    maps = model.predict_maps(image.data, PredictionSettings(object_diameter=diameter), spacing)
    return float(score(labels, cluster(maps, model.clustering).labels, (0.5,)).ap[0])


def searched(model: SpatialEmbeddings, one: Pair) -> FoundSize:
    """Return what a search finds in an image."""
    *_, last = find_diameter(model, [Place(one[0])], model.clustering)
    assert last.found is not None
    return last.found


def row_of(
    model: SpatialEmbeddings, name: str, chosen: list[Pair], known: table.Row | None = None
) -> table.Row:
    """Return the row of a set; what does not depend on a search is taken from an earlier one."""
    row: table.Row = {"images of": name, "number": len(chosen)}
    given = {what: known[what] for what in GIVEN} if known else without_search(model, chosen)
    return row | given | with_search(model, chosen)


def without_search(model: SpatialEmbeddings, chosen: list[Pair]) -> table.Row:
    """Return what is reached at sizes that are given."""
    own = model.settings.working_diameter
    ten = np.mean([[ap50(model, one, own * f) for f in TEN] for one in chosen], 0)
    true = [typical_diameter([labels], image.spacing) for image, labels in chosen]
    told = np.mean([ap50(model, *x) for x in zip(chosen, true, strict=True)])
    return {
        "as it comes": f"{np.mean([ap50(model, one, None) for one in chosen]):.3f}",
        "best of ten": f"{ten.max():.3f}",
        "at": f"{own * TEN[int(ten.argmax())]:.0f} px",
        "own size of each": f"{told:.3f}",
    }


def with_search(model: SpatialEmbeddings, chosen: list[Pair]) -> table.Row:
    """Return what is reached at sizes that a search finds."""
    start = time.perf_counter()
    found = [searched(model, one) for one in chosen]
    spent = (time.perf_counter() - start) / len(chosen)
    own = model.settings.working_diameter
    pool = pooled([found[k] for k in sample(len(chosen))], own)
    taken = [pool.common or pool.again(one, own).diameter for one in found]
    alone = [one.diameter for one in found]

    @cache
    def at(k: int, diameter: float | None) -> float:
        return ap50(model, chosen[k], diameter)

    def reached(diameters: list[float | None]) -> str:
        return f"{np.mean([at(k, diameter) for k, diameter in enumerate(diameters)]):.3f}"

    return {
        "found for all": reached([pool.diameter] * len(chosen)),
        "which is": "none" if pool.diameter is None else f"{pool.diameter:.0f} px",
        "found in each alone": reached(alone),
        "as predict does": reached(taken),
        "searched": "some" if pool.common else "all",
        "a search": f"{spent:.1f} s",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="cells-2d")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--part", default="test", help="folder of a set: test, train or val")
    parser.add_argument("--images", type=int, help="of each set at most, evenly spread; all")
    parser.add_argument("--again", action="store_true", help="search alone, the rest from the page")
    parser.add_argument("--page", action="store_true", help="write the section of the page")
    options = parser.parse_args()
    model = find_model(options.model)
    saved = table.recall().get("found sizes", {"rows": []})["rows"]
    earlier = {row["images of"]: row for row in saved}
    rows = []
    for name in options.sets:
        chosen = list(images(options.data, name, options.part))
        count = min(options.images or len(chosen), len(chosen))
        chosen = [chosen[int((k + 0.5) * len(chosen) / count)] for k in range(count)]
        rows.append(row_of(model, name, chosen, earlier[name] if options.again else None))
        print(rows[-1], flush=True)
    print(table.markdown(rows))
    if options.page:
        kept = earlier | {row["images of"]: row for row in rows}
        table.remember("found sizes", [kept[name] for name in SETS if name in kept], 1)
        page.write()


if __name__ == "__main__":
    main()
