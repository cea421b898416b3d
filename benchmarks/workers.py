"""Workers that share in one large image: their speed, and what is lost when something is killed.

``python -m benchmarks.workers IMAGES [--part speed|kills] [--workers 1 2] [--sizes 8192 16384]``:
IMAGES is a folder of images of nuclei of 256 x 256 pixels or more, which are mirrored into one
OME-Zarr. All runs are the command line's own, in processes of their own, into stores that are
compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import zarr
from numpy.typing import NDArray

from napari_spatial_embeddings.core.text import plural

from . import page, table
from .runs import mosaic

CLI = (sys.executable, "-m", "napari_spatial_embeddings.cli")
ENV = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
MODEL = "nuclei-2d"


def command(image: Path, output: Path, *more: object) -> list[str]:
    """Return the command that segments an image."""
    flags = ("--model", MODEL, "--output", output, "--table", "--device", "cpu")
    return [*map(str, (*CLI, "predict", image, *flags, *more))]


def run(image: Path, output: Path, *more: object) -> tuple[float, str]:
    """Segment an image; return the seconds, and what was printed."""
    start = time.perf_counter()
    done = subprocess.run(
        command(image, output, *more), env=ENV, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start, done.stdout


def labels(output: Path) -> NDArray[np.integer]:
    return np.asarray(zarr.open_group(output, mode="r")["0"])


def same(one: Path, other: Path) -> bool:
    """Whether two results are equal, labels and tables."""
    tables = [path.with_suffix(".csv").read_bytes() for path in (one, other)]
    return bool(np.array_equal(labels(one), labels(other))) and tables[0] == tables[1]


class Written(threading.Thread):
    """Watches which blocks' files are written, how often, and the room that all files take."""

    def __init__(self, output: Path) -> None:
        super().__init__(daemon=True)
        self.folder = output.with_name(f".{output.name}.part")
        self.files: dict[str, set[int]] = {}
        self.disk = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            total = 0
            for file in self.folder.glob("blocks-*/*/*"):
                with suppress(FileNotFoundError):
                    facts = file.stat()
                    total += facts.st_size
                    if file.suffix == ".npz":
                        self.files.setdefault(file.name, set()).add(facts.st_mtime_ns)
            self.disk = max(self.disk, total)

    @property
    def twice(self) -> int:
        return sum(len(times) - 1 for times in self.files.values())


@contextmanager
def watched(output: Path) -> Iterator[Written]:
    watch = Written(output)
    watch.start()
    try:
        yield watch
    finally:
        watch.over.set()
        watch.join()


def wait_for(watch: Written, blocks: int, process: subprocess.Popen[str]) -> None:
    """Wait until some blocks are done."""
    while len(watch.files) < blocks:
        if process.poll() is not None:
            raise SystemExit(process.communicate()[1])
        time.sleep(0.01)


