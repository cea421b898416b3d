#!/usr/bin/env bash
# napari's `refresh` does not show what changed in the coarsest level of a multiscale layer.
#
# Expected: `layer.refresh()` reads what is in view again, at any zoom. That is how labels appear that
#   a segmentation writes block by block into a store, and how an edited level is shown.
# Seen: of a 2D layer, the coarsest level is read whole when the layer is made, and kept. Zoomed out,
#   where that level is what one sees, `refresh` shows the old pixels for ever, and so does the
#   thumbnail, while finer levels are read anew: what appears when one zooms in is gone when one zooms
#   out. The cursor's value comes from the kept pixels as well. A layer of one level is right.
# Versions: napari 0.9.2; seen on 2026-11-30, Linux.
# Known: the level is kept since napari/napari#8715, for speed, with data in mind that do not change;
#   that `refresh` no longer shows changes was not found.
# Matters: a viewer that shows a running segmentation of a slide shows none of it at the zoom that shows
#   the slide. Set `layer.data` again, which changes the level until the next drawing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 zarr==3.1.6 numpy==2.4.6
cd "$folder"
cat > refresh.py <<'PY'
import sys

import napari
import numpy as np
import zarr
from napari.components import ViewerModel
from napari.layers import Labels

print("napari", napari.__version__, "zarr", zarr.__version__)


def written(count):
    """Show labels of some levels, write an object into each, refresh; return what is shown."""
    levels = [
        zarr.create_array(f"{count}-{k}", shape=(1024 >> k,) * 2, chunks=(256, 256), dtype="i4")
        for k in range(count)
    ]
    viewer = ViewerModel()
    layer = viewer.add_layer(Labels(levels if count > 1 else levels[0], multiscale=count > 1))
    for k, level in enumerate(levels):
        level[: 512 >> k, : 512 >> k] = 7
    layer.refresh()
    at = (100, 100)
    stored = int(levels[-1][100 >> (count - 1), 100 >> (count - 1)])
    return layer, stored, layer.get_value(at, world=False), bool(layer.thumbnail[..., :3].any())


_, stored, value, thumbnail = written(1)
print(f"one level: {stored} is stored, {value} is shown, in the thumbnail: {thumbnail}")
right = value == 7 and thumbnail
layer, stored, value, thumbnail = written(3)
print(f"three levels: {stored} is stored, {value} is shown, in the thumbnail: {thumbnail}")
layer.data = list(layer.data)
after = layer.get_value((100, 100), world=False)
shown = bool(layer.thumbnail[..., :3].any())
print(f"the data set again: {after} is shown, in the thumbnail: {shown}")
if not right or stored != 7:
    sys.exit("it has changed: a layer of one level was refreshed")
if thumbnail or np.any(value == 7) or (isinstance(value, tuple) and 7 in value):
    sys.exit("it has changed: the coarsest level stayed as it was when the layer was made")
if not shown:
    sys.exit("it has changed: setting the data again read it")
PY
venv/bin/python -W ignore refresh.py
