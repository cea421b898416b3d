"""Cellpose's own file of an image's objects, ``NAME_seg.npy``, which its window opens and saves.

It is a dictionary that ``numpy.save`` pickles. Its window (``cellpose.gui.io``, version 4) needs
the labels and their borders, both of the image's shape; numbers labels again unless they are 1 to
N; takes a colour for each object if there are N; finds the image by its path, or by its name beside
the file, or takes the one in the file. There are no flows, so its thresholds change nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.export.colours import PALETTE
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import atomic_file

HIGHEST = np.iinfo(np.uint16).max - 1
"""The highest label that Cellpose writes with 16 bits."""


def write_seg(path: Path, found: Segmented, _settings: ExportSettings) -> Path:
    """Write the labels as Cellpose does, whole or not at all.

    Labels are 1 to N; those of the table are, in this order, under ``labels_in_table``.

    Raises
    ------
    FileError, Failure
        If the file cannot be written.
    """
    ids, places = numbered(found.instances.labels)
    count = len(ids) - 1
    masks: NDArray[np.unsignedinteger] = places.astype(np.uint16 if count <= HIGHEST else np.uint32)
    content: dict[str, Any] = {
        "outlines": masks * _borders(masks),
        "masks": masks,
        "colors": PALETTE[np.arange(count) % len(PALETTE)],
        "ismanual": np.zeros(count, np.bool_),
        "manual_changes": [],
        "filename": str(found.source.absolute()) if found.source else found.name,
        "flows": [[], [], [], [], [[]]],
        "labels_in_table": ids[1:],
    }
    if found.source is None and found.image is not None:
        content["img"] = _as_colours(found.image)
    content[KEY] = json.dumps(found.noted())  # at the end, where `files.settings.is_ours` looks
    with writing(path), atomic_file(path) as file:
        np.save(file, content, allow_pickle=True)  # type: ignore[arg-type]
    return path


def _borders(masks: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    """Return the pixels of objects beside others, in the plane, or at the edge of the image."""
    from skimage.segmentation import find_boundaries

    planes = masks if masks.ndim == 3 else masks[None]
    found = np.stack([find_boundaries(np.pad(one, 1), mode="inner")[1:-1, 1:-1] for one in planes])
    borders: NDArray[np.bool_] = found.reshape(masks.shape)
    return borders


def _as_colours(image: PixelArray) -> NDArray[np.float32]:
    """Return an image (C, *S) as Cellpose takes it, float32 (*S, 3): its first channels."""
    channels = [np.asarray(image[c], np.float32) for c in range(min(image.shape[0], 3))]
    channels += [np.zeros_like(channels[0])] * (3 - len(channels))
    return np.stack(channels, -1)
