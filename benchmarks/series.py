"""A time series on the command line beside its frames as files: time for each, and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import tifffile

from .memory import Watch, anonymous
from .table import Row

MODEL = "nuclei-2d"


def measure(quick: bool = False) -> list[Row]:
    """Predict 200 frames of 512 x 512 as one file, as files, and a quarter of them as one file."""
    edge, frames = (128, 8) if quick else (512, 200)
    kinds = (("one file", frames // 4), ("one file", frames), ("a file each", frames))
    rows = []
    for kind, count in kinds:
        command = [sys.executable, "-m", "benchmarks.series", kind, str(count), str(edge)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


def main(kind: str, count: int, edge: int) -> None:
    """Predict frames, and print a row as JSON."""
    import torch

    from napari_spatial_embeddings import cli, samples

    torch.set_num_threads(2)
    nuclei = samples.nuclei(0, edge).image[0]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tifffile.imwrite(folder / "one.tif", nuclei)
        tifffile.imwrite(folder / "two.tif", np.stack([nuclei] * 2), metadata={"axes": "TYX"})

        def predict(what: Path) -> None:
            with redirect_stdout(StringIO()):
                flags = "--model", MODEL, "--output", str(folder / "out"), "--device", "cpu"
                assert cli.main(["predict", str(what), *flags, "--table", "--json"]) == 0

        for warm in ("one", "two"):  # compiles and imports
            predict(folder / f"{warm}.tif")
        series = np.stack([np.roll(nuclei, rng.integers(0, edge, 2), (0, 1)) for _ in range(count)])
        (folder / "in").mkdir()
        if kind == "one file":
            tifffile.imwrite(folder / "in" / "movie.tif", series, metadata={"axes": "TYX"})
        else:
            for t, frame in enumerate(series):
                tifffile.imwrite(folder / "in" / f"{t:03}.tif", frame)
        del series
        before, watch = anonymous(), Watch()
        watch.start()
        start = time.perf_counter()
        predict(folder / "in")
        seconds = time.perf_counter() - start
        watch.over.set()
        watch.join()
    row = {
        "frames": f"{count} of {edge} x {edge}",
        "as": kind,
        "ms a frame": round(1e3 * seconds / count),
        "peak memory above that of one image": f"{watch.peak - before:,.0f} MB",
    }
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
