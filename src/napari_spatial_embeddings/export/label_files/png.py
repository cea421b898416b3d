"""Label images as PNG with 16 bits per pixel."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.export.record import png_notes
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.system.atomic import write_atomically

HIGHEST = int(np.iinfo(np.uint16).max)


def write_png(path: Path, found: Segmented, _settings: ExportSettings) -> Path:
    """Write the labels as PNG, whole or not at all.

    Raises
    ------
    FileError, Failure
        If it is a volume, a label does not fit in 16 bits, or the file cannot be written.
    """
    from PIL import Image

    labels = found.instances.labels
    if labels.ndim != 2:
        raise FileError(f"{path}: PNG holds images, not volumes; choose TIFF or OME-Zarr")
    if (highest := int(labels.max(initial=0))) > HIGHEST:
        raise FileError(
            f"{path}: the label {highest} does not fit in the 16 bits of a PNG, which end at"
            f" {HIGHEST}; choose TIFF, OME-Zarr or NumPy"
        )
    notes, content = png_notes(found.noted()), io.BytesIO()
    Image.fromarray(labels.astype(np.uint16)).save(content, "PNG", pnginfo=notes)
    with writing(path):
        write_atomically(path, content.getvalue())
    return path
