"""Axes of the file of a layer, and the reason why it may be no image at all."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer

from napari_spatial_embeddings import files
from napari_spatial_embeddings.files.endings import TIFF
from napari_spatial_embeddings.files.errors import FileError, PixelError
from napari_spatial_embeddings.files.settings import is_ours

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import FileAxes

log = logging.getLogger(__name__)


def source_path(layer: Layer) -> Path | None:
    """Return the file that a layer was opened from, if it was."""
    path = layer.source.path
    return Path(path) if path and "://" not in str(path) else None


def axes_in_file(layer: Layer) -> FileAxes | None:
    """Return the axes of the file that a layer was opened from; None if they are unknown."""
    found = _found(layer)
    return None if isinstance(found, str) else found


def problem_of_file(layer: Layer) -> str:
    """Return why the file that a layer was opened from holds no whole image; empty if it does."""
    found = _found(layer)
    if not isinstance(found, str):
        return ""
    return f"{found}, or duplicate the layer to use it as it is shown"


def holds_labels(layer: Image) -> bool:
    """Whether an image was opened from a TIFF of labels that this program wrote."""
    path = source_path(layer)
    if path is None or path.suffix.lower() not in TIFF or np.dtype(layer.dtype).kind not in "iu":
        return False
    return _is_ours(path, _changed(path))


@lru_cache(maxsize=256)
def _is_ours(path: Path, changed: int) -> bool:
    return changed > 0 and is_ours(path)


def _found(layer: Layer) -> FileAxes | str | None:
    path = source_path(layer)
    return None if path is None else _read(path, _changed(path), str(layer.unique_id))


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int, _layer: str) -> FileAxes | str | None:
    """Return the axes of a file, which is read again once it has changed, or why it is no image.

    What else is wrong with it is logged, once for each layer that it is opened as.
    """
    try:
        return files.read_axes(path)
    except PixelError as error:
        return str(error)
    except FileError as error:
        log.warning("%s", error)
    return None


def _changed(path: Path) -> int:
    """Return when a file was changed, in nanoseconds; 0 if it is gone."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0
