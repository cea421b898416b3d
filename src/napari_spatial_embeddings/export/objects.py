"""One row per object, for a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.measuring.sums import Rows
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.instances import Instances

EDGE = {2: 512, 3: 64}
"""Edge of the blocks that are read at once, in pixels."""

Table = dict[str, list[Any]]
"""Columns of equal length by name."""


def objects_table(
    instances: Instances,
    class_names: Sequence[str],
    image: PixelArray | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    spacing: tuple[float, ...] | None = None,
    start: tuple[int, ...] = (),
    predicted_iou: NDArray[np.floating] | None = None,
) -> Table:
    """Measure the objects.

    Parameters
    ----------
    instances : Instances
    class_names : sequence of str
    image : (C, *S), optional
        For the mean intensities; read block by block, where there are objects.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis in ``unit``; None along an axis of unknown size. Lengths are
        given in the unit as well where they are known.
    unit : str, optional
    spacing : tuple of D floats, optional
        That of the maps: size of a pixel along each axis in pixels of the finest. That of the pixel
        size if not given.
    start : tuple of D ints
        First pixel in the large image that this is a window of; empty if it is none.
    predicted_iou : float (N,), optional
        That of each object, where the model is calibrated.

    Returns
    -------
    dict of lists, one value per object
        ``label``, ``class``, ``score``, and ``predicted_iou`` where that is known; per axis
        ``centre_<axis>_px``, an index into the image that need not be whole, and
        ``centre_<axis>_<unit>`` from the first pixel's centre; of a window,
        ``centre_<axis>_px_whole``, an index into the large image; ``size_px``, and
        ``area_<unit>2`` or ``volume_<unit>3``; per axis ``sigma_<axis>_px`` in pixels of the
        finest axis; ``mean_intensity_<channel>``.
    """
    ndim = instances.labels.ndim
    axes = "zyx"[-ndim:]
    if spacing is None:
        spacing = spacing_of(pixel_size) or (1.0,) * ndim
    index = instances.centre / np.array(spacing)
    table: Table = {
        "label": instances.ids.tolist(),
        "class": [class_names[i] for i in instances.class_index],
        "score": instances.score.tolist(),
    }
    if predicted_iou is not None:
        table["predicted_iou"] = predicted_iou.tolist()
    for d, axis in enumerate(axes):
        table[f"centre_{axis}_px"] = index[:, d].tolist()
    lengths = pixel_size if pixel_size and unit else (None,) * ndim
    for d, (axis, size) in enumerate(zip(axes, lengths, strict=True)):
        if size is not None:
            table[f"centre_{axis}_{unit}"] = (index[:, d] * size).tolist()
    for d, (axis, first) in enumerate(zip(axes, start, strict=False)):
        table[f"centre_{axis}_px_whole"] = (index[:, d] + first).tolist()
    table["size_px"] = instances.size.tolist()
    known = [size for size in lengths if size is not None]
    if len(known) == ndim:
        kind = {2: "area", 3: "volume"}[ndim]
        table[f"{kind}_{unit}{ndim}"] = (instances.size * math.prod(known)).tolist()
    for d, axis in enumerate(axes):
        table[f"sigma_{axis}_px"] = instances.sigma[:, d].tolist()
    if image is not None:
        means = _sums(instances, image) / instances.size
        table |= {f"mean_intensity_{c}": row.tolist() for c, row in enumerate(means)}
    return table


def _sums(instances: Instances, image: PixelArray) -> NDArray[np.float64]:
    """Return the sum of each channel over each object, (C, N); reads blocks that hold objects."""
    sums, rows = np.zeros((image.shape[0], len(instances.ids) + 1)), Rows(instances.ids)
    edge = EDGE[instances.labels.ndim]
    for block in all_blocks(instances.labels.shape, edge):
        labels = rows.of(instances.labels[block]).ravel().astype(np.intp)
        for c in range(image.shape[0] if labels.any() else 0):
            values = np.asarray(image[(c, *block)], np.float64)
            np.add.at(sums[c], labels, values.ravel())
    return sums[:, 1:]


def write_objects(path: str | Path, table: Table) -> Path:
    """Write a table as CSV, whole or not at all; numbers with six significant digits.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    with objects_writer(path) as add:
        add(table)
    return Path(path)


@contextmanager
def objects_writer(path: str | Path) -> Iterator[Callable[[Table], None]]:
    """Yield a function that adds the rows of a table to a CSV, which is there when all are.

    Numbers have six significant digits, but for positions, which have two decimals at least.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    path, started = Path(path), False
    with writing(path), atomic_file(path) as file:

        def add(table: Table) -> None:
            nonlocal started
            file.write(csv_rows(table, names=not started))
            started = True

        yield add


def csv_rows(table: Table, *, names: bool = False) -> bytes:
    """Return the rows of a table as `objects_writer` writes them.

    Parameters
    ----------
    table : Table
    names : bool
        Whether the columns' names come first.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if names:
        writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(_shown(v) if isinstance(v, float) else v for v in row)
    return text.getvalue().encode()


def _shown(value: float) -> str:
    return f"{value:.2f}" if 1e4 <= abs(value) < 1e7 else f"{value:.6g}"
