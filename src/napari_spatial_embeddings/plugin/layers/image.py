"""Image layers: their axes, pixel size, transform, and their data as images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_spatial_embeddings import files
from napari_spatial_embeddings.core.colour import grey_image
from napari_spatial_embeddings.core.image_data import (
    ImageData,
    PixelArray,
    arranged,
    sliced,
    stacked,
)
from napari_spatial_embeddings.core.units import METRES, Size, combine, unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.errors import FileError

from .axes import axes_error, finest, frames
from .opened.file_axes import source_path
from .placement import Placement, layer_shape
from .tags import Grey, PixelSize, Whole, find_layer, role_of, tag_of

ImageLayer = Image


def image_layers(viewer: ViewerModel) -> list[Image]:
    """Return the image layers that can be chosen: all but those that show maps."""
    return [x for x in viewer.layers if isinstance(x, Image) and role_of(x) in (None, "image")]


def channel_count(layer: Image, axes: str) -> int:
    """Return the number of channels of a layer with these axes, its colours as they are."""
    if layer.rgb:
        return 3
    return int(finest(layer).shape[axes.index("C")]) if "C" in axes else 1


def image_data(
    layers: list[Image], axes: str, grey: Grey = "", whole: Whole | None = None
) -> ImageData:
    """Return image layers as one image or time series, each layer a channel if there are several.

    Reads no pixel. A single frame is an image.

    Parameters
    ----------
    layers : list of Image
        The first one gives the place and the pixel size.
    axes : str
        What the axes of their data mean, such as "YX", "CYX", "YXC", "ZYX", "CZYX", "TYX".
    grey : Grey
        What is made of the colours of an RGB layer.
    whole : Whole, optional
        The large image that they are a window of.

    Raises
    ------
    InputError
        If the layers do not fit together, or cannot be used as images.
    """
    first = layers[0]
    if problem := axes_error(first, axes):
        raise InputError(problem)
    arrays = [_pixels(layer, finest(layer), axes) for layer in layers]
    series = frames(first, axes) > 1
    at = 1 if series else 0  # of the channels
    own = _without(arrays[0].shape, at)
    for layer, array in zip(layers[1:], arrays[1:], strict=True):
        if (other := _without(array.shape, at)) != own:
            raise InputError(
                f"{layer.name} has shape {other} and {first.name} {own};"
                " channels of one image must cover the same pixels"
            )
        if not Placement.between(first, layer).same_pixels(layer_shape(first)):
            raise InputError(
                f"{layer.name} lies elsewhere than {first.name}: channels of one image must have"
                " the same scale and translation"
            )
    size, unit = pixel_size(first, axes)
    order = "T" * series + ("CZYX" if "Z" in axes else "CYX")
    image = ImageData(stacked(arrays, at), order, size, unit, first.name)
    view = whole is not None and len(whole.arrays) == len(layers)
    sources = whole.arrays if whole is not None and view else [levels_of(x) for x in layers]
    finest_level, *levels = (
        stacked([_pixels(*one, axes) for one in zip(layers, level, strict=True)], at)
        for level in zip(*sources, strict=False)  # those that all have
    )
    large = replace(image, data=finest_level, levels=tuple(levels))
    if whole is not None and view:
        part = large.part(tuple(slice(*ends) for ends in whole.window))
        image = replace(image, whole=part.whole, start=part.start, levels=part.levels)
    else:
        image = large
    return grey_image(image, grey) if grey else image


def levels_of(layer: Image) -> tuple[PixelArray, ...]:
    """Return a layer's array; of a pyramid, the levels, the finest first."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def _pixels(layer: Image, array: PixelArray, axes: str) -> PixelArray:
    if layer.rgb and array.shape[-1] > 3:
        array = sliced(array, (*[slice(None)] * (array.ndim - 1), slice(3)))  # without transparency
    if np.dtype(array.dtype).kind not in "buif":
        raise InputError(f"{layer.name} holds {array.dtype} values; expected real numbers")
    if 0 in array.shape:
        raise InputError(f"{layer.name} is empty: its shape is {array.shape}")
    arranged_array, single = arranged(array, axes), frames(layer, axes) == 1
    return sliced(arranged_array, (0,)) if "T" in axes and single else arranged_array


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def spatial(axes: str) -> list[int]:
    """Return which of a layer's axes are Z, Y and X."""
    return [i for i, a in enumerate(axes) if a in "ZYX"]


