"""Cluster the same maps with several settings, as a slider does: only the first call is slow.

python examples/live_thresholds.py
"""

from __future__ import annotations

import time

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import ideal_maps


def main() -> None:
    """Print the milliseconds and the number of objects for a few settings."""
    maps = ideal_maps(samples.nuclei().labels)
    clustering = Clustering(maps)
    settings = ClusteringSettings()
    clustering(settings)  # compile
    for size in (1, 50, 100, 200, 400):
        start = time.perf_counter()
        found = clustering(settings.updated(min_size=size))
        spent = 1e3 * (time.perf_counter() - start)
        print(f"at least {size:3} pixels: {len(found):3} objects in {spent:.2f} ms")


if __name__ == "__main__":
    main()
