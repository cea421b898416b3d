"""Corrections as files: a label image that other programs can read, and a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.files import read_settings
from napari_spatial_embeddings.files.errors import reading

from .annotation import read_stored

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections, Instances

COLUMNS = {
    "label": np.int32,
    "index": np.int64,
    "score": np.float32,
    "centre": np.float32,
    "sigma": np.float32,
    "seed_pixel": np.int64,
}
"""Columns of the file for each locked object, and their types."""

FIELDS = {"label": "ids", "index": "class_index"}
"""Fields of `Corrections` that the file calls otherwise."""


def write_corrections(path: Path, corrections: Corrections, found: Instances | None = None) -> None:
    """Write corrections, whole or not at all: labels, and in the same file what is known of them.

    Deleted pixels get a label of their own there, as label images know no negative numbers.

    Parameters
    ----------
    path : path
    corrections : Corrections
    found : Instances, optional
        Objects whose labels are kept as well, for `read_kept_labels`.

    Raises
    ------
    FileError, Failure
        If the system refuses.
    """
    labels = corrections.labels
    gone = int(labels.max(initial=0)) + 1
    facts = {name: getattr(corrections, FIELDS.get(name, name)).tolist() for name in COLUMNS}
    facts |= {name: getattr(corrections, name).tolist() for name in ("deleted", "split")}
    if found is not None:
        free = ~found.locked
        facts["kept"] = [found.ids[free].tolist(), found.seed_pixel[free].tolist()]
    write_labels(path, np.where(labels < 0, gone, labels), settings={"gone": gone, **facts})


def read_corrections(path: Path, shape: tuple[int, ...]) -> Corrections:
    """Read what `write_corrections` wrote.

    Raises
    ------
    FileError
        If the file is damaged, or of another shape.
    """
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.core.instances import NOTHING, Corrections

    labels = read_stored(path, shape)
    with reading(path):
        facts = read_settings(path)
        labels[labels == facts["gone"]] = NOTHING
        n = len(facts["label"])
        wide = {"centre", "sigma", "seed_pixel"}
        sizes = {name: (n, len(shape)) if name in wide else (n,) for name in COLUMNS}
        columns = {
            FIELDS.get(name, name): np.array(facts[name], kind).reshape(sizes[name])
            for name, kind in COLUMNS.items()
        }
        # Files of older versions do not hold how many objects were deleted.
        marks = facts["deleted"] if "deleted" in facts else _pieces(labels == NOTHING)
        deleted = np.array(marks, np.int64).reshape(-1, len(shape))
        split = np.array(facts.get("split", []), np.int32)
        return Corrections(labels, **columns, deleted=deleted, split=split)


def read_kept_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the labels (*shape) that objects are to have, each at the pixel it is proposed by.

    Zero elsewhere, and everywhere if the file has none.

    Raises
    ------
    FileError
        If the file is damaged, or of another shape.
    """
    labels = np.zeros(shape, np.int32)
    with reading(path):
        ids, pixels = read_settings(path).get("kept") or ([], [])
        at = np.array(pixels, np.int64).reshape(len(ids), len(shape))
        labels[tuple(at.T)] = ids
    return labels


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return a pixel (K, D) of each connected piece of a mask."""
    from scipy import ndimage as ndi

    pieces, _ = ndi.label(mask, np.ones((3,) * mask.ndim))
    at = np.argwhere(pieces)
    _, first = np.unique(pieces[tuple(at.T)], return_index=True)
    return at[first]
