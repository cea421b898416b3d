"""Kinds of images that a start model has not seen: one is annotated in part, others are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.files import pair, read_image, read_labels

from .recipes.gathering import grey

Labels = NDArray[np.int32]
Pair = tuple[NDArray[np.generic], Labels]

UNSEEN = 3
"""Images that are scored."""


@dataclass(frozen=True)
class Case:
    """A start model, a set that it has not seen, and what is changed of its labels."""

    start: str
    set: str
    change: Callable[[Labels], Labels] = np.asarray

    def pairs(self, data: Path) -> tuple[Pair, list[Pair]]:
        """Return the image that is annotated in part, and those that are scored."""
        (image, labels), others = self._pairs(data)
        _, dense = np.unique(labels, return_inverse=True)
        return (image, dense.reshape(labels.shape).astype(np.int32)), others

    def _pairs(self, data: Path) -> tuple[Pair, list[Pair]]:
        if self.set in GENERATED:
            first, *others = (GENERATED[self.set](seed) for seed in (0, 100, 101, 102, 103))
            return (first.image, first.labels), [(s.image, s.labels) for s in others]
        if self.set == "yeast_movie":
            return _movie(data / self.set)
        found = pair(data / self.set / "train/images", data / self.set / "train/masks")
        middle = len(found) // 2
        others = [i for i in range(len(found)) if abs(i - middle) > 2]
        chosen = [middle, *others[:: max(1, len(others) // UNSEEN)][:UNSEEN]]
        read = [
            (grey(read_image(found[i][0]).data), read_labels(found[i][1]).astype(np.int32))
            for i in chosen
        ]
        first, *rest = [(image, self.change(labels)) for image, labels in read]
        return first, rest


def _movie(folder: Path) -> tuple[Pair, list[Pair]]:
    """Return the left half of the first frame, and the right halves of later ones."""
    image, labels = (tifffile.imread(folder / f"{name}.tif") for name in ("image", "labels"))
    labels = labels.astype(np.int32)
    cut = image.shape[-1] // 2
    later = [(image[t][None, :, cut:], labels[t][:, cut:]) for t in (3, 6, 9)]
    return (image[0][None, :, :cut], labels[0][:, :cut]), later


def inner(labels: Labels, by: float = 3.0) -> Labels:
    """Return the objects with their outlines some pixels further in."""
    out = labels.copy()
    for k, box in enumerate(ndi.find_objects(labels), 1):
        if box is not None:
            own = np.pad(labels[box] == k, 1)
            thin = ndi.distance_transform_edt(own)[(slice(1, -1),) * labels.ndim] <= by
            out[box][(labels[box] == k) & thin] = 0
    return out


GENERATED = {"rods": samples.rods, "nuclei": samples.nuclei, "blobs": samples.blobs}

CASES = {
    "bbbc039": Case("cells-2d", "bbbc039"),
    "yeast_movie": Case("cells-2d", "yeast_movie"),
    "axon_tem": Case("nuclei-2d", "axon_tem"),
    "usiigaci": Case("nuclei-2d", "usiigaci"),
    "bbbc039, outlines 3 px further in": Case("cells-2d", "bbbc039", inner),
    "dsb2018_rgb": Case("nuclei-2d", "dsb2018_rgb"),
    "emps": Case("cells-2d", "emps"),
    "rods": Case("cells-2d", "rods"),
    "blobs": Case("nuclei-3d", "blobs"),
}
