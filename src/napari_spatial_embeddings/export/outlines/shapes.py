"""Outlines as the table of a Shapes layer that napari saves, and opens by itself.

Its reader (version 0.9.2, ``napari_builtins``) takes the first two columns and those of axes, and
passes over others. The middle of the first pixel is 0 there. A ring around a hole is joined to the
one around it, as a shape has a single ring.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import joined
from napari_spatial_embeddings.export.record import write_record
from napari_spatial_embeddings.export.segmented import Results, Segmented, shape_of
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .described import EVERY, Described, Steps, described


def write_shapes(path: Path, found: Results, settings: ExportSettings) -> Steps:
    """Write a polygon for each piece of each object, whole or not at all; yield now and then.

    Coordinates are those of the axes of the image or the series. The record is a file beside it.

    Raises
    ------
    InputError, Failure
        If whole outlines are wanted and cannot be had, or the file cannot be written.
    """
    ndim = len(shape_of(found)) + (not isinstance(found, Segmented))
    head = ["index", "shape-type", "vertex-index", *(f"axis-{d}" for d in range(ndim))]
    index = 0
    with writing(path), atomic_file(path) as file:
        file.write(f"{','.join([*head, 'label', 'class'])}\n".encode())
        for k, one in enumerate(described(found, settings, edges=True)):
            text = io.StringIO()
            rows = csv.writer(text, lineterminator="\n")
            for piece in one.outline.pieces:
                rows.writerows(_rows(index, one, joined(piece).tolist()))
                index += 1
            file.write(text.getvalue().encode())
            if k % EVERY == 0:
                yield one.share
    write_record(path, found.noted())


def _rows(index: int, one: Described, corners: list[list[float]]) -> Iterator[list[Any]]:
    place = [*one.place.values()]
    for k, (x, y) in enumerate(corners):
        yield [index, "polygon", k, *place, y - 0.5, x - 0.5, one.label, one.class_name or ""]
