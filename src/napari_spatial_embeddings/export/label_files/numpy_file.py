"""Label images as NumPy's files of arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file


def write_npy(path: Path, found: Segmented, _settings: ExportSettings) -> Path:
    """Write the labels, whole or not at all: what ``numpy.load`` gives, int32.

    After them in the file is, as a second array, a text in UTF-8 that names the program and how
    they were made; a second ``numpy.load`` of the same open file gives it.

    Raises
    ------
    FileError, Failure
        If the file cannot be written.
    """
    with writing(path), atomic_file(path) as file:
        np.save(file, found.instances.labels, allow_pickle=False)
        note = f"{SOFTWARE} {json.dumps(found.noted())}"
        np.save(file, np.array(note.encode()), allow_pickle=False)
    return path
