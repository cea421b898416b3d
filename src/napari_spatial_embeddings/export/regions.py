"""Regions as the CSV table that napari reads as shapes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.files.regions import KINDS, Region
from napari_spatial_embeddings.system.atomic import write_atomically


def write_regions(path: str | Path, regions: Sequence[Region]) -> Path:
    """Write regions, whole or not at all; `files.read_regions` and napari read them.

    Parameters
    ----------
    path : path
        Its folder is made if missing.
    regions : sequence of Region
        At least one, all with the same number of coordinates.

    Raises
    ------
    FileError
        If there is none, one encloses nothing, or the file cannot be written.
    """
    path = Path(path)
    axes = {region.corners.shape[-1] for region in regions}
    if len(axes) != 1:
        what = "no region" if not regions else "regions with different numbers of coordinates"
        raise FileError(f"{path}: {what}; expected the shapes of one image")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = [f"axis-{a}" for a in range(axes.pop())]
    table.writerow(["index", "shape-type", "vertex-index", *columns])
    for index, region in enumerate(regions):
        if region.kind not in KINDS:
            raise FileError(
                f"{path}: a shape of type '{region.kind}' encloses nothing; draw rectangles,"
                " polygons or ellipses"
            )
        for vertex, corner in enumerate(region.corners.tolist()):
            table.writerow([index, region.kind, vertex, *corner])
    with writing(path):
        write_atomically(path, text.getvalue().encode())
    return path
