#!/usr/bin/env bash
# napari announces a polygon, a fill and an edited pixel before it changes the data, a stroke after it.
#
# Expected: `labels.events.paint` comes when something was painted, so a callback that looks at
#   `labels.data` sees it: that is what a plugin needs which counts, saves or validates annotations.
# Seen: paint(), paint_polygon(), fill() and data_setitem() emit the event with the pixels still as
#   they were; the change follows. For a stroke of the brush (several paint() calls in
#   `block_history`) the event comes once, at the end, with all pixels in place. Undo and redo emit
#   nothing. So a plugin that was tried with the brush works, and misses polygons and fills.
# Versions: napari 0.9.2; seen on 2026-11-29, Python 3.11, Linux, without a window.
# Known: not found among napari's issues; pull request 4702, which brought the event, wants it
#   emitted whenever the data change.
# Matters: the event's value (indices, values before, values after) is right in both cases; use it, or
#   look at the data later, and watch undo and redo by other means.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 numpy==2.4.6 scikit-image==0.26.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import napari
import numpy as np
from napari.layers import Labels

print("napari", napari.__version__)
layer = Labels(np.zeros((20, 20), np.int32))
seen = []
layer.events.paint.connect(lambda event: seen.append(painted()))


def painted():
    return int((layer.data > 0).sum())


def stroke():
    with layer.block_history():
        layer.paint((15, 15), 4)
        layer.paint((15, 16), 4)


for what, act, known in (
    ("brush stroke", stroke, "after"),
    ("polygon", lambda: layer.paint_polygon([[2, 2], [2, 8], [8, 8], [8, 2]], 3), "before"),
    ("single paint", lambda: layer.paint((3, 15), 2), "before"),
    ("fill", lambda: layer.fill((0, 0), 5), "before"),
    ("one pixel", lambda: layer.data_setitem((np.array([0]), np.array([0])), 0), "before"),
    ("undo", layer.undo, "none"),
    ("redo", layer.redo, "none"),
):
    seen.clear()
    before = painted()
    act()
    after = painted()
    assert before != after
    when = {(): "none", (before,): "before", (after,): "after"}.get(tuple(seen), "otherwise")
    print(f"{what}: {before} pixels before, {seen} in the event, {after} after: {when}")
    if when != known:
        sys.exit(f"napari has changed: the event of a {what} was: {known}")
PY
