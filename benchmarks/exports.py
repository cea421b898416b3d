"""Files of outlines of 100,000 objects: seconds, memory and size of each format.

``python -m benchmarks.exports``: a label image of 8192 x 8192 pixels, each format written by the
command line in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray

from . import page, table

EDGE, CELL = 8192, 26
"""Pixels along the image, and from one object to the next."""

FORMATS = ("roi", "geojson", "coco", "table", "seg", "ome-zarr")


def cells(rng: np.random.Generator) -> NDArray[np.int32]:
    """Return discs with uneven borders that nearly touch, some cut off, a few with a hole."""
    count = EDGE // CELL + 1
    labels = np.zeros((count * CELL, count * CELL), np.int32)
    y, x = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    for k in range(count * count):
        wave = 1 + 0.15 * np.sin(rng.integers(2, 6) * angle + rng.uniform(0, 6))
        inside = radius < rng.uniform(8, 11.5) * wave
        if k % 50 == 0:
            inside &= radius > 3
        row, column = divmod(k, count)
        at = slice(row * CELL, (row + 1) * CELL), slice(column * CELL, (column + 1) * CELL)
        labels[at][inside] = k + 1
    return np.ascontiguousarray(labels[:EDGE, :EDGE])


def run(folder: Path, kind: str) -> table.Row:
    """Export in one format, and return what it took."""
    command = ["-m", "napari_spatial_embeddings.cli", "export", str(folder / "cells.tif")]
    command += ["--format", kind, "--output", str(folder / kind), "--json"]
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    out, _ = process.communicate()
    (written,) = json.loads(out)["written"]
    path = Path(written["file"])
    size = sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")))
    return {
        "format": kind,
        "objects": f"{written['objects']:,}",
        "seconds": f"{seconds:.1f}",
        "memory, GB": f"{peak / 1e9:.2f}",
        "file, MB": f"{size / 1e6:.0f}",
    }


def main() -> None:
    """Measure every format, or those that are named, and remember the rows."""
    with tempfile.TemporaryDirectory() as name:
        labels = cells(np.random.default_rng(0))
        tifffile.imwrite(Path(name) / "cells.tif", labels.astype(np.uint32), compression="zlib")
        rows = [run(Path(name), kind) for kind in sys.argv[1:] or FORMATS]
    print(table.markdown(rows))
    table.remember("exports", rows, 2)
    page.write()


if __name__ == "__main__":
    main()
