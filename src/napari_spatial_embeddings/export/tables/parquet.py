"""Table of objects as Parquet, for pandas, R and databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.export.folders import hidden_folder
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.outlines.described import Steps
from napari_spatial_embeddings.export.segmented import Results
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY

from .rows import add_rows, all_columns

EXTRA = "tables"
"""Extra that brings the packages of tables."""

ROWS = 50_000
"""Of a series, frames are gathered into groups of at least as many rows; one is in memory."""


def write_parquet(path: Path, found: Results, _settings: ExportSettings) -> Steps:
    """Write a row for each object, whole or not at all; the record is in the file's metadata.

    Raises
    ------
    InputError, Failure
        If pyarrow is not installed, or the file cannot be written.
    """
    with extra(EXTRA):
        from pyarrow import parquet
    with writing(path), hidden_folder(path) as folder:
        groups = _Groups(folder)
        yield from add_rows(found, groups.add)
        schema = groups.schema().with_metadata({KEY: json.dumps(found.noted())})
        new = folder / path.name
        with parquet.ParquetWriter(new, schema) as file:
            for table in groups.tables(schema):
                file.write_table(table)
        new.replace(path)


class _Groups:
    """Rows that wait in files until the kind of each column is known.

    A column may hold whole numbers in one frame, and fractions or nothing in another.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schemas = list[Any]()
        self._waiting, self._rows = list[Table](), 0

    def add(self, table: Table) -> None:
        """Add the rows of an image or a frame."""
        self._waiting.append(table)
        self._rows += len(next(iter(table.values()), []))
        if self._rows >= ROWS:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table(all_columns(self._waiting))
        parquet.write_table(table, self._path(len(self._schemas)))
        self._schemas.append(table.schema)
        self._waiting, self._rows = [], 0

    def schema(self) -> Any:
        """Return the columns of all rows: of texts where a group has some."""
        import pyarrow as pa

        if self._waiting:
            self._write()
        texts = {x.name for one in self._schemas for x in one if pa.types.is_string(x.type)}
        alike = [
            pa.schema([pa.field(x.name, pa.string()) if x.name in texts else x for x in one])
            for one in self._schemas
        ]
        return pa.unify_schemas(alike, promote_options="permissive")

    def tables(self, schema: Any) -> Iterator[Any]:
        """Yield the groups with these columns."""
        import pyarrow as pa
        from pyarrow import parquet

        for k in range(len(self._schemas)):
            table = parquet.read_table(self._path(k))
            known = {*table.column_names}
            columns = [
                table[x.name].cast(x.type) if x.name in known else pa.nulls(len(table), x.type)
                for x in schema
            ]
            yield pa.table(columns, schema=schema)

    def _path(self, k: int) -> Path:
        return self._folder / str(k)
