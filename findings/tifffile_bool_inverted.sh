#!/usr/bin/env bash
# tifffile writes True and False as they are, with a tag by which 0 is white: others read the opposite.
#
# Expected: a mask that `tifffile.imwrite` wrote has its objects where other programs see white, as a
#   mask of 0 and 255 does.
# Seen: True is stored as 1, and PhotometricInterpretation is 0, WhiteIsZero, so that 1 is black.
#   Pillow and OpenCV follow the tag: objects are 0, and the background is 255. tifffile itself, and
#   what reads with it (scikit-image, imageio, napari), ignores the tag: no round trip shows it.
# Versions: tifffile 2026.3.3, Pillow 12.0.0, OpenCV 4.12.0.88; seen on 2026-11-29, Linux.
# Known: tifffile's way to read such files is in scikit-image/scikit-image#1940 and imageio/imageio#355; no
#   issue and no sentence in the documentation was found about those that it writes.
# Matters: masks of training data are inverted between two programs without a warning. Write
#   `mask.astype("u1") * 255`, or give `photometric="minisblack"`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tifffile==2026.3.3 numpy==2.2.6 pillow==12.0.0 opencv-python-headless==4.12.0.88
cd "$folder"
venv/bin/python - <<'PY'
import sys

import cv2
import numpy as np
import PIL
import tifffile
from PIL import Image

print("tifffile", tifffile.__version__, "Pillow", PIL.__version__, "OpenCV", cv2.__version__)
mask = np.zeros((32, 32), bool)
mask[8:16, 8:24] = True  # one object


def seen(**options):
    """Write the mask; return what each program reads where the object is."""
    tifffile.imwrite("mask.tif", mask, **options)
    with Image.open("mask.tif") as picture:
        read = {"Pillow": np.asarray(picture.convert("L"))}
    read["OpenCV"] = cv2.imread("mask.tif", cv2.IMREAD_GRAYSCALE)
    read["tifffile"] = tifffile.imread("mask.tif") * np.uint8(255)
    for name, pixels in read.items():
        if len(np.unique(pixels[mask])) > 1 or len(np.unique(pixels[~mask])) > 1:
            sys.exit(f"{name} has changed: it does not read a mask")
    return {name: int(pixels[12, 12]) for name, pixels in read.items()}


for options, known in (
    ({}, {"Pillow": 0, "OpenCV": 0, "tifffile": 255}),
    ({"photometric": "minisblack"}, {"Pillow": 255, "OpenCV": 255, "tifffile": 255}),
):
    found = seen(**options)
    print(f"imwrite(mask{''.join(f', {k}={v}' for k, v in options.items())}): object is {found}")
    if found != known:
        sys.exit(f"it has changed: this was {known}")
PY
