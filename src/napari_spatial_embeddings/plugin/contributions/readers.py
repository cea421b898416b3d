"""Readers of projects, models and maps, which the package writes, of images and of annotations.

napari itself reads a TIFF as a whole, without its levels, axes and pixel size.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.core.units import finest_length
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import FileError, read_image, read_objects, stem
from napari_spatial_embeddings.files.endings import TIFF
from napari_spatial_embeddings.files.ome_zarr import is_zarr, ome, open_zarr
from napari_spatial_embeddings.files.settings import is_ours
from napari_spatial_embeddings.plugin.layers.annotation import (
    LayerTuple,
    image_layer,
    project_layers,
    transform_of_pixel_size,
)
from napari_spatial_embeddings.plugin.layers.map_images import by_label
from napari_spatial_embeddings.plugin.layers.tags import KEY
from napari_spatial_embeddings.plugin.tasks.sharing.models import is_model

from .annotation_readers import are_annotations, read_annotations, reading
from .waiting import waited

Reader = Callable[[object], list[LayerTuple]]

NOTHING: list[LayerTuple] = [(None,)]  # type: ignore[list-item]
"""What a reader returns that read something, and has no layer to show."""


def reader(path: str | list[str]) -> Reader | None:
    """Return what reads a path; None if it is no project, model, image or file of annotations.

    None as well for several, which napari stacks; those that are dropped come one by one.

    napari asks which reader to use for each folder, whatever is in it, so that this one also reads
    images in Zarr.
    """
    if isinstance(path, list):
        if len(path) > 1:
            return None  # files that are to become one stack
        (path,) = path
    at = Path(path)
    if at.name == "project.json" or (at / "project.json").is_file():
        return lambda _: read_project(at)
    if is_model(at):
        return lambda _: take_model(at)
    if are_annotations(at):
        return lambda _: read_annotations(at)
    if at.name.endswith(".maps.zarr"):
        return lambda _: waited(reading(at), lambda: read_maps(at))
    if is_zarr(at) or at.suffix.lower() in TIFF:
        read = read_label_layer if are_labels(at) else read_shown
        return lambda _: [waited(reading(at), lambda: read(at))]
    return None


def read_project(path: Path) -> list[LayerTuple]:
    """Open a project in the dock widget of the current window, which adds the layers.

    Without a window, the layers are returned: those of the first image that is there.

    Raises
    ------
    InputError, Failure
        If the project cannot be read.
    """
    import napari

    from napari_spatial_embeddings.project import MissingImage, Project

    project = Project.open(path)
    if napari.current_viewer() is not None:
        _dock().project.open(project.folder)
        return NOTHING
    for entry in project.card.images:
        with suppress(MissingImage):
            return project_layers(project, entry.key)
    return NOTHING


def take_model(path: Path) -> list[LayerTuple]:
    """Use a model in the dock widget of the current window, which imports it if it is a file.

    Raises
    ------
    InputError
        If there is no window.
    """
    import napari

    if napari.current_viewer() is None:
        raise InputError(
            f"{path} is a model, and nothing to look at; napari-spatial-embeddings models import"
            f" {path} adds it to the models of this computer"
        )
    _dock().models.take([path])
    return NOTHING


def _dock() -> Any:
    """Return the dock widget of the current window, which is opened if need be."""
    import napari

    return napari.current_viewer().window.add_plugin_dock_widget(KEY, "Spatial Embeddings")[1]


def read_shown(path: Path) -> LayerTuple:
    """Read an image as the command line does, with the names of its axes and its pixel size.

    A large one stays in its file, and is shown by its levels.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    image = read_image(path, time=True)
    data, options, kind = image_layer(image, "", image.name, None)
    axes = options.pop("metadata")[KEY].axes
    axes = axes.removesuffix("C") if options.get("rgb") else axes
    return data, {**options, "axis_labels": tuple(axes.lower())}, kind


def are_labels(path: Path) -> bool:
    """Whether a TIFF is a label image that this program wrote, or a Zarr OME's labels."""
    if not is_zarr(path):
        return is_ours(path)
    with suppress(InputError, KeyError, TypeError):
        return "image-label" in ome(open_zarr(path))
    return False


def read_label_layer(path: Path) -> LayerTuple:
    """Read a label image as `read_shown` does, with the table of its objects beside it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    data, options, _ = read_shown(path)
    kept = {"name", "scale", "translate", "units", "axis_labels", "multiscale"} & options.keys()
    options = {name: options[name] for name in kept}
    if not options.get("multiscale"):
        data = np.asarray(data).astype(np.int32, copy=False)  # a copy that may be painted
    table = path.with_name(f"{stem(path)}.csv")
    if table.is_file():
        with suppress(FileError):
            columns = read_objects(table)
            if "frame" not in columns:  # labels count from 1 in each
                options["features"] = by_label({"index": columns.pop("label"), **columns})
    return data, options, "labels"


def read_maps(path: Path) -> list[LayerTuple]:
    """Read maps as layers: a seed map for each class, offsets as colours, and margins.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    from napari_spatial_embeddings.files.maps import read_maps as read_stored
    from napari_spatial_embeddings.plugin.layers.map_layers import map_layers

    stored = read_stored(path)
    size = stored.pixel_size
    names = (stored.model.get("model") or {}).get("classes") or ()
    count = len(stored.maps.seed)
    classes = names if len(names) == count else [str(k + 1) for k in range(count)]
    transform = transform_of_pixel_size(size, stored.unit)
    return map_layers(stored.name, stored.maps, classes, transform, finest_length(size) or 1.0)
