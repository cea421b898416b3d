"""Record of label files, for what is made of them: their names, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.files import find_images, read_settings
from napari_spatial_embeddings.files.endings import TIFF
from napari_spatial_embeddings.files.errors import reading
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.ome_zarr import open_group
from napari_spatial_embeddings.files.settings import is_ours

from .record import common, hash_of


def about_labels(paths: Sequence[Path]) -> dict[str, Any]:
    """Return what is known of label files, for `record.record`.

    Parameters
    ----------
    paths : sequence of paths
        A file or store, or the frames of a series, or their folder.

    Returns
    -------
    dict
        ``labels``, the name, or the names of several; ``labels_sha256`` of a file; and of labels
        of this program, how they were made.

    Raises
    ------
    FileError
        If a file cannot be read.
    """
    names = [path.name for path in paths]
    about: dict[str, Any] = {"labels": names[0] if len(names) == 1 else names}
    if len(paths) == 1 and paths[0].is_file():
        about["labels_sha256"] = hash_of(paths[0])
    return {**about, **common(_settings(path) for path in find_images(paths) if is_ours(path))}


def _settings(path: Path) -> dict[str, Any]:
    """Return how labels of ours were made."""
    if path.suffix.lower() in TIFF:
        return read_settings(path)
    if not path.is_dir():
        return {}
    with reading(path):
        facts = open_group(path).attrs.get(KEY)
    return dict(facts) if isinstance(facts, Mapping) else {}
