#!/usr/bin/env bash
# bioio reports an unknown pixel size of a CZI as 0 micrometers, not as unknown.
#
# Expected: `physical_pixel_sizes` has None for an axis whose size the file does not know: each is
#   declared as `Optional[float]`.
# Seen: Zeiss writes a distance of 0 for a size that is unknown (here its own library does, for a
#   file without scaling and for the z of a single plane), and bioio-czi passes it on: Z=0.0, Y=0.0,
#   X=0.0 in both of its modes. The coordinates of `xarray_data` are then 0 for every row and column.
#   (By its source, None comes for z alone, where the entry itself is missing.)
# Versions: bioio 3.6.0, bioio-czi 3.0.1, pylibCZIrw 6.1.0 (which writes the file), aicspylibczi
#   4.0.1; seen on 2026-11-29, Python 3.11, Linux.
# Known: libCZI's issue 31 shows a file from a microscope with distances of 0; nothing about bioio-czi
#   was found.
# Matters: a calibrated plane has a z of 0, too, as the second case shows. A scale of 0 divides by zero or
#   makes a layer without extent: take 0 for unknown.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    bioio==3.6.0 bioio-base==3.5.0 bioio-czi==3.0.1 pylibCZIrw==6.1.0 aicspylibczi==4.0.1 \
    numpy==2.4.6 dask==2026.8.0 xarray==2026.9.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
from importlib.metadata import version

import bioio_czi
import numpy as np
from bioio import BioImage
from pylibCZIrw import czi

print("bioio", version("bioio"), "bioio-czi", version("bioio-czi"))


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"bioio-czi has changed: {what} was {known}")


def image(name, slices=1, aics=False, **scale):
    """Return a CZI of 16 x 20 pixels, as bioio opens it."""
    with czi.create_czi(name, exist_ok=True) as file:
        for z in range(slices):
            file.write(np.full((16, 20, 1), z + 1, np.uint16), plane={"Z": z, "C": 0, "T": 0})
        if scale:
            file.write_metadata("document", **scale)
    return BioImage(name, reader=bioio_czi.Reader, use_aicspylibczi=aics)


for mode in (False, True):
    name = "aicspylibczi" if mode else "pylibczirw"
    unknown = image("unknown.czi", aics=mode)
    expect(f"{name}, no scaling", tuple(unknown.physical_pixel_sizes), (0.0, 0.0, 0.0))
    plane = image("plane.czi", aics=mode, scale_x=5e-7, scale_y=5e-7)
    expect(f"{name}, plane of 0.5 um", tuple(plane.physical_pixel_sizes), (0.0, 0.5, 0.5))
    volume = image("volume.czi", 3, mode, scale_x=5e-7, scale_y=5e-7, scale_z=2e-6)
    expect(f"{name}, volume", tuple(volume.physical_pixel_sizes), (2.0, 0.5, 0.5))
rows = image("unknown.czi").xarray_data.coords["Y"].values
expect("rows' coordinates, no scaling", sorted(set(rows.tolist())), [0.0])
PY
