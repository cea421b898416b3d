"""The viewer's layers: images as arrays, and our own layers, found by their metadata.

Our layers carry ``metadata["napari-spatial-embeddings"] = {"role": ..., "image": key}``. Nothing
else is ever replaced or removed: a layer of the user's may have any name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.units import unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import FileError, read_pixel_size

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import ImageEntry

KEY = PROGRAM


def facts(layer: Layer) -> dict[str, Any]:
    """Return what a layer's metadata tell us; nothing for other layers."""
    return dict(layer.metadata.get(KEY) or {})


def role(layer: Layer) -> str | None:
    """Return what one of our layers is ("annotations", "seed", ...); None for other layers."""
    return facts(layer).get("role")


def image_key(layer: Layer) -> str | None:
    """Return the key of the image that a layer is, or belongs to."""
    return facts(layer).get("image")


def mark(layer: Layer, **more: Any) -> None:
    """Note facts in a layer's metadata."""
    layer.metadata[KEY] = {**facts(layer), **more}


def ours(viewer: Viewer, wanted: str, key: str | None = None, **more: Any) -> Iterator[Layer]:
    """Yield our layers of a role, of one image if its key is given."""
    told = {**more, "role": wanted} if key is None else {**more, "role": wanted, "image": key}
    for layer in list(viewer.layers):
        own = facts(layer)
        if all(own.get(k) == v for k, v in told.items()):
            yield layer


def find(viewer: Viewer, wanted: str, key: str, **more: Any) -> Any:
    """Return our layer of a role and image, or None."""
    return next(ours(viewer, wanted, key, **more), None)


def images(viewer: Viewer) -> list[Image]:
    """Return the image layers that are not ours: those that a person may choose."""
    return [x for x in viewer.layers if isinstance(x, Image) and role(x) in (None, "image")]


def source(layer: Layer) -> Path | None:
    """Return the file that a layer was opened from, if it was."""
    path = layer.source.path
    return Path(path) if path and "://" not in str(path) else None


def possible_axes(layer: Image) -> list[str]:
    """Return what the axes of an image layer can mean, the likeliest first."""
    if layer.rgb:
        return {2: ["YXC"], 3: ["ZYXC"]}.get(layer.ndim, [])
    if layer.ndim == 3:
        return ["CYX", "ZYX"] if layer.data.shape[0] <= 4 else ["ZYX", "CYX"]
    return {2: ["YX"], 4: ["CZYX"]}.get(layer.ndim, [])


def no_meaning(layer: Image) -> str:
    """Return the sentence about an image whose axes cannot mean anything to us."""
    return (
        f"{layer.name} has {layer.ndim} axes; expected an image YX or a volume ZYX, with or"
        " without channels: pick one time point with Layer > Split, and choose that"
    )


def picture(layers: list[Image], axes: str) -> ImageData:
    """Return image layers as one image, each layer a channel if there are several.

    Parameters
    ----------
    layers : list of Image
        The first one gives the place and the pixel size.
    axes : str
        What the axes of their data mean, such as "YX", "CYX", "YXC", "ZYX", "CZYX".

    Raises
    ------
    InputError
        If the layers do not fit together, or are no images that can be used.
    """
    first = layers[0]
    if not axes:
        raise InputError(no_meaning(first))
    stack = [_array(layer, axes) for layer in layers]
    for layer, array in zip(layers[1:], stack[1:], strict=True):
        if array.shape[1:] != stack[0].shape[1:]:
            raise InputError(
                f"{layer.name} has shape {array.shape[1:]} and {first.name} {stack[0].shape[1:]};"
                " channels of one image must cover the same pixels"
            )
    data = stack[0] if len(stack) == 1 else np.concatenate(stack)
    size, unit = pixel_size(first, axes)
    order = "CZYX" if "Z" in axes else "CYX"
    return ImageData(data, order, size, unit, first.name)


def _array(layer: Image, axes: str) -> NDArray[np.generic]:
    data = layer.data[0] if layer.multiscale else layer.data
    array = np.asarray(data)
    if layer.rgb:
        array = np.moveaxis(array[..., :3], -1, 0)
    elif "C" not in axes:
        array = array[None]
    if array.dtype.kind not in "buif":
        raise InputError(f"{layer.name} holds {array.dtype} values; expected real numbers")
    if not array.size:
        raise InputError(f"{layer.name} is empty: its shape is {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(
            f"{layer.name} holds NaN or infinite values; replace them first, for example with"
            " numpy.nan_to_num"
        )
    return array


def spatial(axes: str) -> list[int]:
    """Return which of a layer's axes are Z, Y and X; the colours of RGB are no axis in napari."""
    inner = axes.replace("C", "") if axes.endswith("C") else axes
    return [i for i, a in enumerate(inner) if a != "C"]


def pixel_size(layer: Layer, axes: str) -> tuple[tuple[float, ...] | None, str | None]:
    """Return the size of a pixel along each spatial axis and its unit, from ``layer.scale``.

    Where the layer says nothing, with a scale of one pixel, it is what was `measured` before; None
    and None if that is nothing, too.
    """
    at = spatial(axes)
    size = tuple(abs(float(layer.scale[i])) for i in at)
    unit = unit_name(str(layer.units[at[-1]]))
    if unit is None and len(set(size)) == 1:
        axes_then, *known = facts(layer).get("measured", ("", None, None))
        return (known[0], known[1]) if axes_then == axes else (None, None)
    return size, unit


def measured(layer: Layer, axes: str, entry: ImageEntry | None) -> None:
    """Note the pixel size that the project knows, or the file: napari reads none of a TIFF."""
    size = unit = None
    path = source(layer)
    if entry is not None:
        size, unit = entry.pixel_size, entry.unit
    elif path is not None:
        letters = "ZYX"[-len(spatial(axes)) :]
        with suppress(FileError):  # napari reads more formats than we do
            size, unit = read_pixel_size(path, letters)
    mark(layer, measured=(axes, size, unit))


def place(layer: Layer, axes: str) -> dict[str, Any]:
    """Return where a layer of the spatial axes alone must lie to cover another one."""
    at = spatial(axes)
    grid = np.ix_(at, at)
    linear = np.asarray(layer.affine.linear_matrix)
    affine = np.eye(len(at) + 1)
    affine[:-1, :-1] = linear[grid]
    affine[:-1, -1] = np.asarray(layer.affine.translate)[at]
    shear = np.asarray(layer.shear)
    where = {
        "scale": np.asarray(layer.scale)[at],
        "translate": np.asarray(layer.translate)[at],
        "rotate": np.asarray(layer.rotate)[grid] if layer.ndim > 1 else None,
        "affine": affine,
        "units": tuple(layer.units[i] for i in at),
        "axis_labels": tuple(layer.axis_labels[i] for i in at),
    }
    if len(at) == layer.ndim:
        where["shear"] = shear
    return where
