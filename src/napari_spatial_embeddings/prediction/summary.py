"""Summary of a prediction: a table with a row per image, and one with a row per well."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData

Objects = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Sizes in pixels and scores of objects."""


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """What is known of an image's objects, or why there are none.

    Parameters
    ----------
    name, well : str
    frames : int, optional
        None if it is no time series.
    sizes : int64 (N,)
        Of all its objects, in pixels.
    scores : float32 (N,)
    pixel : float, optional
        Size of a pixel, or a voxel, in ``unit``; None if it is unknown.
    unit : str
        Such as "um2"; empty if it is unknown.
    error : str
        Why there are no objects of it.
    lacks : str
        Why there are none of some of its frames.
    """

    name: str
    well: str = ""
    frames: int | None = None
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    pixel: float | None = None
    unit: str = ""
    error: str = ""
    lacks: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        well: str,
        image: ImageData,
        objects: list[Objects],
        lacks: str = "",
    ) -> ImageSummary:
        """Return that of an image, from the sizes and scores in it, or in parts such as frames."""
        known = [size for size in image.pixel_size or () if size is not None]
        pixel = math.prod(known) if image.unit and len(known) == image.ndim else None
        none = np.zeros(0, np.int64), np.zeros(0, np.float32)
        sizes, scores = (np.concatenate(values) for values in zip(none, *objects, strict=True))
        unit = f"{image.unit}{image.ndim}" if pixel else ""
        return cls(name, well, image.frames, sizes, scores, pixel, unit, lacks=lacks)


def image_rows(images: list[ImageSummary]) -> dict[str, list[Any]]:
    """Return one row per image: count, sizes, mean score, or the error."""
    return {
        "image": [one.name for one in images],
        "well": [one.well for one in images],
        "frames": ["" if one.frames is None else one.frames for one in images],
        **_measures([[one] for one in images]),
        "error": [one.error or one.lacks for one in images],
    }


def well_rows(images: list[ImageSummary]) -> dict[str, list[Any]]:
    """Return one row per well, over the objects of all its images that could be used."""
    wells: dict[str, list[ImageSummary]] = {}
    for one in images:
        if one.well:
            wells.setdefault(one.well, []).append(one)
    used = [[one for one in those if not one.error] for those in wells.values()]
    return {
        "well": list(wells),
        "images": [len(those) for those in used],
        "failed": [
            len(all_) - len(those) for all_, those in zip(wells.values(), used, strict=True)
        ],
        **_measures(used),
    }


def _measures(groups: list[list[ImageSummary]]) -> dict[str, list[Any]]:
    """Return counts, sizes and scores of groups of images; cells without a value are empty."""
    rows: dict[str, list[Any]] = {}
    for group in groups:
        sizes = np.concatenate([np.zeros(0), *(one.sizes for one in group)])
        scores = np.concatenate([np.zeros(0), *(one.scores for one in group)])
        pixels = {(one.pixel, one.unit) for one in group}
        pixel, unit = next(iter(pixels)) if len(pixels) == 1 else (None, "")
        some, failed = len(sizes) > 0, not group or all(one.error for one in group)
        row = {
            "objects": "" if failed else len(sizes),
            "mean_size_px": float(sizes.mean()) if some else "",
            "median_size_px": float(np.median(sizes)) if some else "",
            "mean_size": float(sizes.mean() * pixel) if some and pixel else "",
            "size_unit": unit,
            "mean_score": float(scores.mean()) if some else "",
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
    return rows


def wells_path(path: Path) -> Path:
    """Return where the table of wells is written: beside that of the images."""
    return path.with_name(f"{path.stem}.wells{path.suffix}")


def write_summary(path: Path, images: list[ImageSummary], about: Mapping[str, Any]) -> None:
    """Write the table of images, and that of wells where there are any, each with its record.

    Parameters
    ----------
    path : path
    images : list of ImageSummary
    about : mapping
        The model and the settings.
    """
    from napari_spatial_embeddings.export.objects import write_objects
    from napari_spatial_embeddings.export.record import record, write_record

    made, tables = record(about), {path: image_rows(images)}
    if any(one.well for one in images):
        tables[wells_path(path)] = well_rows(images)
    for table, rows in tables.items():
        write_objects(table, rows)
        write_record(table, made)
