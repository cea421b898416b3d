"""State of a large image's labels: complete, or unfinished by a run that ended early."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.files.errors import reading
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.ome_zarr import ome, open_group
from napari_spatial_embeddings.files.settings import is_ours
from napari_spatial_embeddings.files.stored import StoredArray
from napari_spatial_embeddings.inference.block_progress import Progress, progress_of

from .provisional import FOLDER, levels_in
from .unfinished import part_folder


@dataclass(frozen=True, slots=True)
class LargeState:
    """What there is of a large image's labels.

    Parameters
    ----------
    complete : bool
        Whether there are labels of all of it.
    levels : tuple of arrays (*S)
        The newest labels, the finest level first, which read what is sliced; perhaps none.
    unfinished : Progress, optional
        Of a run that ended early, or is under way.
    about : mapping
        How the complete labels were made.
    """

    complete: bool
    levels: tuple[StoredArray, ...]
    unfinished: Progress | None
    about: Mapping[str, Any]


def state_of_labels(path: Path) -> LargeState:
    """Return what there is of the labels in a store of their own.

    Raises
    ------
    FileError
        If what is there cannot be read.
    """
    unfinished = progress_of(part_folder(path))
    complete = is_ours(path)
    levels = () if unfinished is None else tuple(levels_in(unfinished.folder / FOLDER))
    if not complete:
        return LargeState(complete, levels, unfinished, {})
    about = json.loads(json.dumps(dict(open_group(path).attrs).get(KEY) or {}))
    return LargeState(complete, levels or read_levels(path), unfinished, about)


def read_levels(path: Path) -> tuple[StoredArray, ...]:
    """Return the levels of a label image in OME-Zarr, the finest first, which read what is sliced.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    with reading(path):
        group = open_group(path)
        names = [str(one["path"]) for one in ome(group)["multiscales"][0]["datasets"]]
        arrays: list[Any] = [group[name] for name in names]
        return tuple(StoredArray(path, a.shape, a.dtype, a.__getitem__) for a in arrays)
