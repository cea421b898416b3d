#!/usr/bin/env bash
# regionprops of scikit-image applies `offset` to some properties, in pixels or units, and not to others.
#
# Expected: `regionprops(block, offset=corner)` measures an object in a block as in the whole image;
#   the documentation has it for "regionprops of subvolumes within a larger volume".
# Seen: without spacing, `centroid`, `coords` and `coords_scaled` are those of the whole image, but
#   `centroid_weighted`, `bbox` and `slice` stay the block's. With spacing no offset serves: given
#   in pixels, `coords` is right and `centroid` wrong (the offset is added after the scaling: 42.25
#   instead of 22.25); given in units, `centroid` is right and `coords` mixes pixels with units (22
#   instead of 42). `regionprops_table` takes no offset at all.
# Versions: scikit-image 0.26.0; seen on 2026-11-29, Python 3.11, Linux.
# Known: the pull request that brought it (3706, 2019) names coords and centroid, before there was
#   spacing; no issue about the rest was found.
# Matters: tables of images larger than memory are measured block by block. Measure without offset
#   and without spacing, then move positions by the corner and scale them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-image==0.26.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PY'
import inspect
import sys

import numpy as np
import skimage
from skimage.measure import regionprops, regionprops_table

print("scikit-image", skimage.__version__)
names = ("centroid", "coords_scaled", "coords", "centroid_weighted", "bbox", "slice")
labels = np.zeros((60, 60), int)
labels[42:48, 31:39] = 1
intensity = np.add.outer(np.arange(60.0), np.arange(60.0))
corner = np.array([40, 30])
block = tuple(slice(c, c + 20) for c in corner)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"scikit-image has changed: {what} was {known}")


def same(spacing, offset):
    """Return the properties that a block's object has as it has them in the whole image."""
    (whole,) = regionprops(labels, intensity, spacing=spacing)
    (part,) = regionprops(
        labels[block], intensity[block], spacing=spacing, offset=tuple(offset)
    )

    def value(region, name):
        found = getattr(region, name)
        return [(s.start, s.stop) for s in found] if name == "slice" else found

    return [n for n in names if np.allclose(value(whole, n), value(part, n))]


one, some = (1, 1), (0.5, 0.25)
expect("no spacing: the same as in the image", same(one, corner), list(names[:3]))
expect("spacing, offset in pixels: the same", same(some, corner), ["coords"])
expect("spacing, offset in units: the same", same(some, corner * some), list(names[:2]))
parameters = inspect.signature(regionprops_table).parameters
expect("regionprops_table takes an offset", "offset" in parameters, False)
PY
