"""GeoJSON of objects, as QuPath reads it.

QuPath counts from the corners of pixels, as `core.outlines` does. Outlines are along the edges of
pixels, as its own of masks are (class ``ContourTracing``): it measures polygons as they are, and
where it fills them, by Java's ``Graphics2D``, corners between the edges move. Its reader (version
0.8, class ``QuPathTypeAdapters``) fails at members that are null and at rings that are not closed,
takes the kind of an object, its class and its measurements from ``properties``, and an id that is a
UUID.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import Piece, Ring
from napari_spatial_embeddings.export.segmented import Results, Segmented, frames_of
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import atomic_file

from .described import EVERY, Described, Steps, described_frame, numbers_of

IDS = uuid.uuid5(uuid.NAMESPACE_DNS, KEY)
"""Namespace of the objects' ids: an object of the same name in the same image has the same one."""


def write_geojson(path: Path, found: Results, settings: ExportSettings) -> Steps:
    """Write the outlines of all objects as GeoJSON, whole or not at all; yield now and then.

    Raises
    ------
    InputError, Failure
        If whole outlines are wanted and cannot be had, or the file cannot be written.
    """
    comma = ""
    with writing(path), atomic_file(path) as file:
        note = json.dumps(found.noted(), allow_nan=False)
        head = f'{{"type": "FeatureCollection", "{KEY}": {note}, "features": ['
        file.write(head.encode())
        for n, (t, frame) in enumerate(frames_of(found)):
            share = None if isinstance(found, Segmented) else (n, len(found.numbers))
            columns = numbers_of((yield from frame.measured()))
            objects = described_frame(frame, settings, t, share, columns, edges=True)
            for k, one in enumerate(objects):
                text = json.dumps(_feature(one, found.name, settings), allow_nan=False)
                file.write(f"{comma}\n{text}".encode())
                comma = ","
                if k % EVERY == 0:
                    yield one.share
        file.write(b"\n]}\n")


def _feature(one: Described, image: str, settings: ExportSettings) -> dict[str, Any]:
    """Return an object as a feature, without anything that is not known."""
    polygons = [_polygon(piece) for piece in one.outline.pieces]
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": polygons[0]}
    if len(polygons) > 1:
        geometry = {"type": "MultiPolygon", "coordinates": polygons}
    if one.place:
        geometry["plane"] = {"c": -1, "z": 0, "t": 0, **one.place}
    properties: dict[str, Any] = {"objectType": settings.object_type, "name": str(one.label)}
    if one.class_name is not None:
        properties["classification"] = {"name": one.class_name, "color": list(one.colour)}
    if one.measurements:
        properties["measurements"] = dict(one.measurements)
    properties["metadata"] = one.facts
    place = "".join(f"/{axis}{index}" for axis, index in one.place.items())
    identity = str(uuid.uuid5(IDS, f"{image}/{one.label}{place}"))
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}


def _polygon(piece: Piece) -> list[list[list[int]]]:
    return [_closed(ring) for ring in piece]


def _closed(ring: Ring) -> list[list[int]]:
    points: list[list[int]] = np.concatenate([ring, ring[:1]]).astype(np.int64).tolist()
    return points
