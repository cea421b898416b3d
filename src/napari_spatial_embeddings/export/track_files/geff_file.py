"""Tracks as a graph in the Graph Exchange File Format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.core.units import NGFF, Lengths
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.export.folders import replacing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.tracking.tracks import Tracks


def write_geff(
    path: str | Path,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write tracks as a graph in the Graph Exchange File Format, whole or not at all.

    A node is an object, an edge leads to what follows it. Nodes have the frame ``t``, the centre
    ``y`` and ``x``, or also ``z``, ``track`` and ``seg_id``, the object's id in the relabelled
    series, ``label``, its label in the series that was linked, and ``size_px``.

    Parameters
    ----------
    path : path
        A folder, by custom ``<name>.geff``; an older one is replaced.
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``. Centres are in the unit if all are known, and
        else in pixels.
    unit : str, optional
    made : mapping, optional
        How they were made; an attribute of the group.

    Raises
    ------
    FileError
        If the folder is there and holds something else, or cannot be written.
    InputError
        If the package geff is not installed.
    """
    with extra("tracking"):
        import geff
        import networkx as nx
        import zarr

    path, found = Path(path), tracks.detections
    axes = "zyx"[-len(found.spacing) :]
    index = found.centre / np.array(found.spacing)
    known = [size for size in pixel_size or () if size is not None]
    physical = bool(unit) and len(known) == len(axes)
    centre = index * np.array(known) if physical else index
    columns = {
        "t": found.frame,
        **{axis: centre[:, d] for d, axis in enumerate(axes)},
        "track": tracks.track,
        "seg_id": tracks.track,
        "label": found.label,
        "size_px": found.size,
    }
    graph = nx.DiGraph()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    for i, row in enumerate(rows, 1):
        graph.add_node(i, **dict(zip(columns, row, strict=True)))
    for i, after in tracks.successors.items():
        graph.add_edges_from((i + 1, j + 1) for j in after)
    length = NGFF.get(unit, unit) if physical and unit else "pixel"
    own = path.is_dir() and "geff" in _attributes(path)
    with replacing(path, own=own, what="graph in this format") as new:
        geff.write(
            graph,
            new,
            axis_names=["t", *axes],
            axis_units=["frame", *[length] * len(axes)],
            axis_types=["time", *["space"] * len(axes)],
        )
        if made:
            zarr.open_group(new, mode="r+").attrs[KEY] = dict(made)
    return path


def _attributes(path: Path) -> str:
    """Return the attributes of a group, of either version of Zarr, as text."""
    for name in ("zarr.json", ".zattrs"):
        if (path / name).is_file():
            return (path / name).read_text("utf-8")
    return ""
