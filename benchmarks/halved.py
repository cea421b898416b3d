"""Objects of maps in half precision against those of the maps as they were predicted.

``python -m benchmarks.halved MODEL IMAGE ...``: each file is one image. Prints, over all images,
how many objects, and pixels of them, are others with the model's own thresholds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.files import read_image
from napari_spatial_embeddings.inference.registry import find_model


@dataclass
class Count:
    """What was found, and what is found otherwise in half precision."""

    objects: int = 0
    more: int = 0
    missing: int = 0
    pixels: int = 0
    changed: int = 0


def main(model_name: str, *paths: str) -> Count:
    """Compare, and print the figures."""
    model, count = find_model(model_name), Count()
    for path in paths:
        image = read_image(path)
        maps = model.predict_maps(np.asarray(image.data))
        offsets, sigma, seed = (
            np.asarray(x).astype(np.float16).astype(np.float32)
            for x in (maps.offsets, maps.sigma, maps.seed)
        )
        whole = Clustering(maps)(model.clustering)
        halved = EmbeddingMaps(offsets, sigma, seed, maps.spacing)
        half = Clustering(halved)(model.clustering, like=whole)
        count.objects += len(whole)
        count.more += len(set(half.ids.tolist()) - set(whole.ids.tolist()))
        count.missing += len(set(whole.ids.tolist()) - set(half.ids.tolist()))
        count.pixels += int((whole.labels > 0).sum())
        count.changed += int((whole.labels != half.labels).sum())
    print(
        f"{len(paths)} images, {count.objects} objects of {count.pixels} pixels: {count.missing}"
        f" objects missing, {count.more} more, {count.changed} pixels of another label"
        f" ({1e6 * count.changed / max(1, count.pixels):.0f} in a million)"
    )
    return count


if __name__ == "__main__":
    main(*sys.argv[1:])