def pixel_size(layer: Layer, axes: str) -> PixelSize:
    """Return the size of a pixel along each spatial axis and its unit, from ``layer.scale``.

    Where the layer has a scale of one pixel, it is that of the project or the file (see
    `known_pixel_size`); None and None if neither has one.
    """
    at = spatial(axes)
    scale, units = np.asarray(layer.scale)[at], [layer.units[i] for i in at]
    if all(unit_name(str(unit)) is None for unit in units) and (abs(scale) == abs(scale[0])).all():
        tag = tag_of(layer)
        known = tag.pixel_size if tag is not None else None
        return known[1] if known is not None and known[0] == axes else (None, None)
    return size_in_one_unit(scale, units)


def size_in_one_unit(scale: Iterable[float], units: Iterable[Any]) -> PixelSize:
    """Return sizes of a pixel in the unit of the last axis, all positive.

    None along an axis whose unit measures no length, as a time does not: see `combine`.

    Parameters
    ----------
    scale : iterable of D floats
    units : iterable of D pint units
    """
    sizes = [_size(abs(float(s)), unit) for s, unit in zip(scale, units, strict=True)]
    return combine(sizes) if sizes else (None, None)


def _size(size: float, unit: Any) -> Size | None:
    name = unit_name(str(unit))
    if name is None or name in METRES:
        return size, name
    if str(unit.dimensionality) != "[length]":
        return None
    return size * float((1 * unit).to("um").magnitude), "um"


def known_pixel_size(layer: Layer, axes: str) -> PixelSize:
    """Return the pixel size in a layer's file: napari reads none of a TIFF."""
    path = source_path(layer)
    if path is not None:
        with suppress(FileError):  # napari reads more formats than the package does
            return files.read_pixel_size(path, "ZYX"[-len(spatial(axes)) :])
    return None, None


def transform(viewer: ViewerModel, key: str, *, frames: bool = False) -> dict[str, Any]:
    """Return where layers of the spatial axes alone must lie to cover an image.

    Empty if its layer is gone.

    Parameters
    ----------
    viewer : ViewerModel
    key : str
    frames : bool
        Of a time series, where layers of all its frames must lie.
    """
    layer = find_layer(viewer, "image", key)
    tag = None if layer is None else tag_of(layer)
    if tag is None:
        return {}
    return transform_along(layer, [i for i, a in enumerate(tag.axes) if a in "TZYX"[not frames :]])


def place_on_image(viewer: ViewerModel, layer: Layer) -> bool:
    """Put a layer of an image where that lies; return whether it lay elsewhere."""
    tag = tag_of(layer)
    if tag is None:
        return False
    return place(layer, transform(viewer, tag.image, frames=tag.frame is not None))


def spatial_transform(layer: Layer, axes: str) -> dict[str, Any]:
    """Return a layer's transform along its spatial axes."""
    return transform_along(layer, spatial(axes))


def transform_along(layer: Layer, at: list[int]) -> dict[str, Any]:
    """Return a layer's transform along some of its axes."""
    grid = np.ix_(at, at)
    affine = np.eye(len(at) + 1)
    affine[:-1, :-1] = np.asarray(layer.affine.linear_matrix)[grid]
    affine[:-1, -1] = np.asarray(layer.affine.translate)[at]
    shear = np.asarray(layer.shear)
    if shear.ndim == 1:  # napari's short form of a matrix with nothing below the diagonal
        short, shear = shear, np.eye(layer.ndim)
        shear[np.triu_indices(layer.ndim, 1)] = short
    shear = shear[grid]
    above = np.triu_indices(len(at), 1)
    return {
        "scale": np.asarray(layer.scale)[at],
        "translate": np.asarray(layer.translate)[at],
        "rotate": np.asarray(layer.rotate)[grid],
        "shear": shear if np.tril(shear, -1).any() else shear[above],
        "affine": affine,
        "units": tuple(layer.units[i] for i in at),
        "axis_labels": tuple(layer.axis_labels[i] for i in at),
    }


def place(layer: Layer, where: Mapping[str, Any]) -> bool:
    """Give a layer a transform as `spatial_transform` returns it, as far as it has another one.

    napari redraws for every property that is set, even to what it is already.

    Returns
    -------
    bool
        Whether it had another one.
    """
    other = {k: value for k, value in where.items() if not _same(getattr(layer, k), value)}
    for name, value in other.items():
        setattr(layer, name, value)
    return bool(other)


def _same(old: Any, new: Any) -> bool:
    """Whether two values of a property are equal, but for the rounding of napari's own."""
    if isinstance(old, tuple):
        return bool(old == new)
    old, new = np.asarray(getattr(old, "affine_matrix", old), float), np.asarray(new, float)
    if old.shape != new.shape:
        return False
    return bool(np.allclose(old, new, rtol=1e-9, atol=1e-12 * np.abs(new).max(initial=0)))
