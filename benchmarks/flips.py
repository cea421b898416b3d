"""Gain and cost of test-time augmentation: a model's scores with and without.

``python -m benchmarks.flips DATA SET MODEL``

``DATA/SET/test/{images,masks}`` is scored with the model's own thresholds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.metrics import Scores, mean_ap, score
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.registry import find_model

from . import accuracy, page, table
from .recipes.gathering import grey


def main() -> None:
    """Score both ways, image by image; remember the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("set")
    parser.add_argument("model", help="folder, or name of a shipped model")
    options = parser.parse_args()
    model = find_model(options.model)
    folder = options.data / options.set / "test"
    found: dict[bool, list[Scores]] = {False: [], True: []}
    seconds = {False: 0.0, True: 0.0}
    for image_path, labels_path in pair(folder / "images", folder / "masks"):
        pixels = read_image(image_path).data
        pixels = grey(pixels) if len(pixels) != model.settings.in_channels else pixels
        labels = read_labels(labels_path)
        for flips in found:
            clock = time.perf_counter()
            maps = model.predict_maps(pixels, PredictionSettings(flips=flips))
            seconds[flips] += time.perf_counter() - clock
            found[flips].append(score(labels, cluster(maps, model.clustering).labels))
    new = []
    for flips, scores in found.items():
        ap = mean_ap(scores)
        new.append(
            {
                "images": options.set,
                "model": Path(options.model).name,
                "flips and quarter turns": "yes" if flips else "no",
                "network's time": f"{seconds[flips] / seconds[False]:.1f}x",
                **{name: f"{ap[i]:.3f}" for name, i in accuracy.AT.items()},
                "mean AP .5-.95": f"{np.mean(ap):.3f}",
            }
        )
    key = ("images", "model")
    old = table.recall().get("flips", {}).get("rows", [])
    kept = [r for r in old if any(r[k] != new[0][k] for k in key)]
    table.remember("flips", sorted([*kept, *new], key=lambda r: [r[k] for k in key]), 1)
    print(table.markdown(new))
    page.write()


if __name__ == "__main__":
    main()
