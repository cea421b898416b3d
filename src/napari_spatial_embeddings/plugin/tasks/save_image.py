"""Writes of open images into a project: each is added before what belongs to it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.files.names import series_key

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project


def add_image(key: str, image: ImageData, source: str | None, copy: bool, project: Project) -> None:
    """Add an image to a project, unless it is there.

    Parameters
    ----------
    key : str
    image : ImageData
    source : str, optional
        The file that it was opened from.
    copy : bool
        Copy it into the project even if it could be referred to.
    project : Project
    """
    if project.card.find(key) is not None:
        return
    fields: dict[str, Any] = {
        "key": key,
        "name": image.name,
        "pixel_size": image.pixel_size,
        "unit": image.unit,
    }
    if source is not None:
        try:
            project.add_image(source, image.data, copy=copy, **fields)
        except FileError:  # napari reads more formats than the package does
            source = None
    if source is None:
        project.add_image(None, image.data, **fields)


def add_frame(
    key: str,
    series: ImageData,
    frame: int,
    name: str,
    source: str | None,
    copy: bool,
    project: Project,
) -> None:
    """Add a frame of a time series to a project, unless it is there.

    Parameters as in `add_image`, and

    Parameters
    ----------
    series : ImageData
        All frames.
    frame : int
    name : str
        Of the frame.
    """
    from napari_spatial_embeddings.project.frames import add_frame

    if project.card.find(key) is None:
        add_frame(project, key, series, frame, name=name, source=source, copy=copy)


def add_window(
    key: str,
    image: ImageData,
    window: tuple[tuple[int, int], ...],
    source: str | None,
    copy: bool,
    project: Project,
) -> None:
    """Add a view of a large image to a project, unless it is there.

    Parameters as in `add_image`, and

    Parameters
    ----------
    window : tuple of (int, int)
        Where the view starts and stops along each axis of its large image, whose file is the
        source.
    """
    from napari_spatial_embeddings.project.windows import add_window

    if project.card.find(key) is None:
        add_window(project, key, image, window, name=image.name, source=source, copy=copy)


def own_keys(project: Project, key: str) -> list[str]:
    """Return the keys of an image in a project; of a frame, those of all frames of its series."""
    if series_key(key) == key:
        return [key] if project.card.find(key) is not None else []
    return [e.key for e in project.card.images if series_key(e.key) == series_key(key)]


def replace_series(project: Project, key: str, series: ImageData) -> None:
    """Write other pixels of a time series, if some of its frames are in the project."""
    from napari_spatial_embeddings.project.frames import replace_series

    replace_series(project, key, series)
