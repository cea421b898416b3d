"""Speed and memory of ``predict``: beside an older build, and as images grow.

``python -m benchmarks.speed IMAGES [--old SOURCE] [--sizes] [--volume IMAGE] [--page]``: IMAGES is
a folder of images of nuclei of 256 x 256 pixels or more, which are mirrored into larger ones.
SOURCE is the folder ``src`` of another state of this project, which runs in the same environment,
in turn with this one. Each run is the command line's own, in a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from napari_spatial_embeddings.core.metrics import pooled, score
from napari_spatial_embeddings.files import read_image

from . import page, table
from .runs import Run, mosaic, predict, volume

MODEL = "nuclei-2d"
SIZES = 2048, 4096, 8192, 16384
PART = 2048
"""Edge of what two results are compared in at once."""

VOLUMES = (128, 256, 256), (128, 512, 512), (128, 1024, 1024)


def beside_old(folder: Path, images: Path, old: Path, edge: int, rounds: int) -> list[table.Row]:
    """Predict an image by both builds in turn, with and without its maps as a file."""
    mosaic(images, folder / "image.zarr", edge)
    image = folder / "image.tif"
    tifffile.imwrite(image, np.asarray(zarr.open_group(folder / "image.zarr", mode="r")["0"]))
    rows: list[table.Row] = []
    for name, flags in (("labels, table", ("--table",)), ("maps too", ("--table", "--maps"))):
        best: dict[str, Run] = {}
        for turn in range(rounds):
            builds = {"this build": {}, "older build": {"source": old}}
            for build in list(builds)[:: 1 if turn % 2 else -1]:
                output = folder / build.split()[0]
                shutil.rmtree(output, ignore_errors=True)
                done = predict(image, output, "--model", MODEL, *flags, **builds[build])
                print(name, build, done, flush=True)
                if build not in best or done.seconds < best[build].seconds:
                    best[build] = done
        labels = [tifffile.imread(folder / b / "image.tif") for b in ("older", "this")]
        same = agreement(*labels)
        for build, done in best.items():
            here = labels[build == "this build"]
            row = {
                "image": f"{edge} x {edge}",
                "written": name,
                "build": build,
                "seconds": round(done.seconds, 1),
                "seconds of both processors": round(done.processor, 1),
                "peak memory": f"{done.peak:.1f} GB",
                "objects": int(here.max()),
            }
            if build == "this build":
                row["times as fast"] = round(best["older build"].seconds / done.seconds, 2)
                row["the same objects at IoU 0.5, 0.9"] = same
            rows.append(row)
    return rows


def agreement(one: NDArray[np.integer], other: NDArray[np.integer]) -> str:
    """Return the AP of one label image against another at two thresholds, part by part."""
    parts = []
    for y, x in itertools.product(*(range(0, n, PART) for n in one.shape)):
        part = slice(y, y + PART), slice(x, x + PART)
        parts.append(score(one[part], other[part], (0.5, 0.9)))
    return ", ".join(f"{ap:.4f}" for ap in pooled(parts).ap)


def growing(folder: Path, paths: list[tuple[tuple[int, ...], Path]], model: str) -> list[table.Row]:
    """Predict larger and larger images from one store into another; the first one is the start."""
    rows: list[table.Row] = []
    start = first = 0.0
    for shape, path in paths:
        output = folder / "labels.zarr"
        shutil.rmtree(output, ignore_errors=True)
        done = predict(path, output, "--model", model)
        print(shape, done, flush=True)
        if not start:
            start = done.seconds
            continue
        size = np.prod(shape) / 1e6
        each = (done.seconds - start) / size
        first = first or each
        rows.append(
            {
                "image": " x ".join(map(str, shape)),
                "objects": done.said.splitlines()[-1].split(": ")[-1].split()[0],
                "seconds": round(done.seconds, 1),
                "seconds per million pixels, without the start": f"{each:.3f}",
                "of the smallest's": f"{each / first:.2f}",
                "peak memory": f"{done.peak:.1f} GB",
            }
        )
    return rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--old", type=Path, metavar="SOURCE", help="src of an older build")
    parser.add_argument("--edge", type=int, default=8192, help="of the image for both [8192]")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each; the best counts [2]")
    parser.add_argument("--sizes", action="store_true", help="larger and larger images")
    parser.add_argument("--volume", type=Path, metavar="IMAGE", help="a volume of nuclei to mirror")
    parser.add_argument("--most", type=int, default=16384, help="edge of the largest image [16384]")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    found: dict[str, list[table.Row]] = {}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        if options.old:
            edge, rounds = options.edge, options.rounds
            found["speed"] = beside_old(folder, options.images, options.old, edge, rounds)
        if options.sizes:
            paths = []
            for n in (512, *(n for n in SIZES if n <= options.most)):
                paths.append(((n, n), folder / f"{n}.zarr"))
                mosaic(options.images, paths[-1][1], n)
            found["sizes"] = growing(folder, paths, MODEL)
        if options.volume:
            voxels = np.asarray(read_image(options.volume).data[0], np.float32)
            halves = [n // 2 * 2 for n in voxels.shape]
            z, y, x = (n // 2 for n in halves)
            piece = voxels[tuple(slice(0, n) for n in halves)].reshape(z, 2, y, 2, x, 2)
            piece = piece.mean((1, 3, 5)) * 16  # nuclei as wide as the model knows them
            paths = []
            for shape in ((64, 64, 64), *(s for s in VOLUMES if s[-1] <= options.most)):
                paths.append((shape, folder / f"{shape[-1]}-3d.zarr"))
                volume(piece, paths[-1][1], shape)
            found["volumes"] = growing(folder, paths, "nuclei-3d")
    for section, rows in found.items():
        print(f"\n{section}\n{table.markdown(rows)}", flush=True)
        if options.page:
            table.remember(section, rows, 2)
    if options.page:
        print(f"\nwritten: {page.write()}")


if __name__ == "__main__":
    main()
