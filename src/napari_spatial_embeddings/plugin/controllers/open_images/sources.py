"""Files of open images: what is known of them, without a look at their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path

from .queries import ImageQueries

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.project.image_source import OpenedImage


def opened_image(
    images: ImageQueries, project: Project | None, key: str, series: ImageData | None = None
) -> OpenedImage:
    """Return an open image, and what is known of its files.

    Parameters
    ----------
    images : ImageQueries
    project : Project, optional
    key : str
    series : ImageData, optional
        The one that the image is a frame of, to be returned instead.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    from napari_spatial_embeddings.project.image_source import ImageSource, OpenedImage

    layers, axes = images.channel_layers(key)
    files = {path and path.absolute() for path in map(source_path, layers)}
    entry, known = None if project is None else project.card.find(key), None
    if entry is not None and entry.window is None and project is not None:
        known = ImageSource.of_entry(project.folder, entry)
    tag = tags.tag_of(layers[0])
    return OpenedImage(
        images.image_data(key) if series is None else series,
        known,
        files.pop() if len(files) == 1 else None,
        axes,
        (tag.grey if tag is not None else "") or None,
    )
