"""COCO's JSON of objects: polygons, or run-length codes where holes do not let polygons do.

COCO counts from the corners of pixels, as `core.outlines` does. It knows images alone: each slice
of a volume is one, and so is each frame.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.export.segmented import Results, Segmented, shape_of
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import atomic_file

from .described import EVERY, Described, Steps, described

UNKNOWN_CLASS = "object"
"""Category of objects whose class is unknown: COCO has none without."""


def write_coco(path: Path, found: Results, settings: ExportSettings) -> Steps:
    """Write the outlines of all objects as COCO's JSON, whole or not at all; yield now and then.

    Raises
    ------
    InputError, Failure
        If whole outlines are wanted and cannot be had, or the file cannot be written.
    """
    comma, shape = "", shape_of(found)
    start = found.start if isinstance(found, Segmented) else ()
    categories = [
        {"id": k, "name": name, "supercategory": "object"}
        for k, name in enumerate(found.classes or (UNKNOWN_CLASS,), 1)
    ]
    head = {
        "info": {"description": f"objects found by {SOFTWARE}", KEY: found.noted()},
        "licenses": [],
        "categories": categories,
        "images": list(_images(found)),
    }
    with writing(path), atomic_file(path) as file:
        # The annotations last, one after another: those of many objects need not be in memory.
        file.write(f'{json.dumps(head, allow_nan=False)[:-1]}, "annotations": ['.encode())
        for k, one in enumerate(described(found, settings)):
            text = json.dumps(_annotation(one, k + 1, shape, start), allow_nan=False)
            file.write(f"{comma}\n{text}".encode())
            comma = ","
            if k % EVERY == 0:
                yield one.share
        file.write(b"\n]}\n")


def _images(found: Results) -> Iterator[dict[str, Any]]:
    """Yield each plane as an image, the slices of a frame one after another."""
    name = found.source.name if found.source else found.name
    shape, number = shape_of(found), 0
    for t in range(1 if isinstance(found, Segmented) else found.frames):
        for z in range(shape[0] if len(shape) == 3 else 1):
            number += 1
            image = {"id": number, "file_name": name, "width": shape[-1], "height": shape[-2]}
            frame = {} if isinstance(found, Segmented) else {"frame": t}
            yield {**image, **frame, **({"slice": z} if len(shape) == 3 else {})}


def _annotation(
    one: Described, number: int, shape: Sequence[int], start: tuple[int, ...]
) -> dict[str, Any]:
    """Return an object as an annotation of its plane; ``shape`` is that of the image."""
    first = np.array(start[:-3:-1] or (0, 0))  # x, y: COCO has no larger image
    rings = [ring - first for ring in one.rings]
    corners = np.concatenate(rings)
    low = np.floor(corners.min(0)).astype(int)
    high = np.ceil(corners.max(0)).astype(int)
    mask = filled(rings, (high - low)[::-1].tolist(), low[::-1].tolist())
    if all(len(piece) == 1 for piece in one.outline.pieces):
        segmentation: Any = [ring.ravel().tolist() for ring in rings]
    else:
        segmentation = {"counts": _runs(mask, low, shape[-2:]), "size": list(shape[-2:])}
    z = 0 if one.z is None else one.z - (start[0] if start else 0)
    slices = shape[0] if len(shape) == 3 else 1
    annotation = {
        "id": number,
        "image_id": (one.t or 0) * slices + z + 1,
        "category_id": one.class_index + 1,
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "iscrowd": 0,
        "label": one.label,
    }
    if one.score is not None and math.isfinite(one.score):
        annotation["score"] = one.score
    return annotation


def _runs(mask: NDArray[np.bool_], low: NDArray[np.integer], shape: Sequence[int]) -> list[int]:
    """Return the lengths of runs down the columns of an image, of background first.

    Parameters
    ----------
    mask : bool (h, w)
        Of the object in its box.
    low : x, y
        The box's first pixel.
    shape : Y, X
        Of the image.
    """
    padded = np.pad(mask, ((1, 1), (0, 0))).T  # no run goes on from one column to the next
    column, changed = np.nonzero(padded[:, 1:] != padded[:, :-1])
    edges = (column + int(low[0])) * shape[0] + changed + int(low[1])
    # Runs that go on in the next column end where they start again.
    same = np.flatnonzero(edges[1:-1:2] == edges[2::2])
    edges = np.delete(edges, np.concatenate([2 * same + 1, 2 * same + 2]))
    runs: list[int] = np.diff(edges, prepend=0, append=shape[0] * shape[1]).tolist()
    return runs
