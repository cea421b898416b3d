#!/usr/bin/env bash
# napari-ome-zarr writes a zarr.json two folders above a label image that it opens.
#
# Expected: to open a file changes nothing on the disk.
# Seen: where a group has `image-label`, as OME's label images have, its image is looked for above it
#   with `zarr.open_group`, whose default mode makes a group if there is none: the folder two above
#   the label image, such as the user's folder of experiments, gets a zarr.json, and is a Zarr group
#   from then on. Images without `image-label` are opened and nothing is written.
# Versions: napari-ome-zarr 0.10.0 (the newest on Python 3.11), zarr 3.1.6; seen on 2026-12-01, Linux.
# Known: not found among its issues.
# Matters: programs take that folder for a Zarr, and list, copy or refuse it as one; a folder that may
#   not be written in cannot be read from. Delete the zarr.json where it has no attributes and the
#   folder holds other files.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari-ome-zarr==0.10.0 ome-zarr==0.18.0 zarr==3.1.6 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import zarr
from napari_ome_zarr import napari_get_reader

print("napari-ome-zarr", version("napari-ome-zarr"), "zarr", zarr.__version__)
axes = [{"name": axis, "type": "space"} for axis in "yx"]
scale = [{"type": "scale", "scale": [1.0, 1.0]}]
levels = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]


def new_files(kind, more):
    """Open a group of this kind, and return what is there afterwards that was not before."""
    root = Path(sys.argv[1]) / kind
    path = root / "experiment" / "results" / "cells.zarr"
    path.parent.mkdir(parents=True)
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=np.ones((8, 8), np.uint16), dimension_names=["y", "x"])
    group.attrs["ome"] = {"version": "0.5", "multiscales": levels, **more}
    before = {*root.rglob("*")}
    ((_, _, shown),) = napari_get_reader(str(path))(str(path))
    new = sorted(file.relative_to(root).as_posix() for file in {*root.rglob("*")} - before)
    print(f"{kind}: opened as {shown}, new files: {new}")
    return new


for kind, more, known in (
    ("image", {}, []),
    ("labels", {"image-label": {}}, ["experiment/zarr.json"]),
):
    if new_files(kind, more) != known:
        sys.exit(f"napari-ome-zarr has changed: of {kind} there were {known}")
PY
