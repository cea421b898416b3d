"""Accuracy on volumes with no object size given, beside that at their own size and at a found one.

``python -m benchmarks.volume_sizes DATA [--model NAME_OR_DIR ...] [--sets SET ...] [--part test]``

AP50 and mean AP over the volumes of each set: as they come; with the typical diameter of each
volume's own labels; and at the size that is found in each, as ``predict --find-diameter`` does.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model

from . import page, table
from .sizes import Pair, images, searched

SETS = ("plant_nuclei3d", "stardist3d_demo")


def scores(model: SpatialEmbeddings, one: Pair, diameter: float | None) -> tuple[float, float]:
    """Return AP50 and mean AP of a volume at an object diameter; None if none is given."""
    image, labels = one
    spacing = image.spacing if image.pixel_size else None
    maps = model.predict_maps(image.data, PredictionSettings(object_diameter=diameter), spacing)
    ap = score(labels, cluster(maps, model.clustering).labels).ap
    return float(ap[0]), float(np.mean(ap))


def row_of(model: SpatialEmbeddings, model_name: str, name: str, chosen: list[Pair]) -> table.Row:
    """Return the row of a set."""
    own = [typical_diameter([labels], image.spacing) for image, labels in chosen]
    start = time.process_time()
    found = [searched(model, one).diameter for one in chosen]
    spent = (time.process_time() - start) / len(chosen)
    row: table.Row = {"model": model_name, "volumes of": name, "number": len(chosen)}
    for what, sizes in (
        ("as it comes", [None] * len(chosen)),
        ("own size", own),
        ("found size", found),
    ):
        ap = np.mean([scores(model, *x) for x in zip(chosen, sizes, strict=True)], 0)
        row[what] = f"{ap[0]:.3f} / {ap[1]:.3f}"
    texts = ["none" if d is None else f"{d:.1f}" for d in found]
    row["of"] = ", ".join(f"{d:.1f} px, {t}" for d, t in zip(own, texts, strict=True))
    row["a search"] = f"{spent:.0f} s"
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", nargs="+", default=["nuclei-3d"])
    parser.add_argument("--names", nargs="*", help="of the models, for the page")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--part", default="test", help="folder of a set: test or train")
    parser.add_argument("--page", action="store_true", help="write the section of the page")
    options = parser.parse_args()
    rows = []
    for path, shown in zip(options.model, options.names or options.model, strict=True):
        model = find_model(path)
        for name in options.sets:
            chosen = list(images(options.data, name, options.part))
            rows.append(row_of(model, shown, name, chosen))
            print(rows[-1], flush=True)
    print(table.markdown(rows))
    if options.page:
        table.remember("volume sizes", rows, 1)
        page.write()


if __name__ == "__main__":
    main()
