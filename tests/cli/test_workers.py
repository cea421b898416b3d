"""``predict --scheduler``: the command without its scheduler, and with another one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from command_line import done
from label_files import ome_zarr
from napari_spatial_embeddings import PROGRAM, samples
from napari_spatial_embeddings.files import read_labels

BLOCKS = "--block", 160, "--tile", 256
QUIET = subprocess.DEVNULL


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and a worker, as a user would; yield its address, and it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    python = sys.executable, "-m"
    one = *python, "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"
    other = *python, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"
    both = [
        subprocess.Popen(command, cwd=folder, stdout=QUIET, stderr=QUIET)
        for command in (one, other)
    ]
    try:
        yield address, both[0]
    finally:
        for process in both:
            process.terminate()
        for process in both:
            process.wait(30)


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not happened():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.slow
def test_after_the_end_of_the_scheduler_it_goes_on(tmp_path: Path) -> None:
    pixels = samples.crowded_nuclei(3, 600).image[0].astype(np.uint16)
    image, output = ome_zarr(tmp_path / "a.zarr", pixels, "YX"), tmp_path / "b.zarr"
    command = "predict", image, "--model", "nuclei-2d", *BLOCKS, "--table", "--output"
    program = sys.executable, "-m", "napari_spatial_embeddings.cli"
    part = tmp_path / ".b.zarr.part"
    with scheduler(tmp_path) as (address, process):
        run = subprocess.Popen(
            [*map(str, (*program, *command, output, "--scheduler", address))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: len(list(part.glob("*/found/*.npz"))) >= 4, run)
        process.kill()
        _, err = run.communicate(timeout=60)
    kept = len(list(part.glob("*/found/*.npz")))
    assert run.returncode == 1
    kept_in, sentence = err.splitlines()
    assert kept_in == f"what is done is kept in {part}; the same command goes on from there"
    assert sentence.startswith(f"{PROGRAM}: the scheduler does not answer any more; start it")
    with scheduler(tmp_path) as (address, _):
        out = done(*command, output, "--scheduler", address).out
    assert f"{kept} of 16 blocks were done by an earlier run" in out
    done(*command, tmp_path / "c.zarr")
    np.testing.assert_array_equal(read_labels(output), read_labels(tmp_path / "c.zarr"))
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()
