"""Label images as compressed TIFF."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.units import OME, Lengths, as_metadata, filled
from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import write_atomically

from .places import SOFTWARE

IMAGEJ_LIMIT = 2**31
"""Bytes that fit in an ImageJ TIFF with room to spare; it has no 64-bit offsets."""


def write_labels(
    path: str | Path,
    labels: NDArray[np.integer],
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    unknown: bool = False,
) -> Path:
    """Write a label image, whole or not at all.

    16 bits while the ids fit, else 32. A name that ends in ``.ome.tif`` gives OME-TIFF; others give
    what ImageJ reads with its pixel size, if the ids fit in 16 bits.

    Parameters
    ----------
    path : path
        Its folder is made if missing.
    labels : integers (Y, X) or (Z, Y, X), not negative
    pixel_size : tuple of floats, optional
        Size of a pixel along each axis, in ``unit``; None along an axis of unknown size.
    unit : str, optional
        "um", "nm", ...
    settings : mapping, optional
        How the labels were made, kept as JSON: in OME's map annotation, ImageJ's info, or the
        description.
    unknown : bool
        Whether pixels may have the label `core.maps.IGNORE`; where some have, the labels are whole
        numbers with a sign, which ImageJ shows as they are.

    Raises
    ------
    FileError
        If the labels are not 2D or 3D, not whole numbers, negative or above 2^32 - 1, or the file
        cannot be written.
    """
    import tifffile

    path = Path(path)
    labels = _compact(labels, path, IGNORE if unknown else 0)
    axes = "ZYX"[-labels.ndim :]
    note = json.dumps(settings) if settings else None
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "compression": "zlib",
        "software": SOFTWARE,
    }
    if is_ome(path):
        options |= {"ome": True, "metadata": ome_metadata(axes, pixel_size, unit, note)}
    elif labels.dtype == np.uint16 and labels.nbytes < IMAGEJ_LIMIT and min(labels.shape) > 1:
        options |= {"imagej": True, **imagej_metadata(axes, pixel_size, unit, note)}
    else:
        facts: dict[str, Any] = {"axes": axes, "unit": unit, "settings": settings}
        facts |= as_metadata(pixel_size)
        options["metadata"] = {k: v for k, v in facts.items() if v is not None}
    content = io.BytesIO()
    tifffile.imwrite(content, labels, **options)
    with writing(path):
        write_atomically(path, content.getvalue())
    return path


def about_window(start: tuple[int, ...]) -> dict[str, Any]:
    """Return where a window of a large image lies, for the metadata of its files; else nothing.

    Parameters
    ----------
    start : tuple of D ints
        Its first pixel there; empty if the image is no window.
    """
    return {"first_pixel": dict(zip("zyx"[-len(start) :], start, strict=True))} if start else {}


def _compact(labels: NDArray[np.integer], path: Path, lowest: int) -> NDArray[np.integer]:
    if labels.dtype.kind not in "iu" or labels.ndim not in (2, 3):
        raise FileError(
            f"{path}: labels of type {labels.dtype} and shape {labels.shape}; expected whole"
            " numbers, 2D or 3D"
        )
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < lowest or high > np.iinfo(np.uint32).max:
        raise FileError(
            f"{path}: labels from {low} to {high}; expected 0 to {np.iinfo(np.uint32).max}"
        )
    if low < 0:
        return labels.astype(signed(high))
    return labels.astype(np.uint16 if high <= np.iinfo(np.uint16).max else np.uint32)


def signed(highest: int) -> type[np.int16 | np.int32]:
    """Return the type of labels among which is `core.maps.IGNORE`."""
    return np.int16 if highest <= np.iinfo(np.int16).max else np.int32


def is_ome(path: Path) -> bool:
    """Whether a file of this name is OME-TIFF."""
    return path.name.lower().endswith((".ome.tif", ".ome.tiff"))


def ome_metadata(
    axes: str, pixel_size: Lengths | None, unit: str | None, note: str | None
) -> dict[str, Any]:
    """Return what tifffile makes the metadata of an OME-TIFF of; ``note`` is kept as it is."""
    metadata: dict[str, Any] = {"axes": axes}
    facts = json.loads(note) if note else {}
    if facts.pop("date", None):  # the file is the same if it is made in the same way again
        metadata["UUID"] = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(facts)))
    for axis, size in zip(axes.lstrip("T"), pixel_size or (), strict=False):
        if size is None:
            continue
        metadata[f"PhysicalSize{axis}"] = size
        # Without a unit, OME would take micrometres.
        metadata[f"PhysicalSize{axis}Unit"] = OME.get(unit, unit) if unit else "pixel"
    if note:
        metadata["MapAnnotation"] = {"Namespace": KEY, "settings": note}
    return metadata


def imagej_metadata(
    axes: str, pixel_size: Lengths | None, unit: str | None, note: str | None
) -> dict[str, Any]:
    """Return options for tifffile: the metadata of an ImageJ TIFF, and its resolution."""
    metadata: dict[str, Any] = {"axes": axes}
    if note:
        metadata["Info"] = note
    if pixel_size is None:
        return {"metadata": metadata}
    # ImageJ knows no unknown sizes: it would take 1.
    *depth, y, x = filled(pixel_size)
    metadata |= {"unit": unit or "pixel", **({"spacing": depth[0]} if depth else {})}
    return {"metadata": metadata, "resolution": (1 / x, 1 / y)}
