#!/usr/bin/env bash
# SpatialData's polygons of a label image lie half a pixel off its circles and centroids.
#
# Expected: `to_polygons`, `to_circles` and `get_centroids` of the same labels agree on where an
#   object is.
# Seen: centroids and circles count from pixel corners (the pixel at index 30 is at 30.5), polygons
#   from pixel centres (it is at 30.0), and the element's transformation is the same for all three.
#   `rasterize` with one pixel a unit counts from corners: an object of 6 x 6 pixels comes back as
#   35, and one of a single pixel is gone, its polygon with an area of 0.5 having no pixel centre.
# Versions: spatialdata 0.7.3 (the newest on Python 3.11), dask 2026.1.1, scikit-image 0.26.0; seen on
#   2026-11-29, Linux.
# Known: issue 1235 is about holes and 1220 about coarse rasters, both of September 2026; the half
#   pixel between the three functions was not found.
# Matters: transcripts are assigned to cells by these polygons. Who writes outlines for SpatialData
#   moves those of scikit-image by +0.5 in x and y, as for Fiji and QuPath.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    spatialdata==0.7.3 numpy==2.4.6 dask==2026.1.1 scikit-image==0.26.0 shapely==2.2.0 \
    geopandas==1.2.0 xarray==2026.9.0 pandas==2.3.3
"$folder/venv/bin/python" -W ignore - <<'PY'
import logging
import sys

import numpy as np
import spatialdata
from spatialdata.models import Labels2DModel

logging.disable(logging.WARNING)
print("spatialdata", spatialdata.__version__)
labels = np.zeros((40, 40), np.int32)
labels[30, 30] = 1
labels[2:8, 30:36] = 2
element = Labels2DModel.parse(labels, dims=("y", "x"))


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"spatialdata has changed: {what} was {known}")


def points(geometries):
    return [(float(g.x), float(g.y)) for g in geometries]


corners, centres = [(30.5, 30.5), (33.0, 5.0)], [(30.0, 30.0), (32.5, 4.5)]
table = spatialdata.get_centroids(element).compute().loc[[1, 2], ["x", "y"]]
expect("centroids (x, y)", [tuple(map(float, row)) for row in table.to_numpy()], corners)
expect("circles", points(spatialdata.to_circles(element).geometry), corners)
polygons = spatialdata.to_polygons(element)
expect("polygons' centroids", points(polygons.geometry.centroid), centres)
raster = spatialdata.rasterize(
    polygons,
    ["x", "y"],
    min_coordinate=[0, 0],
    max_coordinate=[40, 40],
    target_coordinate_system="global",
    target_unit_to_pixels=1,
    return_regions_as_labels=True,
)
sizes = np.bincount(np.asarray(raster.data).astype(int).ravel(), minlength=3)[1:]
expect("pixels in the image", np.bincount(labels.ravel())[1:].tolist(), [1, 36])
expect("pixels after polygons and rasterize", sizes.tolist(), [0, 35])
PY
