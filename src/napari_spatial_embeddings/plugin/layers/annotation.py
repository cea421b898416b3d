"""Layer tuples of images and their annotations, and annotations read back from layers.

The dock, the readers and the samples make the same layers, as napari's tuples of data, settings and
kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData, arranged, sliced
from napari_spatial_embeddings.core.units import Lengths, filled
from napari_spatial_embeddings.files.regions import KINDS, Region

from .class_colormap import usual_colormap
from .tags import LayerTag, tag_of

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Annotation, Project

LayerTuple = tuple[Any, dict[str, Any], str]

YELLOW = "#f7c948"


def transform_of_pixel_size(pixel_size: Lengths | None, unit: str | None) -> dict[str, Any]:
    """Return the transform of a layer whose pixels have a size.

    An axis of unknown size is shown like the finest.
    """
    if pixel_size is None:
        return {}
    return {"scale": filled(pixel_size), "units": (unit or "pixel",) * len(pixel_size)}


def image_layer(image: ImageData, key: str, name: str, project: Project | None) -> LayerTuple:
    """Return the layer of an image, whose channels are its first axis if there are several."""
    data, axes = image.data, "ZYX"[-(image.data.ndim - 1) :]
    transform = transform_of_pixel_size(image.pixel_size, image.unit)
    options: dict[str, Any] = {}
    channels = data.shape[0]
    if channels == 1:
        data = sliced(data, (0,))
    elif channels == 3 and data.dtype == np.uint8:
        data, axes = arranged(data, "C" + axes, axes + "C"), axes + "C"
        options["rgb"] = True
    else:
        axes = "C" + axes
        if transform:  # a channel has no length, here as where the user enters the pixel size
            scale, units = transform["scale"], transform["units"]
            transform = {"scale": (1.0, *scale), "units": ("pixel", *units)}
    folder = "" if project is None else str(project.folder)
    tag = LayerTag("image", key, axes=axes, project=folder)
    return data, {"name": name, "metadata": tag.metadata(), **transform, **options}, "image"


def annotation_layer(
    key: str,
    name: str,
    labels: NDArray[np.int32],
    classes: Mapping[int, str],
    scribbled: bool,
    transform: Mapping[str, Any],
) -> LayerTuple:
    """Return the layer that objects are painted in."""
    tag = LayerTag("annotations", key, classes=dict(classes), scribbled=scribbled)
    options = {
        "name": f"{name} · annotations",
        "metadata": tag.metadata(),
        "colormap": usual_colormap(),
        **transform,
    }
    return np.asarray(labels, np.int32), options, "labels"


def regions_layer(
    key: str, name: str, ndim: int, regions: Sequence[Region], transform: Mapping[str, Any]
) -> LayerTuple:
    """Return the layer that completely annotated regions are marked in."""
    corners = [_within(region.corners, ndim) for region in regions]
    options = {
        "ndim": ndim,
        "shape_type": [region.kind for region in regions],
        "name": f"{name} · complete regions",
        "face_color": "transparent",
        "edge_color": YELLOW,
        "edge_width": 1,
        "metadata": LayerTag("regions", key).metadata(),
        **transform,
    }
    if not corners:
        options.pop("shape_type")
    return corners or None, options, "shapes"


def _within(corners: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    """Return corners with as many coordinates as the image has axes: the first slice if too few."""
    missing = ndim - corners.shape[1]
    return np.pad(corners, ((0, 0), (missing, 0))) if missing > 0 else corners


def annotation_of(layer: Labels, regions: Shapes | None) -> Annotation:
    """Return the annotation in the layers of an image; the labels are the layer's own array."""
    from napari_spatial_embeddings.project import Annotation

    tag = tag_of(layer) or LayerTag("annotations")
    return Annotation(layer.data, tag.classes, regions_of(regions), tag.scribbled)


def regions_of(regions: Shapes | None) -> list[Region]:
    """Return the regions in a layer of shapes."""
    shapes = zip(regions.shape_type, regions.data, strict=True) if regions is not None else ()
    return [Region(kind, np.array(corners)) for kind, corners in shapes if kind in KINDS]


def project_layers(project: Project, key: str, *, image: bool = True) -> list[LayerTuple]:
    """Return the layers of an image of a project, and of its annotation.

    Raises
    ------
    MissingImage
        If the image's file is not where it was.
    InputError
        If a file cannot be read.
    """
    entry = project.entry(key)
    name, transform = entry.name, transform_of_pixel_size(entry.pixel_size, entry.unit)
    layers = [image_layer(project.image(key), key, name, project)] if image else []
    found = project.annotation(key)
    if found is not None:
        layers.append(
            annotation_layer(key, name, found.labels, found.classes, found.scribbled, transform)
        )
        if found.regions:
            ndim = len(entry.spatial)
            layers.append(regions_layer(key, name, ndim, found.regions, transform))
    return layers


def add_layer(viewer: ViewerModel, layer: LayerTuple) -> Any:
    """Add a layer to a viewer."""
    data, options, kind = layer
    return viewer.add_layer(Layer.create(data, options, kind))
