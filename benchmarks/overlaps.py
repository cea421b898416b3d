"""Rules for a pixel that two objects claim: AP of three, on images with a trained model.

``python -m benchmarks.overlaps MODEL IMAGES LABELS``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.core.metrics import mean_ap, score
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

from . import page, table

RULES = ("first owner", "last owner", "larger phi")


def relabelled(
    maps: EmbeddingMaps, found: Instances, settings: ClusteringSettings, rule: str
) -> NDArray[np.int32]:
    """Return the same objects' labels, with pixels claimed twice given by another rule."""
    e = maps.embeddings()
    foreground = maps.seed.max(0) > settings.foreground_threshold
    labels = np.zeros(maps.shape, np.int32)
    largest = np.zeros(maps.shape, np.float32)
    axes = (-1, *[1] * maps.ndim)
    for k in range(len(found)):
        sigma = (found.sigma[k] * settings.margin_factor).reshape(axes)
        phi = np.exp(-0.5 * (((e - found.centre[k].reshape(axes)) / sigma) ** 2).sum(0))
        claimed = foreground & (phi > 0.5)
        if rule == "first owner":
            claimed &= labels == 0
        elif rule == "larger phi":
            claimed &= phi > largest
        labels[claimed] = k + 1
        largest[claimed] = phi[claimed]
    return labels


def main() -> None:
    """Score every rule and remember the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    options = parser.parse_args()
    model = SpatialEmbeddings.load(options.model)
    scores: dict[str, list[NDArray[np.float64]]] = {rule: [] for rule in RULES}
    for image, labels in pair(options.images, options.labels):
        maps = model.predict_maps(read_image(image).data)
        found = cluster(maps, model.clustering)
        truth = read_labels(labels)
        for rule in RULES:
            result = score(truth, relabelled(maps, found, model.clustering, rule))
            scores[rule].append(mean_ap([result]))
    rows = []
    for rule, values in scores.items():
        ap = np.mean(values, 0)
        cells = {f"AP{t}": f"{ap[i]:.4f}" for t, i in ((50, 0), (70, 4), (80, 6), (90, 8))}
        rows.append({"rule": rule, **cells, "mean AP .5-.95": f"{ap.mean():.4f}"})
    print(table.markdown(rows))
    table.remember("overlaps", rows, 2)
    page.write()


if __name__ == "__main__":
    main()
