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
    tables = list[Table]()
    yield from add_rows(found, tables.append)
    columns = all_columns(tables)
    count = len(columns["label"])
    frames = columns.get("frame")
    regions = [found.name] * count
    if frames is not None:
        regions = [f"{found.name}, frame {t}" for t in frames]
    own: dict[str, Any] = {name: columns[name] for name in OBSERVED if name in columns}
    names = [f"{region}/{label}" for region, label in zip(regions, columns["label"], strict=True)]
    obs = pd.DataFrame(own, index=_texts(names))
    for name, texts in {"region": regions, "class": own.get("class")}.items():
        if texts is not None:
            texts = [None if text is None else str(text) for text in texts]
            kinds = _texts(sorted({text for text in texts if text is not None}))
            obs[name] = pd.Categorical(texts, categories=kinds)
    variables = [k for k, values in columns.items() if k not in own and _are_numbers(values)]
    measured = np.array([columns[name] for name in variables], np.float64)
    axes = [axis for axis in "xyz" if f"centroid_{axis}_px" in columns]
    places = np.array([columns[f"centroid_{axis}_px"] for axis in axes], np.float64)
    attributes = {"region": sorted({*regions}), "region_key": "region", "instance_key": "label"}
    with writing(path), hidden_folder(path) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata uses what newer versions of pandas leave
        data = anndata.AnnData(
            measured.reshape(len(variables), count).T,
            obs,
            pd.DataFrame(index=_texts(variables)),
            uns={KEY: json.dumps(found.noted()), "spatialdata_attrs": attributes},
            obsm={"spatial": places.reshape(len(axes), count).T},
        )
        data.write_h5ad(folder / path.name)
        (folder / path.name).replace(path)


def _texts(texts: list[str]) -> Any:
    """Return texts as an index that every version of anndata writes, whatever pandas prefers."""
    import pandas as pd

    return pd.Index(texts, dtype=object)


def _are_numbers(values: list[Any]) -> bool:
    """Whether a column holds numbers, and perhaps cells without a value."""
    return not any(isinstance(value, str) for value in values)
