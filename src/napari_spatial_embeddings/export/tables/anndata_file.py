"""Objects as AnnData, for scanpy, squidpy and SpatialData.

One observation per object; its measurements are the variables; ``obsm["spatial"]`` is its centroid
as x, y and z, in pixels, as squidpy has it. ``uns["spatialdata_attrs"]`` names the columns by which
SpatialData joins the table with the label image.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.export.folders import hidden_folder
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.outlines.described import Steps
from napari_spatial_embeddings.export.segmented import Results
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY

from .parquet import EXTRA
from .rows import add_rows, all_columns

OBSERVED = ("frame", "label", "class", "track", "parent")
"""Columns that are no measurements."""


def write_anndata(path: Path, found: Results, _settings: ExportSettings) -> Steps:
    """Write the objects, whole or not at all; the record is ``uns``'s JSON of this program's name.

    Raises
    ------
    InputError, Failure
        If anndata is not installed, or the file cannot be written.
    """
    with extra(EXTRA):
        import anndata
        import pandas as pd
    tables, rows = list[Table](), list[dict[str, NDArray[np.float64]]]()

    def add(table: Table) -> None:
        tables.append({name: table[name] for name in OBSERVED if name in table})
        rows.append(measurements(table))

    yield from add_rows(found, add)
    own = all_columns(tables)
    count = len(own["label"])
    frames = own.get("frame")
    regions = [found.name] * count
    if frames is not None:
        regions = [f"{found.name}, frame {t}" for t in frames]
    names = [f"{region}/{label}" for region, label in zip(regions, own["label"], strict=True)]
    obs = pd.DataFrame(own, index=_texts(names))
    for name, texts in {"region": regions, "class": own.get("class")}.items():
        if texts is not None:
            texts = [None if text is None else str(text) for text in texts]
            kinds = _texts(sorted({text for text in texts if text is not None}))
            obs[name] = pd.Categorical(texts, categories=kinds)
    variables, measured = _matrix(rows, [len(table["label"]) for table in tables])
    axes = [f"centroid_{axis}_px" for axis in "xyz"]
    places = measured[:, [variables.index(name) for name in axes if name in variables]]
    attributes = {"region": sorted({*regions}), "region_key": "region", "instance_key": "label"}
    with writing(path), hidden_folder(path) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata uses what newer versions of pandas leave
        data = anndata.AnnData(
            measured,
            obs,
            pd.DataFrame(index=_texts(variables)),
            uns={KEY: json.dumps(found.noted()), "spatialdata_attrs": attributes},
            obsm={"spatial": places},
        )
        data.write_h5ad(folder / path.name)
        (folder / path.name).replace(path)


def _texts(texts: list[str]) -> Any:
    """Return texts as an index that every version of anndata writes, whatever pandas prefers."""
    import pandas as pd

    return pd.Index(texts, dtype=object)


def measurements(table: Table) -> dict[str, NDArray[np.float64]]:
    """Return the measurements of a table, eight bytes each; NaN where a cell has no value.

    Columns with texts are none.
    """
    found = {}
    for name, values in table.items():
        if name not in OBSERVED and not any(isinstance(x, str) and x for x in values):
            known = (np.nan if x is None or x == "" else x for x in values)
            found[name] = np.fromiter(known, np.float64, len(values))
    return found


def _matrix(
    rows: list[dict[str, NDArray[np.float64]]], counts: list[int]
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of all measurements, and a row for each object; NaN where there is none."""
    names = [*dict.fromkeys(name for one in rows for name in one)]
    matrix = np.full((sum(counts), len(names)), np.nan)
    start = 0
    for one, count in zip(rows, counts, strict=True):
        for k, name in enumerate(names):
            if name in one:
                matrix[start : start + count, k] = one[name]
        start += count
    return names, matrix