def workers_below(pid: int) -> list[psutil.Process]:
    """Return the worker processes of a command that has its own."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            own, parent = " ".join(child.cmdline()), child.parent()
            forked = parent is not None and "forkserver" in " ".join(parent.cmdline())
            if forked or "spawn_main" in own:
                found.append(child)
    return found


def start(image: Path, output: Path, *more: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command(image, output, *more), env=ENV, stdout=pipe, stderr=pipe, text=True
    )


def killed_workers(image: Path, output: Path, blocks: int, kills: int) -> table.Row:
    """Kill a worker at random moments of one run."""
    rng = random.Random(1)
    process = start(image, output, "--workers", 2)
    with watched(output) as watch:
        for moment in sorted(rng.uniform(0.02, 0.8) * blocks for _ in range(kills)):
            wait_for(watch, max(1, round(moment)), process)
            time.sleep(rng.uniform(0, 1))
            rng.choice(workers_below(process.pid)).send_signal(signal.SIGKILL)
        _, err = process.communicate()
        if process.returncode:
            raise SystemExit(err)
    return {"killed": f"a worker, {kills} times", "blocks done twice": watch.twice}


def killed_client(image: Path, output: Path, blocks: int) -> table.Row:
    """Kill the command, and call it again."""
    with watched(output) as watch:
        process = start(image, output, "--workers", 2)
        wait_for(watch, blocks // 2, process)
        children = workers_below(process.pid)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=10)
        before = len(watch.files)
        run(image, output, "--workers", 2)
    left = f"{len(alive)} workers went on" if alive else "workers ended"
    row: table.Row = {"killed": f"the client ({left})", "blocks done twice": watch.twice}
    return {**row, "blocks done before": before}


@contextmanager
def scheduler(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and workers as on a cluster; yield its address, and it before them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {"env": ENV, "stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": folder}
    dask = (sys.executable, "-m", "distributed.cli")
    host = ("--host", address, "--no-dashboard")
    processes = [subprocess.Popen([*dask[:2], "distributed.cli.dask_scheduler", *host], **quiet)]
    one = [*dask[:2], "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    processes += [subprocess.Popen(one, **quiet) for _ in range(workers)]
    try:
        yield address, processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def killed_scheduler(image: Path, output: Path, blocks: int, folder: Path) -> table.Row:
    """Kill the scheduler, start another one, and call the command again."""
    with watched(output) as watch:
        with scheduler(folder, 2) as (address, processes):
            process = start(image, output, "--scheduler", address)
            wait_for(watch, blocks // 2, process)
            processes[0].kill()
            begin = time.perf_counter()
            _, err = process.communicate()
            seconds, before = time.perf_counter() - begin, len(watch.files)
        with scheduler(folder, 2) as (address, _):
            run(image, output, "--scheduler", address)
    print(err.strip(), flush=True)
    return {
        "killed": f"the scheduler (the command ended after {seconds:.0f} s)",
        "blocks done twice": watch.twice,
        "blocks done before": before,
    }


def speed(image: Path, folder: Path, counts: list[int]) -> list[table.Row]:
    """Compare numbers of workers of one thread each; 0 is the command's own process."""
    rows: list[table.Row] = []
    for count in counts:
        output = folder / f"{count}.zarr"
        with watched(output) as watch:
            seconds, said = run(image, output, *(("--workers", count) if count else ()))
        stated = next((line for line in said.splitlines() if " blocks: about " in line), "")
        name = f"{plural(count, 'worker')} of one thread" if count else "this process, one thread"
        rows.append({"where": name, "seconds": round(seconds, 1), "stated": stated})
        rows[-1]["disk taken"] = f"{watch.disk / 1e6:.0f} MB"
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        rows[-1]["largest process so far"] = f"{most:.1f} GB"
        assert same(output, folder / f"{counts[0]}.zarr"), rows[-1]
        print(rows[-1], flush=True)
    if 1 in counts:
        one = rows[counts.index(1)]["seconds"]
        for row in rows:
            row["times as fast as one worker"] = round(one / row["seconds"], 2)
    return rows


def kills(image: Path, folder: Path, blocks: int) -> list[table.Row]:
    """Kill everything in turn; compare with a run in which nothing was."""
    expected = folder / "whole.zarr"
    run(image, expected)
    rows = []
    for name in ("workers", "client", "scheduler"):
        output = folder / f"{name}.zarr"
        if name == "workers":
            row = killed_workers(image, output, blocks, 5)
        elif name == "client":
            row = killed_client(image, output, blocks)
        else:
            row = killed_scheduler(image, output, blocks, folder)
        row["blocks"] = blocks
        assert same(output, expected), row
        left = [path.name for path in folder.glob(".*")]
        assert not left, left
        assert row["blocks done twice"] == 0, row
        print(row, flush=True)
        rows.append(row)
        shutil.rmtree(output)
    return rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    text = "edges of the images, in pixels [8192]"
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192], help=text)
    text = "numbers of workers whose speed is compared; 0 is the command's own process [0 1 2]"
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help=text)
    parser.add_argument("--part", choices=("speed", "kills"), help="both if not given")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    found: dict[str, list[table.Row]] = {}
    for edge in options.sizes:
        with tempfile.TemporaryDirectory() as home:
            folder, image = Path(home), Path(home) / "image.zarr"
            mosaic(options.images, image, edge)
            parts = {}
            if options.part != "kills":
                parts["workers"] = speed(image, folder, options.workers)
            if options.part != "speed":
                parts["killed"] = kills(image, folder, (-(-edge // 1024)) ** 2)
        for section, rows in parts.items():
            titled = [{"image": f"{edge} x {edge}", **row} for row in rows]
            found.setdefault(section, []).extend(titled)
    for section, rows in found.items():
        print(f"\n{section}\n{table.markdown(rows)}", flush=True)
        if options.page:
            table.remember(section, rows, 1)
    if options.page:
        print(f"\nwritten: {page.write()}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
