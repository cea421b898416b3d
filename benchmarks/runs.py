"""Runs of the command line in processes of their own, and images for them."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_spatial_embeddings.files import find_images, read_image

PIECE, CHUNK = 256, 512
SOURCE = Path(__file__).parent.parent / "src"


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took.

    Parameters
    ----------
    seconds, processor : float
        Of the clock, and of all processors.
    peak : float
        Resident memory in GB, the most that its process had.
    said : str
        What it printed.
    """

    seconds: float
    processor: float
    peak: float
    said: str


def run(
    *arguments: object, python: str = sys.executable, source: Path = SOURCE, threads: int = 2
) -> Run:
    """Run Python with arguments, and a program's source on its path.

    Raises
    ------
    SystemExit
        If it fails, with what it said.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    start = time.perf_counter()
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [python, *map(str, arguments)], env=environment, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said, complaints = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{said}{complaints}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6, said)


def predict(image: Path, output: Path, *more: object, **how: object) -> Run:
    """Segment an image by the command line."""
    command = ("-m", "napari_spatial_embeddings.cli", "predict", image, "--output", output)
    return run(*command, "--device", "cpu", *more, **how)  # type: ignore[arg-type]


def mirrored(piece: NDArray[np.generic], window: tuple[slice, ...]) -> NDArray[np.generic]:
    """Return a part of the endless image that a piece becomes when it is mirrored at its edges."""
    index = []
    for part, n in zip(window, piece.shape, strict=True):
        at = np.arange(part.start, part.stop) % (2 * n)
        index.append(np.where(at < n, at, 2 * n - 1 - at))
    return piece[np.ix_(*index)]


def store(path: Path, shape: tuple[int, ...], chunk: int) -> zarr.Array:
    """Make an OME-Zarr of one level, 16 bit; return its array."""
    axes = [{"name": name, "type": "space"} for name in "zyx"[-len(shape) :]]
    scale = [{"type": "scale", "scale": [1.0] * len(shape)}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group = zarr.open_group(path, mode="w")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    chunks = tuple(min(chunk, n) for n in shape)
    return group.create_array("0", shape=shape, chunks=chunks, dtype="uint16")


def mosaic(images: Path, path: Path, edge: int) -> None:
    """Write an OME-Zarr of crops side by side, every second row and column of them mirrored."""
    array, crops = store(path, (edge, edge), CHUNK), list(_crops(images))
    random.Random(0).shuffle(crops)
    row = np.empty((CHUNK, edge), np.uint16)
    for y in range(0, edge, CHUNK):
        for i, j in itertools.product(range(CHUNK // PIECE), range(edge // PIECE)):
            at = y // PIECE + i, j
            crop = crops[(at[0] // 2 * 7 + at[1] // 2) % len(crops)]
            part = (slice(i * PIECE, (i + 1) * PIECE), slice(j * PIECE, (j + 1) * PIECE))
            row[part] = crop[:: 1 - 2 * (at[0] % 2), :: 1 - 2 * (at[1] % 2)]
        array[y : y + CHUNK] = row


def _crops(images: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the corners of images that are large enough, as bright as each other."""
    for file in find_images([str(images)]):
        pixels = np.asarray(read_image(file).data[0], np.float32)
        if min(pixels.shape) >= PIECE:
            pixels = pixels[:PIECE, :PIECE]
            low, high = np.percentile(pixels, (1, 99.8))
            yield np.clip((pixels - low) / max(1, high - low) * 4000, 0, 65535)


def volume(piece: NDArray[np.generic], path: Path, shape: tuple[int, ...]) -> None:
    """Write an OME-Zarr that a small volume becomes when it is mirrored again and again."""
    array = store(path, shape, 64)
    for z in range(0, shape[0], 64):
        part = slice(z, min(z + 64, shape[0])), *(slice(0, n) for n in shape[1:])
        array[part] = mirrored(piece, part).astype(np.uint16)
