"""Table of objects as Parquet, for pandas, R and databases."""

from __future__ import annotations

import json
from pathlib import Path

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.outlines.described import Steps
from napari_spatial_embeddings.export.segmented import Results
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import atomic_file

from .rows import add_rows, all_columns

EXTRA = "tables"
"""Extra that brings the packages of tables."""


def write_parquet(path: Path, found: Results, _settings: ExportSettings) -> Steps:
    """Write a row for each object, whole or not at all; the record is in the file's metadata.

    Raises
    ------
    InputError, Failure
        If pyarrow is not installed, or the file cannot be written.
    """
    with extra(EXTRA):
        import pyarrow as pa
        from pyarrow import parquet
    tables = list[Table]()
    yield from add_rows(found, tables.append)
    table = pa.table(all_columns(tables))
    table = table.replace_schema_metadata({KEY: json.dumps(found.noted())})
    with writing(path), atomic_file(path) as file:
        parquet.write_table(table, file)
