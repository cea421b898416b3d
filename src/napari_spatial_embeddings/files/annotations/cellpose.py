"""Reader of ``_seg.npy``, the files of Cellpose's window."""

from __future__ import annotations

import pickle
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import whole_numbers
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.folders import stem

from .pickled import Stored, read_pickled

ENDING = "_seg.npy"
MASKS = "masks"


def is_seg(path: Path) -> bool:
    """Whether a file has the name of one of Cellpose's."""
    return path.name.lower().endswith(ENDING)


def read_seg(path: str | Path) -> tuple[NDArray[np.integer], str]:
    """Read the masks of a file of Cellpose.

    Returns
    -------
    labels : integers (Y, X) or (Z, Y, X)
    name : str
        Of the image that they are of, without folder and endings; empty if it is not given.

    Raises
    ------
    FileError
        If it holds no masks, or something that is neither an array nor a plain value.
    """
    path = Path(path)
    facts = read_pickled(path)
    masks = facts.get(MASKS)
    if not isinstance(masks, Stored):
        raise FileError(
            f"{path} holds no masks; expected a file that Cellpose saved, with an array '{MASKS}'"
        )
    with reading(path):
        try:
            labels = whole_numbers(masks.array(), str(path))
        except pickle.UnpicklingError as error:
            raise FileError(f"{path}: its masks are {error}; save them again") from error
        except InputError as error:
            raise FileError(str(error)) from error
    if labels.dtype.kind not in "iu" or labels.ndim not in (2, 3) or not labels.size:
        raise FileError(
            f"{path}: its masks have the type {labels.dtype} and the shape {labels.shape}; expected"
            " whole numbers, (Y, X) or (Z, Y, X)"
        )
    if labels.dtype.kind == "i" and int(labels.min()) == -1:
        labels = labels + 1  # as older versions counted: -1 is background
    if labels.ndim == 3 and len(labels) == 1:
        labels = labels[0]
    return np.ascontiguousarray(labels, labels.dtype.newbyteorder("=")), _name(facts)


def _name(facts: dict[str, Any]) -> str:
    name = facts.get("filename")
    name = name[0] if isinstance(name, list) and name else name
    return stem(PureWindowsPath(name).name) if isinstance(name, str) and name else ""
