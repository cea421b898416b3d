"""Rows of a table of objects: of an image, or of the frames of a series one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_spatial_embeddings.export.measures import complete
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.outlines.described import Steps
from napari_spatial_embeddings.export.segmented import Results, Segmented, frames_of


def add_rows(found: Results, add: Callable[[Table], object]) -> Steps:
    """Measure all objects, give the rows to a function, and yield how much is done, of how much.

    Those of a series have their frame in the first column, and are given frame by frame.

    Parameters
    ----------
    found : Segmented or SegmentedSeries
    add : callable
    """
    for k, (t, frame) in enumerate(frames_of(found)):
        if isinstance(found, Segmented):
            add((yield from frame.measured()))
        else:
            yield k, len(found.numbers)
            add({"frame": [t] * len(frame.instances), **complete(frame.measured())})


def all_columns(tables: list[Table]) -> dict[str, list[Any]]:
    """Return the rows of tables as columns whose values are of one kind each.

    Cells without a value are None. A column that has texts has nothing else.

    Parameters
    ----------
    tables : list of Table
        A column that one lacks has no values there.
    """
    names = dict.fromkeys(name for table in tables for name in table)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for table in tables:
        count = len(next(iter(table.values()), []))
        for name, column in columns.items():
            column += table.get(name, [None] * count)
    return {name: _of_one_kind(values) for name, values in columns.items()}


def _of_one_kind(values: list[Any]) -> list[Any]:
    known = [None if value == "" else value for value in values]
    kinds = {type(value) for value in known} - {type(None)}
    if len(kinds) < 2:
        return known
    kind = str if str in kinds else float
    return [None if value is None else kind(value) for value in known]
