"""Work that adds an open image to a project, and what is to be known about it before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files.stored import size_in_bytes
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.tasks.save_image import (
    add_frame,
    add_image,
    add_window,
    own_keys,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project

LARGE = 2**28
"""Bytes of a time series above which it is mentioned that all of it is copied."""


def adding(
    key: str,
    image: ImageData,
    record: OpenImage | None,
    layers: Sequence[Image],
    *,
    copy: bool,
) -> Callable[[Project], object]:
    """Return what adds an image to a project, in the thread that writes.

    Parameters
    ----------
    key : str
    image : ImageData
    record : OpenImage, optional
    layers : sequence of Image
        Those that show it.
    copy : bool
        Copy it into the project even if it could be referred to.
    """
    source, tag = _source(layers), tags.tag_of(layers[0])
    if tag is not None and (whole := tag.whole) is not None:
        return partial(add_window, key, image, whole.window, whole.path or None, copy)
    series = None if record is None else record.series
    if record is not None and series is not None and series.image is not None:
        return partial(add_frame, key, series.image, record.frame, image.name, source, copy)
    return partial(add_image, key, image, source, copy)


def copied_series(project: Project, record: OpenImage | None, layers: Sequence[Image]) -> str:
    """Return the sentence about a large time series that is to be copied whole; empty for others.

    Parameters
    ----------
    project : Project
    record : OpenImage, optional
    layers : sequence of Image
        Those that show it.
    """
    series = None if record is None else record.series
    if record is None or series is None or series.image is None or _source(layers):
        return ""
    size = size_in_bytes(series.image.data)
    if size < LARGE or own_keys(project, record.key):
        return ""
    return (
        f"{layers[0].name} is in no file: all its frames, {size / 2**30:.1f} GiB, are copied into"
        " the project, which takes a while. To avoid that, save it as a file, and open that."
    )


def _source(layers: Sequence[Image]) -> str | None:
    """Return the file that an image was opened from."""
    return layers[0].source.path if len(layers) == 1 else None
