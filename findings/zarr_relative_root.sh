#!/usr/bin/env bash
# zarr loses chunks of a store that is opened by a relative path which occurs again in its keys.
#
# Expected: an array opened as "c" has the chunks that it has when it is opened by its whole path.
# Seen: `LocalStore.list` and `list_prefix` take the root off a file's path by
#   `path.replace(root + "/", "")`, everywhere it occurs. Of an array in the folder `c`, its chunks
#   being `c/c/0/0`, keys become `0/0`: `nchunks_initialized` is 0 of 12 without any error, and
#   `nbytes_stored` raises FileNotFoundError. Of a level `0` in an image `0`, as a field of a plate
#   has it, and of `cells/nuclei_cells`, `nchunks_initialized` raises ValueError ("The first
#   component of nuclei_zarr.json does not start with nuclei_cells."). Reading pixels works. By the
#   whole path all of it is right.
# Versions: zarr 3.1.6 (the newest on Python 3.11); seen on 2026-11-30, Linux.
# Known: not found among the issues of zarr-python (#2861 was about all arrays in groups, and is
#   mended); visible in zarr/storage/_local.py.
# Matters: who works in the folder of a well opens its fields as "0". A check that no chunk is
#   missing (a copy that ended early reads as black) takes a whole image for an empty one, or fails.
#   Open stores by their absolute path.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import os
import sys

import numpy as np
import zarr

print("zarr", zarr.__version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"zarr has changed: {what} was {known}")


def outcome(read):
    try:
        return read()
    except (ValueError, FileNotFoundError) as error:
        return type(error).__name__


pixels = np.ones((20, 30), "u1")
zarr.create_array("c", data=pixels, chunks=(8, 8))
for group, array in (("0", "0"), ("cells", "nuclei_cells")):
    zarr.create_group(group).create_array(array, data=pixels, chunks=(8, 8))

cases = ("c", "", 0), ("0", "0", "ValueError"), ("cells", "nuclei_cells", "ValueError")
for path, inside, chunks in cases:
    for root, known, size in (
        (path, chunks, "FileNotFoundError"),
        (os.path.abspath(path), 12, 807),
    ):
        opened = zarr.open(root, mode="r")
        array = opened[inside] if inside else opened
        what = f"{path if root == path else '/.../' + path} {inside}".rstrip()
        expect(f"chunks of {what}", outcome(lambda: array.nchunks_initialized), known)
        expect(f"bytes of {what}", outcome(array.nbytes_stored), size)
        expect(f"pixels of {what}", int(np.asarray(array[:]).sum()), 600)
PY
