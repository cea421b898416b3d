"""Which image of the project a layer shows: known again by its file, or by its pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.project import Project, ProjectCard
from napari_spatial_embeddings.project.sources import matches

if TYPE_CHECKING:
    from .workspace import Workspace


def key_for(workspace: Workspace, layer: Image, axes: str) -> str:
    """Return the key of the project's image that a layer shows, or a new one."""
    project = workspace.session.project
    if project is not None and project.card.images and axes:
        shapes = {entry.shape for entry in project.card.images}
        if _shape(layer, axes) in shapes:
            with workspace.session.speaking():
                pixels = _layers.picture([layer], axes).data
                for entry in project.card.images:
                    if entry.shape == pixels.shape and matches(pixels, entry.fingerprint):
                        return entry.key
    return _free_key(workspace, layer.name)


def _free_key(workspace: Workspace, name: str) -> str:
    project = workspace.session.project or Project(Path(os.devnull), ProjectCard())
    taken = {key for x in workspace.viewer.layers if (key := _layers.image_key(x))}
    key, n = project.fresh_key(name), 1
    while key in taken:
        n += 1
        key = project.fresh_key(f"{name}-{n}")
    return key


def recognised(workspace: Workspace, project: Project) -> list[Image]:
    """Return the layers that show images of a project, also those opened without it."""
    keys = {project.folder / entry.path: entry.key for entry in project.card.images}
    found = []
    for layer in workspace.images():
        key, path = _layers.image_key(layer), _layers.source(layer)
        if key is None and path is not None:
            wanted = next((k for file, k in keys.items() if same(file, path)), None)
            if wanted is None or workspace.layer_of(wanted) is not None:
                continue
            axes = next(iter(_layers.possible_axes(layer)), "")
            key = key_for(workspace, layer, axes)
            if key == wanted:
                _layers.mark(layer, role="image", image=key, axes=axes)
        if key in keys.values():
            found.append(layer)
    return found


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file or folder."""
    return os.path.realpath(one) == os.path.realpath(other)


def _shape(layer: Image, axes: str) -> tuple[int, ...]:
    """Return the shape (C, *S) of the image that a layer shows."""
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    if layer.rgb:
        return (3, *shape[:-1])
    return tuple(shape) if "C" in axes else (1, *shape)
