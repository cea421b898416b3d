"""Views of large images in a project: windows of a file that stays where it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image

from .card import ImageEntry
from .copies import copied_axes, write_copy
from .sources import checked, new_entry, reference, same_pixels

if TYPE_CHECKING:
    from .folder import Project

Window = tuple[tuple[int, int], ...]
"""Where a view starts and stops along each axis of its large image."""


def add_window(
    project: Project,
    key: str,
    image: ImageData,
    window: Window,
    *,
    name: str,
    source: str | None = None,
    copy: bool = False,
) -> ImageEntry:
    """Add a view of a large image: a reference to that one's file, or a copy of the view alone.

    Parameters
    ----------
    project : Project
    key : str
    image : ImageData
        The view.
    window : Window
    name : str
        Shown on the screen.
    source : str, optional
        The file of the large image; referred to if reading that gives the same pixels.
    copy : bool
        Copy the view in any case.

    Raises
    ------
    ProjectError, FileError, Failure
        As `Project.add_image`.
    """
    pixels, found = checked(image.data, name), False
    if source is not None and not copy:
        with suppress(InputError):  # napari reads more formats than the package does
            part = read_image(source).part(tuple(slice(*ends) for ends in window))
            found = same_pixels(pixels, part.data)
    path = reference(Path(source), project.folder) if found and source else f"images/{key}.tif"
    size, unit = image.pixel_size, image.unit
    entry = new_entry(
        pixels,
        key=key,
        name=name,
        path=path,
        axes=None if found else copied_axes(pixels),
        window=window if found else None,
        pixel_size=size,
        unit=unit,
    )
    if not found:
        write_copy(project.folder / path, pixels, size, unit)
    project.update(images=(*project.card.images, entry))
    return entry
