"""Recognition of a project's images among the viewer's layers, by file or by pixels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_spatial_embeddings.core.image_data import ImageData, in_memory
from napari_spatial_embeddings.files.names import new_key, series_key
from napari_spatial_embeddings.plugin.layers.axes import (
    finest,
    is_grey,
    leave_out_transparency,
    possible_axes,
)
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, image_key, set_tag

from .described import image_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_spatial_embeddings.plugin.state.session import Session
    from napari_spatial_embeddings.project import Project


def key_for(session: Session, layer: Image, tag: LayerTag, taken: Iterable[str] = ()) -> str:
    """Return the key of the project's image that a layer shows, or a new one.

    Parameters
    ----------
    session : Session
    layer : Image
    tag : LayerTag
        What is known of the layer.
    taken : iterable of str
        Keys that no new image may have.
    """
    project = session.project
    if project is not None and project.card.images:
        with session.errors_as_messages():
            known = _known(project, layer, tag)
            opened = {series_key(key) for key in session.images}
            if known is not None and known not in opened:
                return known
    return new_image_key(project, {*session.images, *taken}, layer.name)


def _known(project: Project, layer: Image, tag: LayerTag) -> str | None:
    """Return the key of the entry whose file or pixels a layer shows."""
    from napari_spatial_embeddings.project.sources import fingerprint

    image = image_of(layer, tag, ())
    if image is None:
        return None
    if image.frames is not None:
        return _known_series(project, layer, image)
    images = [e for e in project.card.images if e.frame is None and e.window is None]
    entries = [e for e in images if e.shape in (None, image.data.shape)]
    path = source_path(layer)
    # Pixels of an array that is not in memory are not read for this.
    digest = fingerprint(image.data) if entries and in_memory(finest(layer)) else None
    for entry in entries:
        if digest is not None and entry.fingerprint == digest:
            return entry.key
        if path is None or (digest is not None and entry.shape is not None):
            continue
        if same_path(project.folder / entry.path, path):
            return entry.key
    return None


def _known_series(project: Project, layer: Image, series: ImageData) -> str | None:
    """Return the key of the series of which the project has frames, and that a layer shows."""
    from napari_spatial_embeddings.project.sources import fingerprint

    path, frames = source_path(layer), series.frames or 0
    shape = series.data.shape[1:]
    for entry in project.card.images:
        t = entry.frame
        if t is None or t >= frames or entry.shape not in (None, shape):
            continue
        there = path is not None and same_path(project.folder / entry.path, path)
        known = in_memory(finest(layer)) and entry.fingerprint is not None
        if fingerprint(series.frame(t).data) == entry.fingerprint if known else there:
            return series_key(entry.key)
    return None


def new_image_key(project: Project | None, taken: Iterable[str], name: str) -> str:
    """Return a new key for an image of this name."""
    return project.new_key(name, taken) if project is not None else new_key(name, taken)


def recognise(session: Session, layers: Iterable[Image], project: Project) -> list[Image]:
    """Return the layers that show images of a project; those opened without it get tags."""
    files = [entry for entry in project.card.images if entry.window is None]
    keys = {project.folder / entry.path: entry.key for entry in files}
    taken = {image_key(layer) for layer in layers}
    found = []
    for layer in layers:
        key, path = image_key(layer), source_path(layer)
        if key is None and path is not None:
            wanted = next((k for file, k in keys.items() if same_path(file, path)), None)
            if wanted is None or wanted in taken:
                continue
            leave_out_transparency(layer)
            for axes in possible_axes(layer):
                tag = LayerTag("image", axes=axes, grey="grey" if is_grey(layer) else "")
                key = key_for(session, layer, tag)
                if key == series_key(wanted):
                    frame = None if key == wanted else project.entry(wanted).frame
                    set_tag(layer, replace(tag, image=wanted, frame=frame))
                    key = wanted
                    break
        if key is not None and project.card.find(key) is not None:
            found.append(layer)
    return found


def same_path(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file or folder."""
    return os.path.realpath(one) == os.path.realpath(other)
