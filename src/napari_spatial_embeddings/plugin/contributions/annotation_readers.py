"""Readers of other programs' annotations: outlines as shapes, masks as labels."""

from __future__ import annotations

from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import stem
from napari_spatial_embeddings.files.annotations.outlines import named
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile, may_be_annotations
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.outlined.shapes import points_layer, shapes_layer
from napari_spatial_embeddings.plugin.layers.tags import role_of

from .waiting import waited

OWN = (".roi", ".zip", ".geojson", ".geojson.gz", ".shapes.csv", "_seg.npy")
"""Ends of the names of files that are read here; other JSON and CSV may be anything."""

COCO = ("*.coco.json", "instances*.json", "*annotations*.json")
"""Names that programs give files of COCO; the manifest has the same."""


def are_annotations(path: Path) -> bool:
    """Whether a file is one of ROIs, GeoJSON, COCO, our tables of shapes, or Cellpose's."""
    name = path.name.lower()
    if any(fnmatch(name, pattern) for pattern in COCO):
        with suppress(InputError):
            return AnnotationFile(path).kind == "coco"
    return name.endswith(OWN) and path.is_file() and may_be_annotations(path)


def reading(path: Path) -> str:
    """Return the text that is shown while a file is read."""
    return f"Reading {path.name} …"


def read_annotations(path: Path) -> list[LayerTuple]:
    """Read a file as layers, which lie on the image that is open, if it is the only one or active.

    Of a file of COCO, the objects of that image are read.

    Raises
    ------
    FileError
        If it cannot be read, or holds no object.
    """
    from napari_spatial_embeddings.files.annotations.cellpose import is_seg, read_seg

    if is_seg(path):
        labels, _ = waited(reading(path), lambda: read_seg(path))
        return [(labels, {"name": path.stem, **_place(labels.ndim)}, "labels")]
    file = AnnotationFile(path)
    several = waited(reading(path), lambda: file.kind == "coco" and len(file.names) > 1)
    name = _name_of_image(file) if several else path.name.partition(".")[0]
    found = waited(reading(path), lambda: file.outlines(name))
    made = [shapes_layer(found, name), points_layer(found, f"{name} points")]
    layers = [layer for layer in made if layer is not None]
    if not layers:
        raise FileError(f"{path} holds no outlines and no points; it has nothing to show")
    for _, options, _ in layers:
        options |= _place(options["ndim"])
    return layers


def _name_of_image(file: AnnotationFile) -> str:
    """Return the name of the image that is open, or chosen, in a file of several.

    Raises
    ------
    FileError
        If it is none of them.
    """
    layer = _image()
    source = None if layer is None else source_path(layer)
    given = [] if layer is None else [*([] if source is None else [source.name]), layer.name]
    for name in map(stem, given):
        if name in file.names:
            return name
    held = named(len(file.names), "image", file.names)
    raise FileError(
        f"{file.path} holds the objects of {held}; open the one that you want, choose its layer,"
        " and open this file again"
    )


def _image() -> Image | None:
    """Return the image layer that is open, if it is the only one or active."""
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return None
    images = [x for x in viewer.layers if isinstance(x, Image) and role_of(x) in (None, "image")]
    active = viewer.layers.selection.active
    return active if active in images else images[0] if len(images) == 1 else None


def _place(ndim: int) -> dict[str, Any]:
    """Return the transform of the image that pixels are of: of its last axes."""
    chosen = _image()
    if chosen is None or chosen.ndim < ndim:
        return {}
    last = slice(chosen.ndim - ndim, None)
    return {
        "scale": tuple(chosen.scale[last]),
        "translate": tuple(chosen.translate[last]),
        "units": tuple(map(str, chosen.units[last])),
    }
