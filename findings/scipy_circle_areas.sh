#!/usr/bin/env bash
# SphericalVoronoi of scipy gives, for points on a circle, areas that are not those of its regions.
#
# Expected: `calculate_areas()` returns "The areas of the Voronoi regions", one per point, in their
#   order; the documentation adds that for points on a circle these are circular arcs. The region of
#   a point reaches half way to its neighbours.
# Seen: the values are the arcs from one point to the next, in an order of their own. Points at 0, 10,
#   100 and 200 degrees have regions of 85, 50, 95 and 130 degrees; what comes is 160, 100, 10 and 90.
#   The sum is right, and so is everything for points at equal distances. `vertices` and
#   `regions` are right, and so are areas on a sphere.
# Versions: scipy 1.17.1; seen on 2026-11-30, Python 3.11, Linux.
# Known: brought by pull request 12107 (2020); no issue about it was found; visible in `_calculate_areas_2d`, which takes the ends of an
#   arc from `points`, where its regions end at `vertices`.
# Matters: weights of directions in pixels that are not square, as for a perimeter by Crofton's formula,
#   are right in volumes and wrong in images, where nothing but a wrong length shows it. Take the
#   arc between the two vertices of each region.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import scipy
from scipy.spatial import SphericalVoronoi

print("scipy", scipy.__version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"scipy has changed: {what} was {known}")


def degrees(angles):
    return [round(float(x)) for x in np.degrees(angles)]


def circle(*angles):
    turns = np.radians(angles)
    return SphericalVoronoi(np.stack([np.cos(turns), np.sin(turns)], axis=1))


cells = circle(0, 10, 100, 200)
first, last = cells.vertices[np.array(cells.regions)].transpose(1, 0, 2)
regions = np.arccos((first * last).sum(1))
expect("regions, from their vertices", degrees(regions), [85, 50, 95, 130])
areas = degrees(cells.calculate_areas())
expect("areas, in ascending order", sorted(areas), [10, 90, 100, 160])
expect("areas at equal distances", degrees(circle(0, 90, 180, 270).calculate_areas()), [90] * 4)
PY
