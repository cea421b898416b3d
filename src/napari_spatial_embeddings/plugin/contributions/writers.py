"""Writer of Labels layers, for napari's File > Save."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.plugin.layers.image import size_in_one_unit
from napari_spatial_embeddings.plugin.layers.tags import KEY, LayerTag


def labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as a TIFF with its pixel size: 16 bits while the ids fit, else 32.

    Parameters
    ----------
    path : str
    data : integers (*S)
    attributes : dict
        The layer's.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    InputError, Failure
        If there is an id below 0, or the file cannot be written.
    """
    array = np.asarray(data[0] if isinstance(data, list | tuple) else data)
    scale = attributes.get("scale", ())
    size, unit = size_in_one_unit(scale, attributes.get("units") or ("pixel",) * len(scale))
    known = size if size is not None and (unit is not None or len(set(size)) > 1) else None
    tag = (attributes.get("metadata") or {}).get(KEY)
    meaning = None
    if isinstance(tag, LayerTag) and tag.role == "annotations":
        meaning = {"classes": dict(tag.classes), "scribbled": tag.scribbled}
    return [str(write_labels(path, array, known, unit, meaning))]
