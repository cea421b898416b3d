"""Objects that are lost where nearly flat tiles are not predicted: there should be none.

``python -m benchmarks.empty DATA [--every 4]``: ``DATA/SET/train/images`` holds images that the
shipped models were trained on. Each is seen as it is, and with its contrast reduced towards its
background. Of all its windows, those are counted that the test takes for empty, with a halo that is
a quarter of the usual one, and those of them in which the network sees any foreground.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.maps import Float
from napari_spatial_embeddings.files import find_images, read_image
from napari_spatial_embeddings.inference.empty_tiles import EmptyTest
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_model

from . import table

SETS = {"nuclei-2d": ("dsb2018", "bbbc039"), "cells-2d": ("usiigaci",)}
CONTRASTS = (1.0, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
WINDOW, HALO, MOST = 32, 16, 512
CPU = PredictionSettings(device="cpu")


def seed_of(model: SpatialEmbeddings, pixels: Float) -> Float:
    *_, last = model.predicting_normalised(pixels, CPU)
    return last.maps.seed


def count(model: SpatialEmbeddings, pixels: Float, test: EmptyTest) -> tuple[int, int, int]:
    """Return the numbers of windows, of those that are taken for empty, and of those in error."""
    seed = seed_of(model, pixels).max(0)
    windows = empty = wrong = 0
    for y, x in product(*(range(0, n - WINDOW + 1, WINDOW) for n in seed.shape)):
        part = (slice(y, y + WINDOW), slice(x, x + WINDOW))
        around = tuple(slice(max(0, p.start - HALO), p.stop + HALO) for p in part)
        found = test(np.ascontiguousarray(pixels[(slice(None), *around)]))
        windows, empty = windows + 1, empty + found
        wrong += found and bool((seed[part] > model.clustering.foreground_threshold).any())
    return windows, empty, wrong


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="every n-th image [1]")
    options = parser.parse_args()
    rows: list[table.Row] = []
    for (name, sets), contrast in product(SETS.items(), CONTRASTS):
        model = find_model(name)
        test = EmptyTest(
            model.settings,
            lambda pixels, model=model: seed_of(model, pixels),  # type: ignore[misc]
            model.clustering.foreground_threshold,
        )
        for one in sets:
            total = np.zeros(3, int)
            files = find_images([str(options.data / one / "train" / "images")])[:: options.every]
            for file in files:
                image = read_image(file).data[:1, :MOST, :MOST]
                pixels = normalise(np.asarray(image), normalisation(image, model.settings))
                ground = np.percentile(pixels, 5)
                seen = (ground + contrast * (pixels - ground)).astype(np.float32)
                total += count(model, seen, test)
            windows, empty, wrong = total.tolist()
            row: table.Row = {"model": name, "images": f"{len(files)} of {one}"}
            row |= {"contrast": contrast, "windows": windows, "taken for empty": empty}
            rows.append({**row, "with foreground": wrong})
            print(rows[-1], flush=True)
    print(table.markdown(rows))


if __name__ == "__main__":
    main()
