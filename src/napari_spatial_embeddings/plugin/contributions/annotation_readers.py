"""Readers of other programs' annotations: outlines as shapes, masks as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_spatial_embeddings.files.annotations.sources import may_be_annotations
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple
from napari_spatial_embeddings.plugin.layers.outlined.shapes import points_layer, shapes_layer
from napari_spatial_embeddings.plugin.layers.tags import role_of

OWN = (".roi", ".zip", ".geojson", ".geojson.gz", "_seg.npy")
"""Ends of the names of files that are read here; JSON may be anything."""


def are_annotations(path: Path) -> bool:
    """Whether a file is one of ROIs, GeoJSON, or Cellpose's."""
    return path.name.lower().endswith(OWN) and path.is_file() and may_be_annotations(path)


def read_annotations(path: Path) -> list[LayerTuple]:
    """Read a file as layers, which lie on the image that is open, if it is the only one or active.

    Raises
    ------
    FileError
        If it cannot be read, or holds no object.
    """
    from napari_spatial_embeddings.files.annotations.cellpose import is_seg, read_seg
    from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
    from napari_spatial_embeddings.files.errors import FileError

    if is_seg(path):
        labels, _ = read_seg(path)
        return [(labels, {"name": path.stem, **_place(labels.ndim)}, "labels")]
    found = AnnotationFile(path).outlines()
    name = path.name.partition(".")[0]
    made = [shapes_layer(found, name), points_layer(found, f"{name} points")]
    layers = [layer for layer in made if layer is not None]
    if not layers:
        raise FileError(f"{path} holds no outlines and no points; it has nothing to show")
    for _, options, _ in layers:
        options |= _place(options["ndim"])
    return layers


def _place(ndim: int) -> dict[str, Any]:
    """Return the transform of the image that pixels are of: of its last axes."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return {}
    images = [x for x in viewer.layers if isinstance(x, Image) and role_of(x) in (None, "image")]
    active = viewer.layers.selection.active
    chosen = active if active in images else images[0] if len(images) == 1 else None
    if chosen is None or chosen.ndim < ndim:
        return {}
    last = slice(chosen.ndim - ndim, None)
    return {
        "scale": tuple(chosen.scale[last]),
        "translate": tuple(chosen.translate[last]),
        "units": tuple(map(str, chosen.units[last])),
    }
