"""The images that ``predict`` is given: files, or a project's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import find_images, read_image, stem

from .flags import CallError

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project


@dataclass(frozen=True, slots=True)
class Input:
    """Something to be read when its turn comes.

    Parameters
    ----------
    name : str
        What its results are called.
    path : path
        Where it is.
    read : callable
    """

    name: str
    path: Path
    read: Callable[[], ImageData]


def images(given: list[str], axes: str | None, project: Project | None) -> list[Input]:
    """List the images of files and folders; if none are given, those of the project."""
    if given or project is None:
        return [Input(stem(p), p, partial(read_image, p, axes)) for p in find_images(given)]
    names = project.card.result_names
    found = [
        Input(names[entry.key], project.folder / entry.path, partial(project.image, entry.key))
        for entry in project.card.images
    ]
    if not found:
        raise CallError(f"{project.folder} has no images yet; add some, or name files")
    return found
