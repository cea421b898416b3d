"""Regions and classes: what people say about an image beside its labels."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import FileError, reading
from .folders import stem
from .image import read_labels


def read_regions(path: str | Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Read where an image is annotated completely.

    Parameters
    ----------
    path : path
        A mask image, complete where it is not 0; or a CSV table of shapes as napari saves it, with
        rectangles, polygons and ellipses. Shapes with two coordinates hold for all slices of a
        volume.
    shape : tuple of D ints
        The image's spatial shape.

    Returns
    -------
    region : bool (*shape)

    Raises
    ------
    FileError
        If the file cannot be read, or its shape or its shapes do not fit the image.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        # It needs the scientific stack, which is slow to load.
        from napari_spatial_embeddings.annotations import region_mask

        return region_mask(shape, _polygons(path, shape))
    mask = read_labels(path, "ZYX" if len(shape) == 3 else None)
    if mask.shape != shape:
        raise FileError(
            f"{path} has shape {mask.shape}, its image {shape}; they must cover the same pixels"
        )
    return np.asarray(mask != 0)


def read_classes(path: str | Path) -> dict[str, dict[int, str]]:
    """Read the classes of labels.

    Parameters
    ----------
    path : path
        A CSV table with the columns ``label,class``, for all images, or ``image,label,class``.

    Returns
    -------
    dict of dicts
        Class of each label, for each image by its name without endings; "" stands for all images.

    Raises
    ------
    FileError
        If a column is missing or a row is not understood; the message gives its line.
    """
    path = Path(path)
    classes: dict[str, dict[int, str]] = {}
    for line, row in _rows(path, ("label", "class")):
        try:
            label = int(row["label"])
        except ValueError:
            raise FileError(
                f"{path}, line {line}: the label is '{row['label']}'; expected a whole number"
            ) from None
        if not row["class"]:
            raise FileError(f"{path}, line {line}: label {label} has no class")
        image = stem(row["image"]) if row.get("image") else ""
        known = classes.setdefault(image, {}).setdefault(label, row["class"])
        if known != row["class"]:
            raise FileError(
                f"{path}, line {line}: label {label} is '{row['class']}' here and '{known}' above"
            )
    return classes


def _polygons(path: Path, shape: tuple[int, ...]) -> list[NDArray[np.floating]]:
    """Return the corners (n, D) of each shape in a table."""
    corners: dict[str, list[list[float]]] = {}
    kinds: dict[str, str] = {}
    for line, row in _rows(path, ("index", "shape-type", "vertex-index", "axis-0", "axis-1")):
        kind = row["shape-type"].lower()
        if kind not in ("rectangle", "polygon", "ellipse"):
            raise FileError(
                f"{path}, line {line}: a shape of type '{kind}' encloses nothing; draw rectangles,"
                " polygons or ellipses"
            )
        try:
            point = [float(row[a]) for a in sorted(row) if a.startswith("axis-")]
        except ValueError:
            point = [math.nan]
        if not all(map(math.isfinite, point)):
            raise FileError(f"{path}, line {line}: expected numbers under axis-0, axis-1, ...")
        if len(point) not in (2, len(shape)):
            raise FileError(
                f"{path}, line {line}: a corner with {len(point)} coordinates; the image has"
                f" {len(shape)} axes"
            )
        kinds[row["index"]] = kind
        corners.setdefault(row["index"], []).append(point)
    if not corners:
        raise FileError(f"{path} holds no shape; draw where the image is annotated completely")
    polygons: list[NDArray[np.floating]] = []
    for index, points in corners.items():
        polygon = np.array(points)
        if len(polygon) < 3 or (kinds[index] == "ellipse" and len(polygon) != 4):
            raise FileError(f"{path}: shape {index} has {len(polygon)} corners; it is incomplete")
        polygon = _ellipse(polygon) if kinds[index] == "ellipse" else polygon
        polygons.append(_through(polygon, shape))
    return polygons


def _ellipse(box: NDArray[np.float64], n: int = 64) -> NDArray[np.float64]:
    """Return corners (n, D) along the ellipse in a box (4, D)."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)[:, None]
    along, across = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return np.asarray(box.mean(0) + np.cos(turn) * along + np.sin(turn) * across)


def _through(polygon: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Stretch a flat polygon through all slices of a volume."""
    if polygon.shape[1] == len(shape):
        return polygon
    z = np.zeros(len(polygon))
    z[0] = shape[0] - 1
    return np.column_stack([z, polygon])


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield a table's rows with their line numbers; commas, semicolons or tabs part the cells."""
    with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        separator = next((s for s in ";\t" if s in header), ",")
        names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator))]
        missing = [name for name in columns if name not in names]
        if missing:
            raise FileError(
                f"{path} has no column '{missing[0]}': its first line is '{header.strip()[:80]}',"
                f" expected {','.join(columns)}"
            )
        for line, cells in enumerate(csv.reader(file, delimiter=separator), 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise FileError(
                    f"{path}, line {line}: {len(cells)} values for {len(names)} columns"
                )
            yield line, {n: c.strip() for n, c in zip(names, cells, strict=True)}
