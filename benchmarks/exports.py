"""Files of outlines of 100,000 objects: seconds, memory and size of each format.

``python -m benchmarks.exports``: a label image of 8192 x 8192 pixels, each format written by the
command line in a process of its own. ``python -m benchmarks.exports --stop``: each is stopped half
way, and by Ctrl+C, and what is left is looked at.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray

from napari_spatial_embeddings.cli.exporting.command import FORMATS as FORMATS_OF
from napari_spatial_embeddings.export import export_steps
from napari_spatial_embeddings.export.from_labels import segmented_labels

from . import page, table

EDGE, CELL = 8192, 26
"""Pixels along the image, and from one object to the next."""

FORMATS = ("roi", "geojson", "coco", "shapes", "table", "seg", "ome-zarr")
STOPPED = ("roi", "geojson", "coco", "shapes", "table")
"""Those that report while they write."""

IN_THE_MIDDLE, LATEST = 15, 120
"""Seconds after which a table is stopped, which is written at once, and other files not begun."""


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


def stop(folder: Path, labels: NDArray[np.int32], kind: str) -> table.Row:
    """Stop an export when half is written, and one by Ctrl+C; return how that went.

    Raises
    ------
    RuntimeError
        If anything is left of either.
    """
    out = folder / f"{kind} stopped"
    reports, pause, first = 0, 0.0, 0.0
    last = time.perf_counter()
    steps = export_steps(out, segmented_labels("cells", labels), [FORMATS_OF[kind]])
    with closing(steps):  # type: ignore[type-var]
        for step in steps:
            now = time.perf_counter()
            first, pause = (first, max(pause, now - last)) if reports else (now - last, 0.0)
            reports, last = reports + 1, now
            if step.done >= step.total / 2 and step.total > 1:
                break
    seconds = time.perf_counter() - last
    command = ["-m", "napari_spatial_embeddings.cli", "export", str(folder / "cells.tif")]
    command += ["--format", kind, "--output", str(out)]
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
    end = time.perf_counter() + (IN_THE_MIDDLE if kind == "table" else LATEST)
    while time.perf_counter() < end and not [*out.glob(".*.part")]:
        time.sleep(0.05)
    time.sleep(1)  # in the middle of it
    process.send_signal(signal.SIGINT)
    start = time.perf_counter()
    _, err = process.communicate()
    if left := [path.name for path in out.iterdir()] if out.exists() else []:
        raise RuntimeError(f"{kind}: {left} was left")
    return {
        "format": kind,
        "objects written": f"{step.done:,} of {step.total:,}",
        "reports until then": reports,
        "first after, s": f"{first:.2f}",
        "longest time between two, s": f"{pause:.2f}",
        "stopped after, s": f"{seconds:.2f}",
        "Ctrl+C: ended after, s": f"{time.perf_counter() - start:.2f}",
        "exit code": process.returncode,
        "and its sentence": err.splitlines()[-1],
    }


def main() -> None:
    """Measure every format, or those that are named, and remember the rows."""
    names = [name for name in sys.argv[1:] if name != "--stop"]
    stopping = len(names) < len(sys.argv) - 1
    with tempfile.TemporaryDirectory() as name:
        labels = cells(np.random.default_rng(0))
        tifffile.imwrite(Path(name) / "cells.tif", labels.astype(np.uint32), compression="zlib")
        if stopping:
            rows = [stop(Path(name), labels, kind) for kind in names or STOPPED]
        else:
            rows = [run(Path(name), kind) for kind in names or FORMATS]
    print(table.markdown(rows))
    table.remember("stopped" if stopping else "exports", rows, 2)
    page.write()


if __name__ == "__main__":
    main()
