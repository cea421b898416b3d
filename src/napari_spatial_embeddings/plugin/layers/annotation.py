"""Layers as data: an image, what is drawn on it, and what a project holds of both.

The dock, the readers and the samples make the same layers, as napari's tuples of data, settings and
kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Shapes
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import Region
from napari_spatial_embeddings.files.regions import KINDS
from napari_spatial_embeddings.project import Annotation, Project

from .tags import KEY, facts

LayerTuple = tuple[Any, dict[str, Any], str]

YELLOW = "#f7c948"


def position(pixel_size: Sequence[float] | None, unit: str | None) -> dict[str, Any]:
    """Return where a layer lies whose pixels have a size."""
    if pixel_size is None:
        return {}
    return {"scale": tuple(pixel_size), "units": (unit or "pixel",) * len(pixel_size)}


def image_layer(picture: ImageData, key: str, name: str, project: Project | None) -> LayerTuple:
    """Return the layer of an image, whose channels are its first axis if there are several."""
    data, axes = np.asarray(picture.data), "ZYX"[-picture.ndim :]
    place = position(picture.pixel_size, picture.unit)
    colours = len(data) == 3 and data.dtype == np.uint8
    if len(data) == 1:
        data = data[0]
    elif colours:
        data, axes = np.moveaxis(data, 0, -1), axes + "C"
    else:
        axes = "C" + axes
        if place:  # a channel has no length, here as where a person tells the pixel size
            place = {"scale": (1.0, *place["scale"]), "units": ("pixel", *place["units"])}
    own = {"role": "image", "image": key, "axes": axes}
    if project is not None:
        own["project"] = str(project.folder)
    options = {"name": name, "metadata": {KEY: own}, **place}
    if colours:
        options["rgb"] = True
    return data, options, "image"


def labels_layer(
    key: str,
    name: str,
    labels: NDArray[np.int32],
    classes: Mapping[int, str],
    scribbled: bool,
    place: Mapping[str, Any],
) -> LayerTuple:
    """Return the layer that people paint objects in."""
    own = {
        "role": "annotations",
        "image": key,
        "classes": dict(classes),
        "scribbled": scribbled,
    }
    return labels, {"name": f"{name} · annotations", "metadata": {KEY: own}, **place}, "labels"


def regions_layer(
    key: str, name: str, ndim: int, regions: Sequence[Region], place: Mapping[str, Any]
) -> LayerTuple:
    """Return the layer that people mark completely annotated regions in."""
    corners = [_within(region.corners, ndim) for region in regions]
    options = {
        "ndim": ndim,
        "shape_type": [region.kind for region in regions],
        "name": f"{name} · complete regions",
        "face_color": "transparent",
        "edge_color": YELLOW,
        "edge_width": 1,
        "metadata": {KEY: {"role": "regions", "image": key}},
        **place,
    }
    if not corners:
        options.pop("shape_type")
    return corners or None, options, "shapes"


def _within(corners: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    """Return corners with as many coordinates as the image has axes: the first slice if too few."""
    missing = ndim - corners.shape[1]
    return np.pad(corners, ((0, 0), (missing, 0))) if missing > 0 else corners


def drawn(layer: Labels, regions: Shapes | None) -> Annotation:
    """Return what is drawn in our layers of an image; the labels are the layer's own array."""
    own = facts(layer)
    return Annotation(layer.data, dict(own["classes"]), marked(regions), own["scribbled"])


def marked(regions: Shapes | None) -> list[Region]:
    """Return the regions in a layer of shapes."""
    shapes = zip(regions.shape_type, regions.data, strict=True) if regions is not None else ()
    return [Region(kind, np.array(corners)) for kind, corners in shapes if kind in KINDS]


def contents(project: Project, key: str, *, image: bool = True) -> list[LayerTuple]:
    """Return the layers of an image of a project, and of what is drawn on it.

    Raises
    ------
    MissingImage
        If the image's file is not where it was.
    InputError
        If a file cannot be read.
    """
    entry = project.entry(key)
    place = position(entry.pixel_size, entry.unit)
    layers = [image_layer(project.image(key), key, entry.name, project)] if image else []
    annotation = project.annotation(key)
    if annotation is not None:
        layers.append(
            labels_layer(
                key,
                entry.name,
                annotation.labels,
                annotation.classes,
                annotation.scribbled,
                place,
            )
        )
        if annotation.regions:
            ndim = len(entry.spatial)
            layers.append(regions_layer(key, entry.name, ndim, annotation.regions, place))
    return layers


def add(viewer: Viewer, layer: LayerTuple) -> Any:
    """Add a layer to a viewer."""
    data, options, kind = layer
    return viewer.add_layer(Layer.create(data, options, kind))
