"""Layer tuples of images and their annotations, and annotations read back from layers.

The dock, the readers and the samples make the same layers, as napari's tuples of data, settings and
kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData, PixelArray, arranged, sliced
from napari_spatial_embeddings.core.units import Lengths, filled
from napari_spatial_embeddings.files.names import frame_key, series_key
from napari_spatial_embeddings.files.regions import KINDS, Region
from napari_spatial_embeddings.plugin.state.open_image import Box, Series

from .class_colormap import usual_colormap
from .frames import empty_labels, frame_of, pixels
from .tags import KeptFrame, LayerTag, Whole, tag_of

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


def image_layer(
    image: ImageData, key: str, name: str, project: Project | None, frame: int | None = None
) -> LayerTuple:
    """Return the layer of an image, whose channels are its first axis if there are several.

    A large image is shown as a pyramid, if it is one.

    Of a time series, the second axis is time, and the key is that of a frame.
    """
    axes, space = image.axes.replace("C", ""), "ZYX"[-image.ndim :]
    transform = transform_of_pixel_size(image.pixel_size, image.unit)
    if transform and axes != space:
        transform = {
            "scale": (1.0, *transform["scale"]),
            "units": ("pixel", *transform["units"]),
        }
    options: dict[str, Any] = {}
    if image.channels == 3 and image.data.dtype == np.uint8:
        axes, options["rgb"] = axes + "C", True
    elif image.channels > 1:
        axes = "C" + axes
        if transform:  # a channel has no length, here as where the user enters the pixel size
            scale, units = transform["scale"], transform["units"]
            transform = {"scale": (1.0, *scale), "units": ("pixel", *units)}
    folder, whole = "" if project is None else str(project.folder), None
    entry = None if project is None else project.card.find(key)
    data = _of_layer(image.data, image.axes, axes)
    if project is not None and entry is not None and entry.window and image.whole is not None:
        path = str((project.folder / entry.path).resolve())
        every = _of_layer(image.whole, image.axes, axes)
        whole = Whole(f"file:{path}", ((every,),), entry.window, path)
        transform |= {"translate": _start(entry.window, transform.get("scale"), axes)}
    tag = LayerTag("image", key, frame, axes=axes, project=folder, whole=whole)
    if image.large and image.levels and image.frames is None:
        options["multiscale"] = True  # napari would read all of it for every picture
        levels = [data, *(_of_layer(level, image.axes, axes) for level in image.levels)]
        return levels, {"name": name, "metadata": tag.metadata(), **transform, **options}, "image"
    return data, {"name": name, "metadata": tag.metadata(), **transform, **options}, "image"


def _of_layer(array: PixelArray, axes: str, wanted: str) -> PixelArray:
    """Return pixels in the order of a layer's axes, without those of a single channel."""
    if "C" in wanted:
        return arranged(array, axes, wanted)
    return sliced(arranged(array, axes, "C" + wanted), (0,))


def _start(
    window: Sequence[tuple[int, int]], scale: Sequence[float] | None, axes: str = ""
) -> tuple[float, ...]:
    """Return the translation of a view; of a layer whose first axis is that of channels, too."""
    lengths = scale or (1.0,) * len(window)
    first = [start * step for (start, _), step in zip(window, lengths[-len(window) :], strict=True)]
    return (*(0.0,) * axes.startswith("C"), *first)


def annotation_layer(
    key: str,
    name: str,
    labels: NDArray[np.int32],
    classes: Mapping[int, str],
    scribbled: bool,
    transform: Mapping[str, Any],
    frame: int | None = None,
    proposed: frozenset[int] = frozenset(),
) -> LayerTuple:
    """Return the layer that objects are painted in.

    Of a time series, the key, the classes, ``scribbled`` and ``proposed`` are those of a frame; the
    labels are those of all frames.
    """
    tag = LayerTag(
        "annotations", key, frame, classes=dict(classes), scribbled=scribbled, proposed=proposed
    )
    options = {
        "name": f"{name} · annotations",
        "metadata": tag.metadata(),
        "colormap": usual_colormap(),
        **transform,
    }
    return np.asarray(labels, np.int32), options, "labels"


