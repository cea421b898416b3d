"""Label image of a file joined with the maps that its objects were found in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_maps

from .segmented import Segmented


def with_maps(found: Segmented, path: Path) -> Segmented:
    """Return a label image with its maps.

    Raises
    ------
    InputError
        If there are none, or they are those of another image.
    """
    if not path.is_dir():
        raise InputError(
            f"there are no maps of {found.name}, which {path} would be; predict it again with"
            " --maps, or leave out --overlaps"
        )
    maps, shape = read_maps(path).maps, found.instances.labels.shape
    if maps.shape != shape:
        raise InputError(f"{path} has the shape {maps.shape}, its labels {shape}")
    return replace(found, maps=maps)


def with_embeddings(found: Segmented, clustering: Any) -> Segmented:
    """Return a label image that has maps with each object's centre and sigma in them.

    The maps are clustered as they were then. Objects that come out otherwise, as they were
    corrected since, count as corrected.

    Parameters
    ----------
    found : Segmented
    clustering : JSON
        Settings that the labels were made with, as they are noted in their file.

    Raises
    ------
    InputError
        If there are no maps, or the settings are not known.
    """
    try:
        settings = ClusteringSettings.model_validate(clustering)
    except ValidationError as error:
        raise InputError(
            f"the labels of {found.name} do not state the thresholds that made them; predict it"
            " again, or leave out --overlaps"
        ) from error
    if found.maps is None:
        raise InputError(f"there are no maps of {found.name}; predict it again with --maps")
    own = found.instances
    again = Clustering(found.maps)(settings, like=own.labels)
    differ = again.labels != own.labels
    changed = np.union1d(own.labels[differ], again.labels[differ])
    row = {label: k for k, label in enumerate(again.ids.tolist())}
    there = [row.get(label, -1) for label in own.ids.tolist()]
    instances = replace(
        own,
        centre=_rows(again.centre, there),
        sigma=_rows(again.sigma, there),
        locked=np.isin(own.ids, changed) | (np.array(there, np.int64) < 0),
    )
    return replace(found, instances=instances, clustering=settings)


def _rows(
    values: np.ndarray[Any, np.dtype[np.float32]], rows: list[int]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return some rows; of a negative one, no numbers."""
    with_none = np.concatenate([values, np.full((1, values.shape[1]), np.nan, np.float32)])
    return with_none[np.array(rows, np.intp)]
