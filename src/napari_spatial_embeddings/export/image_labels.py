"""Labels written into an OME-Zarr image, as one of its label images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .folders import hidden_folder
from .label_place import publish
from .label_store import CHUNK, LabelGrid, LabelStore


def write_image_labels(
    host: Path, name: str, labels: NDArray[np.integer], about: Mapping[str, Any]
) -> Path:
    """Write ``host/labels/name``, whole or not at all, with the image's axes, place and levels.

    Parameters
    ----------
    host : path
        The image.
    name : str
        An older label image of this name is replaced if it is ours.
    labels : whole numbers (*S), not negative
        In memory, of the image's shape.
    about : mapping
        How the labels were made.

    Returns
    -------
    path
        Of the label image.

    Raises
    ------
    FileError
        If the image has another shape, the name is taken, or nothing can be written.
    """
    grid, edge = LabelGrid.like(host, labels.shape), CHUNK[labels.ndim]
    edges = tuple(n if n <= edge else -(-n // edge) * edge for n in labels.shape)
    with hidden_folder(host) as folder:
        store = LabelStore(folder / "labels", grid, edges, int(labels.max(initial=0)))
        store.write(tuple(slice(0, n) for n in labels.shape), labels)
        for _ in store.finish(name, about, "../../"):
            pass
        publish(folder / "labels", host / "labels" / name, host)
    return host / "labels" / name
