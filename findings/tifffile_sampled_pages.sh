#!/usr/bin/env bash
# tifffile reads a differing page of a long TIFF with the first page's type and compression.
#
# Expected: pages that differ from the first go into a series of their own, as they do in a file of
#   six pages, or are refused.
# Seen: from the ninth page on, a file without metadata is taken for one stack if pages 1, 7 and the
#   last look like page 0; the others are not looked at. Of twelve 8-bit pages, one of 16 bits at
#   index 3 comes back as 8-bit noise; one that is compressed, as its compressed bytes. Neither raises
#   nor warns, and `is_uniform` is True. If the odd page has another size, nothing of the file can be
#   read through `series` or `asarray` ("incompatible keyframe"); at index 7, or in a file of six, it
#   is put aside as it should be.
# Versions: tifffile 2026.3.3 (the newest on Python 3.11); seen on 2026-11-29, Linux. The release of
#   2026-07-14 has the same lines.
# Known: a comment in `TiffFile.is_uniform` says which pages are sampled; no issue and no sentence
#   in the documentation was found.
# Matters: stacks that were put together page by page (a program that leaves incompressible pages
#   uncompressed, a mask or thumbnail in between) give wrong pixels. A reader that must be right
#   compares every page's shape, dtype and compression, or opens pages one by one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import io
import sys

import numpy as np
import tifffile

print("tifffile", tifffile.__version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"tifffile has changed: {what} was {known}")


def stack(count=12, odd=3, size=8, dtype=np.uint8, compression=None):
    """Return a TIFF whose page i is filled with i, but one page is `odd`."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for i in range(count):
            page = np.full((8, 8) if i != odd else (size, size), i, np.uint8 if i != odd else dtype)
            kind = compression if i == odd else None
            writer.write(page, photometric="minisblack", metadata=None, compression=kind)
    return file.getvalue()


def read(file, index):
    """Return the series' shapes, and whether page `index` has its right value everywhere."""
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        try:
            shapes = [series.shape for series in tiff.series]
        except RuntimeError as error:
            return f"RuntimeError: {error}"
        return shapes, bool((tiff.asarray()[index] == index).all())


def alone(file, index):
    """Return whether page `index` is right where it is opened by itself."""
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        return bool((tiff.pages[index].asarray() == index).all())


whole = [(12, 8, 8)]
expect("twelve alike", read(stack(), 3), (whole, True))
expect("page 3 of 16 bits", read(stack(dtype=np.uint16), 3), (whole, False))
expect("page 3 compressed", read(stack(compression="zlib"), 3), (whole, False))
expect("page 3 compressed, opened alone", alone(stack(compression="zlib"), 3), True)
expect("page 3 smaller", read(stack(size=4), 3), "RuntimeError: incompatible keyframe")
expect("page 7 smaller", read(stack(odd=7, size=4), 3), ([(11, 8, 8), (4, 4)], True))
expect("six pages, page 3 smaller", read(stack(6, size=4), 2), ([(5, 8, 8), (4, 4)], True))
PY
