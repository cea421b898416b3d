"""Objects of a label series found again in the next frame by their place.

``python -m benchmarks.found_again LABELS``: a series TYX in which a cell has the same id in all
frames. Prints how many are found, and how many are taken for another cell.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise

import numpy as np

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.editing.following import Known, found_again
from napari_spatial_embeddings.files import read_label_series


def main(path: str) -> Counter[str]:
    """Look for the cells of each frame in the next one, and print the figures."""
    series, count = read_label_series([path], tracked=True), Counter[str]()
    frames = [np.asarray(frame, np.int32) for frame in series.data]
    objects = [cluster(ideal_maps(frame)) for frame in frames]
    for t, (now, then) in enumerate(pairwise(objects)):
        cells = {
            int(label): int(frames[t + 1][then.labels == label].max())
            for label in then.ids.tolist()
        }
        for label in now.ids.tolist():
            known = Known.of(t, now.labels, label)
            cell = int(frames[t][now.labels == label].max())
            found = found_again(known, then, t + 1)
            kind = "missed" if cell in cells.values() else "gone"
            if found is not None:
                kind = "right" if cells[found] == cell else "wrong"
            count[kind] += 1
    print(dict(count))
    return count


if __name__ == "__main__":
    main(sys.argv[1])
