#!/usr/bin/env bash
# napari's Labels.paint_polygon makes objects larger than their outline, and moves them; Shapes does not.
#
# Expected: `Labels.paint_polygon(outline, id)` and `Shapes([outline]).to_labels()` fill the same
#   pixels: those whose centre lies inside.
# Seen: paint_polygon cuts the vertices to whole numbers (2.9 becomes 2) and paints the outline's own
#   pixels, too. A circle of radius 10 has 342 pixels, centred half a pixel up and to the left, where
#   its area is 314; Shapes gives 309, centred. Outlines that scikit-image found around five objects
#   come back through Shapes without one wrong pixel; through paint_polygon they have a sixth more
#   pixels, and an object of one pixel has three. (The mouse tool rounds its clicks beforehand, so
#   clicked vertices do not move; the outline's pixels are painted for it, too.)
# Versions: napari 0.9.2, scikit-image 0.26.0; seen on 2026-11-29, Python 3.11, Linux, without a window.
# Known: not found among napari's issues; its pull request 8592 brought the present rasteriser, for
#   speed.
# Matters: outlines from ROI sets and GeoJSON become annotations by Shapes' way or an own rasteriser,
#   never by this method; neighbours would eat each other's borders.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 numpy==2.4.6 scikit-image==0.26.0 pillow
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import napari
import numpy as np
from napari.layers import Labels, Shapes
from skimage.draw import disk
from skimage.measure import find_contours

print("napari", napari.__version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"napari has changed: {what} was {known}")


def painted(outlines, shape):
    layer = Labels(np.zeros(shape, np.int32))
    for label, outline in enumerate(outlines, start=1):
        layer.paint_polygon(outline, label)
    return layer.data


def filled(outlines, shape):
    return Shapes(outlines, shape_type="polygon").to_labels(shape)


def size_and_centre(labels):
    pixels = np.argwhere(labels)
    return len(pixels), [round(float(c), 1) for c in pixels.mean(axis=0)]


angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
circle = 30 + 10 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
expect("circle, Shapes", size_and_centre(filled([circle], (61, 61))), (309, [30.0, 30.0]))
expect("circle, paint_polygon", size_and_centre(painted([circle], (61, 61))), (342, [29.5, 29.5]))

labels = np.zeros((64, 64), int)
for label, (y, x, radius) in enumerate(
    [(10, 10, 6), (30, 30, 9), (50, 12, 4), (12, 45, 3), (50, 50, 1)], start=1
):
    labels[disk((y, x), radius)] = label
outlines = [find_contours(np.pad(labels == i, 1), 0.5)[0] - 1 for i in range(1, 6)]
sizes = np.bincount(labels.ravel())[1:].tolist()
expect("pixels of five objects", sizes, [109, 249, 45, 25, 1])
for way, function, known in (
    ("Shapes", filled, sizes),
    ("paint_polygon", painted, [129, 279, 58, 35, 3]),
):
    back = function(outlines, labels.shape)
    expect(f"back from outlines by {way}", np.bincount(back.ravel())[1:].tolist(), known)
PY