def regions_layer(
    key: str,
    name: str,
    ndim: int,
    regions: Sequence[Region],
    transform: Mapping[str, Any],
    frame: int | None = None,
) -> LayerTuple:
    """Return the layer that completely annotated regions are marked in.

    Of a time series, its axes and the regions' corners have that of time as well.
    """
    corners = [_within(region.corners, ndim) for region in regions]
    options = {
        "ndim": ndim,
        "shape_type": [region.kind for region in regions],
        "name": f"{name} · complete regions",
        "face_color": "transparent",
        "edge_color": YELLOW,
        "edge_width": 1,
        "metadata": LayerTag("regions", key, frame).metadata(),
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
    """Return the annotation in the layers of an image, or of the frame in view.

    The labels are the layer's own array, or a part of it.
    """
    from napari_spatial_embeddings.project import Annotation

    tag = tag_of(layer) or LayerTag("annotations")
    shapes = regions_of(regions)
    return Annotation(pixels(layer), tag.classes, shapes, tag.scribbled, tag.proposed)


def annotation_of_frame(layer: Labels, regions: Shapes | None, t: int) -> Annotation:
    """Return the annotation of a frame that is not in view, in the layers of its series."""
    from napari_spatial_embeddings.project import Annotation

    tag = tag_of(layer) or LayerTag("annotations")
    kept = tag.kept.get(t, KeptFrame())
    shapes = regions_of(regions, t)
    return Annotation(layer.data[t], kept.classes, shapes, kept.scribbled, kept.proposed)


def regions_of(regions: Shapes | None, frame: int | None = None) -> list[Region]:
    """Return the regions in a layer of shapes; of a time series, those in the frame in view.

    Parameters
    ----------
    regions : Shapes, optional
    frame : int, optional
        Another frame of a time series.
    """
    if regions is None:
        return []
    t = frame_of(regions) if frame is None else frame
    shapes = zip(regions.shape_type, map(np.array, regions.data), strict=True)
    kept = [(kind, corners) for kind, corners in shapes if kind in KINDS]
    if t is None:
        return [Region(kind, corners) for kind, corners in kept]
    return [Region(kind, c[:, 1:]) for kind, c in kept if round(float(c[0, 0])) == t]


def regions_of_box(box: Box) -> list[Region]:
    """Return the regions that cover a box of an image (D slices): one in each slice of a volume."""
    (top, bottom), (left, right) = ((part.start - 0.5, part.stop - 0.5) for part in box[-2:])
    flat = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
    slices = itertools.product(*(range(part.start, part.stop) for part in box[:-2]))
    return [Region("rectangle", np.column_stack([np.tile(at, (4, 1)), flat])) for at in slices]


def series_annotation_layers(
    project: Project, series: Series, transform: Mapping[str, Any]
) -> list[LayerTuple]:
    """Return the annotation layers of a time series, with what a project has of all its frames.

    None if it has nothing.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    from napari_spatial_embeddings.project.frames import frames_of

    entries = frames_of(project, series.key)
    found = {t: one for t, e in entries.items() if (one := project.annotation(e.key)) is not None}
    if not found:
        return []
    space = next(iter(found.values())).labels.shape
    labels = empty_labels((series.frames, *space))
    kept, shapes = {}, []
    for t, one in found.items():
        labels[t] = one.labels
        kept[t] = KeptFrame(one.classes, one.scribbled, proposed=one.proposed)
        for region in one.regions:
            corners = _within(region.corners, len(space))
            shapes.append(Region(region.kind, np.insert(corners, 0, t, 1)))
    own = kept.pop(series.frame, KeptFrame())
    name, key, frame = series.layer.name, series.shown.key, series.frame
    tag = LayerTag(
        "annotations",
        key,
        frame,
        classes=own.classes,
        scribbled=own.scribbled,
        proposed=own.proposed,
        kept=kept,
    )
    made = annotation_layer(key, name, labels, {}, False, transform, frame)
    made[1]["metadata"] = tag.metadata()
    if not shapes:
        return [made]
    return [made, regions_layer(key, name, labels.ndim, shapes, transform, frame)]


def project_layers(project: Project, key: str, *, image: bool = True) -> list[LayerTuple]:
    """Return the layers of an image of a project, and of its annotation.

    Of a frame of a time series, the layer of all frames, without annotations.

    Raises
    ------
    MissingImage
        If the image's file is not where it was.
    InputError
        If a file cannot be read.
    """
    from napari_spatial_embeddings.project.frames import read_whole

    found_image = read_whole(project, key) if image else None
    entry = project.entry(key)
    if found_image is not None and found_image.frames is not None:
        t = found_image.frames // 2 if entry.frame is None else entry.frame
        own = frame_key(series_key(key), t)
        return [image_layer(found_image, own, found_image.name, project, t)]
    name, transform = entry.name, transform_of_pixel_size(entry.pixel_size, entry.unit)
    if entry.window is not None:
        transform["translate"] = _start(entry.window, transform.get("scale"))
    layers = [] if found_image is None else [image_layer(found_image, key, name, project)]
    found = project.annotation(key)
    if found is not None:
        kind = found.classes, found.scribbled, transform, None, found.proposed
        layers.append(annotation_layer(key, name, found.labels, *kind))
        if found.regions:
            ndim = len(entry.spatial)
            layers.append(regions_layer(key, name, ndim, found.regions, transform))
    return layers


def add_layer(viewer: ViewerModel, layer: LayerTuple) -> Any:
    """Add a layer to a viewer."""
    data, options, kind = layer
    return viewer.add_layer(Layer.create(data, options, kind))
