"""Label images of files as what the formats of an export take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.outlines.masks import MAX_LISTED
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.errors import InputError

from .objects import EDGE, Table, objects_table
from .segmented import Segmented

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray

HIGHEST = np.iinfo(np.int32).max
"""Labels in memory are no higher."""

UNKNOWN = ("class", "score", "sigma")
"""Columns, or starts of some, that a label image alone does not give."""


def segmented_labels(
    name: str,
    labels: NDArray[np.integer],
    table: Table | None = None,
    classes: Sequence[str] = (),
    *,
    image: PixelArray | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    about: Mapping[str, Any] | None = None,
    source: Path | None = None,
) -> Segmented:
    """Return a label image, and what a table states of its objects, as formats take it.

    Parameters
    ----------
    name : str
        What the files are called.
    labels : integers (*S)
        Values below 0 are no objects.
    table : Table, optional
        A column ``label``, and others such as ``class`` and ``score``; rows of labels that do not
        occur are left out. Without it, objects are measured.
    classes : sequence of str
        Names of all classes; those of the table if not given.
    image : (C, *S), optional
        For the intensities.
    pixel_size : tuple of D floats, optional
        In ``unit``; None along an axis of unknown size.
    unit : str, optional
    about : mapping, optional
        How the labels were made.
    source : path, optional
        The image's file.

    Raises
    ------
    InputError
        If a label is too high for 32 bits with a sign, or the table has a label twice.
    """
    if int(labels.max(initial=0)) > HIGHEST:
        raise InputError(f"labels of {name} go up to {labels.max()}; expected {HIGHEST} at most")
    positive = labels if labels.min(initial=0) >= 0 else np.maximum(labels, 0)
    kept: NDArray[np.int32] = positive.astype(np.int32, copy=False)
    ids = _ids(kept)
    columns = None if table is None else _ordered(name, table, ids)
    named = _column(columns, "class", len(ids))
    every = tuple(classes) or tuple(sorted({str(one) for one in named if one is not None}))
    place = {name: k for k, name in enumerate(every)}
    # An index beyond the names stands for an unknown class.
    index = [len(every) if one is None else place[str(one)] for one in named]
    scores = [
        x if isinstance(x, int | float) else np.nan for x in _column(columns, "score", len(ids))
    ]
    measured = columns is None
    size, centre = _measured(kept, ids) if measured else _unmeasured(kept, ids)
    spacing = spacing_of(pixel_size) or (1.0,) * labels.ndim
    instances = Instances(
        labels=kept,
        ids=ids,
        class_index=np.array(index, np.int64),
        score=np.array(scores, np.float32),
        centre=(centre * spacing).astype(np.float32),
        sigma=np.full(centre.shape, np.nan, np.float32),
        size=size,
        seed_pixel=np.zeros(centre.shape, np.int64),
        locked=np.zeros(len(ids), np.bool_),
    )
    if columns is None:
        rows = objects_table(instances, ("",) * (len(every) + 1), image, pixel_size, unit, spacing)
        columns = {key: values for key, values in rows.items() if not key.startswith(UNKNOWN)}
    return Segmented(
        name,
        instances,
        every,
        image=image,
        pixel_size=pixel_size,
        unit=unit,
        about=about or {},
        table=columns,
        source=source,
    )


def _ids(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the labels that occur, ascending."""
    top = int(labels.max(initial=0))
    if top > MAX_LISTED:
        ids = np.unique(labels)
        return ids[ids > 0]
    present = np.zeros(top + 1, np.bool_)
    for block in all_blocks(labels.shape, EDGE[labels.ndim]):
        present[labels[block]] = True
    present[0] = False
    return np.flatnonzero(present).astype(np.int32)


def _ordered(name: str, table: Table, ids: NDArray[np.int32]) -> Table:
    """Return the rows of a table in the order of labels; None where one has no row."""
    row = {int(label): k for k, label in enumerate(table.get("label", ()))}
    if len(row) < len(table.get("label", ())):
        raise InputError(f"the table of {name} has a label twice; expected a row for each object")
    rows = [row.get(label) for label in ids.tolist()]
    ordered = {
        key: [None if k is None else values[k] for k in rows] for key, values in table.items()
    }
    return {**ordered, "label": ids.tolist()}


def _column(table: Table | None, name: str, count: int) -> list[Any]:
    """Return a column of a table; None where nothing is known."""
    values = (table or {}).get(name, [None] * count)
    return [None if value == "" else value for value in values]


def _measured(
    labels: NDArray[np.int32], ids: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the number of pixels of each object, and its centroid (N, D) as an index."""
    ndim = labels.ndim
    size, sums = np.zeros(len(ids), np.int64), np.zeros((len(ids), ndim))
    for block in all_blocks(labels.shape, EDGE[ndim]):
        part = labels[block]
        at = np.nonzero(part)
        row = np.searchsorted(ids, part[at])
        np.add.at(size, row, 1)
        for d, where in enumerate(at):
            np.add.at(sums[:, d], row, (where + block[d].start).astype(np.float64))
    return size, sums / np.maximum(size, 1)[:, None]


def _unmeasured(
    labels: NDArray[np.int32], ids: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return as many unknown sizes and centres; the table has them."""
    return np.zeros(len(ids), np.int64), np.full((len(ids), labels.ndim), np.nan)
