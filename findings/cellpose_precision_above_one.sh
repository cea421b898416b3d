#!/usr/bin/env bash
# Cellpose scores a perfect segmentation of tissue without gaps above 1, up to infinity.
#
# Expected: `cellpose.metrics.average_precision` is TP / (TP + FP + FN), as its docstring says, so
#   identical masks score 1.
# Seen: it counts the objects as `len(np.unique(masks)) - 1`, which takes one value for background.
#   Where every pixel belongs to a cell, there is none: FP and FN become -1, nine cells score 1.29,
#   four 2, two infinity, one nan. `utils.outlines_list`, on which the export of ImageJ ROIs rests,
#   passes over the first of the nine cells for the same reason. One pixel of background mends both.
# Versions: cellpose 4.2.1.1 (needs torch to import; no model is loaded); seen on 2026-11-29,
#   Python 3.11, Linux.
# Known: not found among Cellpose's issues; deepcell-toolbox mended the same count in its pull
#   request 54 in 2020.
# Matters: confluent layers, and crops and tiles of them, raise a mean AP instead of lowering it. Who
#   compares with Cellpose computes the scores for all methods with a function that counts ids above 0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
# What the metrics and outlines import; the networks' own requirements are left out.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 torch==2.13.0 opencv-python-headless tqdm==4.70.1 \
    fastremap==1.21.0 fill-voids==2.1.2
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps cellpose==4.2.1.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
from cellpose import metrics, utils

print("cellpose", version("cellpose"))


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if not np.array_equal(seen, known, equal_nan=True):
        sys.exit(f"cellpose has changed: {what} was {known}")


def tissue(*cells):
    """Return square cells side by side, of 8 x 8 pixels each, without a gap."""
    ids = np.arange(1, 1 + np.prod(cells)).reshape(cells)
    return np.kron(ids, np.ones((8, 8), int))


def score(masks):
    """Return AP, TP, FP and FN of masks that are compared with themselves."""
    return [round(float(v[0]), 2) for v in metrics.average_precision(masks, masks, [0.5])]


nine = tissue(3, 3)
expect("nine cells, no gap: AP, TP, FP, FN", score(nine), [1.29, 9, -1, -1])
for cells, precision in ((4, 2.0), (2, np.inf), (1, np.nan)):
    expect(f"{cells} cells, no gap: AP", score(tissue(1, cells))[0], precision)
expect("nine cells, no gap: outlines", len(utils.outlines_list(nine)), 8)
nine[0, 0] = 0
expect("one pixel of background: AP, TP, FP, FN", score(nine), [1, 9, 0, 0])
expect("one pixel of background: outlines", len(utils.outlines_list(nine)), 9)
PY
