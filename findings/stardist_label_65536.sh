#!/usr/bin/env bash
# StarDist takes the object with label 65,536 for background, and 65,537 for a part of object 1.
#
# Expected: `star_dist(labels)` gives, at each pixel of an object, the distance to its border along
#   the rays, for any integer labels; "integer values that encode object ids. id 0 denotes
#   background", says its docstring. StarDist itself returns labels as int32.
# Seen: labels are cast to uint16 without a check (2D and 3D). All distances of object 65,536 are
#   zero; object 65,537 beside object 1 is one object with it, so the ray crosses their border (11.5
#   instead of 3.5 pixels). `edt_prob`, the other target of the training, is right for both, so the
#   network is told "object here" and "its radius is nothing".
# Versions: stardist 0.9.2, csbdeep 0.8.2; seen on 2026-11-29, Python 3.11, Linux.
# Known: no issue was found (188 in stardist is about saving labels as int16, a different cast).
# Matters: training pairs cut from slides and volumes keep the ids of the whole image. Renumber each
#   crop before it goes to StarDist; no comparison with it on large images is fair without that.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
# StarDist imports pkg_resources, which newer setuptools do not have; Keras is not needed here.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    stardist==0.9.2 csbdeep==0.8.2 numpy==2.4.6 numba==0.68.1 scikit-image==0.26.0 setuptools==65.5.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import numpy as np
from stardist import Rays_GoldenSpiral, __version__, edt_prob, star_dist, star_dist3D

print("stardist", __version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if not np.allclose(seen, known, atol=0.01):
        sys.exit(f"stardist has changed: {what} was {known}")


for label, longest in ((1, 13.71), (65_535, 13.71), (65_536, 0), (65_537, 13.71)):
    square = np.zeros((20, 20), np.int32)
    square[5:15, 5:15] = label
    expect(f"label {label}: longest ray", star_dist(square, n_rays=8).max(), longest)
    expect(f"label {label}: edt_prob", edt_prob(square).max(), 1)

for label, down in ((2, 3.5), (65_537, 11.5)):
    pair = np.zeros((20, 20), np.int32)
    pair[5:15, 2:10], pair[5:15, 10:18] = 1, label
    ray = star_dist(pair, n_rays=4)[10, 6, 0]
    expect(f"object 1 beside {label}: ray across the border", ray, down)

for label, longest in ((1, 8.77), (65_536, 0)):
    cube = np.zeros((12, 12, 12), np.int32)
    cube[3:9, 3:9, 3:9] = label
    expect(f"volume, label {label}", star_dist3D(cube, Rays_GoldenSpiral(16)).max(), longest)
PY
