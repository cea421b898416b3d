"""Label images as OME-Zarr; of objects that overlap, as several that do not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.masks import ObjectMask
from napari_spatial_embeddings.core.units import spacing_of
from napari_spatial_embeddings.export.folders import hidden_folder
from napari_spatial_embeddings.export.label_place import publish
from napari_spatial_embeddings.export.label_store import CHUNK, LabelGrid, LabelStore
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY


def write_zarr(path: Path, found: Segmented, settings: ExportSettings) -> Path:
    """Write the labels as an OME-Zarr image, whole or not at all.

    If overlaps are wanted, as a collection of images ``0``, ``1`` and so on: none holds two objects
    that overlap, and together they hold all objects whole.

    Raises
    ------
    InputError, Failure
        If overlaps cannot be had, it cannot be written, or something else is there.
    """
    with writing(path), hidden_folder(path) as folder:
        if settings.overlaps:
            _write_layers(folder / "labels", found, settings)
        else:
            _write(folder / "labels", found, found.instances.labels, found.name)
        publish(folder / "labels", path)
    return path


def _write(folder: Path, found: Segmented, labels: NDArray[np.integer], name: str) -> None:
    shape, edge = labels.shape, CHUNK[labels.ndim]
    if found.maps is not None:
        spacing = found.maps.spacing
    else:
        spacing = spacing_of(found.pixel_size) or (1.0,) * labels.ndim
    grid = LabelGrid.of(shape, spacing, found.pixel_size, found.unit)
    edges = tuple(n if n <= edge else -(-n // edge) * edge for n in shape)
    store = LabelStore(folder, grid, edges, int(labels.max(initial=0)))
    store.write(tuple(slice(0, n) for n in shape), labels)
    for _ in store.finish(name, found.noted()):
        pass


def _write_layers(folder: Path, found: Segmented, settings: ExportSettings) -> None:
    """Write the label images of a collection, as bioformats2raw lays one out."""
    import zarr

    layers = layers_of(found.masks(settings), found.instances.labels.shape)
    facts: dict[str, Any] = {"version": "0.5", "bioformats2raw.layout": 3}
    root = zarr.open_group(folder, mode="w-", zarr_format=3)
    for k, labels in enumerate(layers):
        _write(folder / str(k), found, labels, f"{found.name}, layer {k}")
    root.attrs.update({"ome": facts, KEY: {**found.noted(), "layers": len(layers)}})


def layers_of(masks: Iterable[ObjectMask], shape: tuple[int, ...]) -> list[NDArray[np.int32]]:
    """Return label images that hold all objects, none of which overlaps another in the same one.

    An object goes into the first that has room for it, so there are few.

    Parameters
    ----------
    masks : iterable of ObjectMask
    shape : tuple of D ints
        Of the image.

    Returns
    -------
    list of int32 (*S)
        At least one.
    """
    layers = [np.zeros(shape, np.int32)]
    for one in masks:
        free = (layer for layer in layers if not layer[one.box][one.mask].any())
        layer = next(free, None)
        if layer is None:
            layers.append(layer := np.zeros(shape, np.int32))
        layer[one.box][one.mask] = one.label
    return layers
