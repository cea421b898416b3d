"""Workers of Dask find what one process finds; one that ends costs what it was doing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from label_files import ome_zarr
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import BlockSettings, PredictionSettings
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.export.label_store import LabelGrid, LabelStore
from napari_spatial_embeddings.files import read_image
from napari_spatial_embeddings.inference.block_run import BlockReport
from napari_spatial_embeddings.inference.block_segmentation import segment_blocks
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.places import Here, Place
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.inference.workers import connecting, dask_workers
from napari_spatial_embeddings.inference.workers.connecting import local_workers, workers_of
from napari_spatial_embeddings.inference.workers.dask_blocks import DaskBlocks
from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers, Finished
from napari_spatial_embeddings.large.finishing import Labelling, Measuring

TILES = PredictionSettings(tile=96, halo=16, device="cpu")
BLOCKS = BlockSettings(block=80)


MODEL = partial(find_model, "nuclei-2d")


def reports(
    path: Path, folder: Path, workers: DaskWorkers | Place | None = None
) -> Iterator[BlockReport]:
    model, place = find_model("nuclei-2d"), workers
    if isinstance(place, DaskWorkers):
        place = DaskBlocks(place, partial(read_image, path))
    return segment_blocks(
        model, read_image(path), model.clustering, TILES, BLOCKS, folder, place=place, source="a"
    )


def result(last: BlockReport) -> list[NDArray[np.int32]]:
    assert last.found is not None
    return [last.found.labels(k) for k in range(last.total)]


def assert_same(one: BlockReport, other: BlockReport) -> None:
    for a, b in zip(result(one), result(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.objects, one.cut, one.narrow) == (other.objects, other.cut, other.narrow)


def processes() -> list[psutil.Process]:
    """Return those of the workers, the oldest first."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            own, parent = " ".join(child.cmdline()), child.parent()
            forked = parent is not None and "forkserver" in " ".join(parent.cmdline())
            if forked or "spawn_main" in own:
                found.append(child)
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = samples.crowded_nuclei(3, 260).image[0].astype(np.uint16)
    return ome_zarr(tmp_path_factory.mktemp("image") / "a.zarr", pixels, "YX")


@pytest.fixture(scope="module")
def workers() -> Iterator[DaskWorkers]:
    with local_workers(2, MODEL) as place:
        yield place


@pytest.fixture(scope="module")
def alone(path: Path, tmp_path_factory: pytest.TempPathFactory) -> BlockReport:
    *_, last = reports(path, tmp_path_factory.mktemp("alone"))
    assert last.objects > 30
    return last


def test_workers_find_what_one_process_finds(
    path: Path, workers: DaskWorkers, alone: BlockReport, tmp_path: Path
) -> None:
    *_, last = reports(path, tmp_path / "zarr", workers)
    assert_same(last, alone)
    assert workers.threads == 2
    assert workers.dashboard.startswith("http://127.0.0.1:")
    tiff = tmp_path / "a.tif"
    tifffile.imwrite(tiff, read_image(path).data[0], tile=(64, 64))
    *_, last = reports(tiff, tmp_path / "tiff", workers)
    assert_same(last, alone)


def test_workers_write_and_measure_what_one_process_does(
    path: Path, workers: DaskWorkers, alone: BlockReport, tmp_path: Path
) -> None:
    found, image = alone.found, read_image(path)
    assert found is not None
    store = LabelStore(
        tmp_path / "labels", LabelGrid.of(image.shape, (1, 1), None, None), found.blocks.edges, 99
    )
    here, place = Here(), DaskBlocks(workers, partial(read_image, path))
    for one in (here, place):  # they have other work open
        [*_] = reports(path, tmp_path / type(one).__name__, one)
    every = range(alone.total)
    assert len([*place.each(Labelling(found, store.aligned), every)]) == alone.total
    for k in range(alone.total):
        np.testing.assert_array_equal(store.finest[found.blocks.core(k)], found.labels(k))
    measuring = Measuring(found, store.aligned[0][0])
    rows = [*place.each(measuring, every)]
    assert rows == [*here.each(measuring, every)], "in the order of the blocks"
    ids = [int(row.split(b",")[0]) for row in b"".join(rows).splitlines()]
    assert sorted(ids) == list(range(1, alone.objects + 1))
    first = place.each(measuring, every)
    next(first)
    first.close()
    assert workers.under_way == 0, "the others are given up"
    assert not [*tmp_path.rglob("*.pickle")]


def test_a_killed_worker_costs_what_it_was_doing(
    path: Path, workers: DaskWorkers, alone: BlockReport, tmp_path: Path
) -> None:
    killed, written = 0, dict[str, set[int]]()
    for last in reports(path, tmp_path, workers):
        if killed < last.done <= 2:
            processes()[0].kill()
            killed += 1
        for file in tmp_path.rglob("found/*.npz"):
            written.setdefault(file.name, set()).add(file.stat().st_ino)
    assert killed == 2
    assert all(len(files) == 1 for files in written.values()), "no block is done twice"
    assert_same(last, alone)


def test_a_result_that_is_lost_before_it_is_fetched_is_made_again(
    path: Path, workers: DaskWorkers, alone: BlockReport, tmp_path: Path
) -> None:
    lost = list[str]()
    place = DaskWorkers(workers._client, MODEL)
    fetch = place.next

    def slow() -> Finished | None:
        task, future = place._done.get(timeout=60)
        if not lost:
            for process in processes():
                process.kill()
            while future.status == "finished":
                time.sleep(0.01)
            lost.append(str(future.status))
        place._done.put((task, future))
        return fetch()

    place.next = slow  # type: ignore[method-assign]
    *_, last = reports(path, tmp_path, place)
    assert lost
    assert_same(last, alone)


def kill_all() -> None:
    for process in processes():
        with suppress(psutil.Error):
            process.kill()


@pytest.mark.slow
def test_workers_that_are_slow_to_come_back_are_waited_for(
    path: Path, alone: BlockReport, tmp_path: Path
) -> None:
    """As on a busy machine: Dask's own cluster would give them up after 15 seconds."""
    killed = False
    with local_workers(2, MODEL) as workers:
        for last in reports(path, tmp_path, workers):
            if last.done == 1 and not killed:
                killed, end = True, time.monotonic() + 25
                while time.monotonic() < end:
                    kill_all()
                    time.sleep(0.05)
    assert killed
    assert_same(last, alone)


def test_where_no_worker_comes_back_the_run_ends_with_a_sentence(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_workers, "COUNT_SECONDS", 0.2)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        pytest.raises(Failure, match="no worker is left"),
    ):
        list(reports(path, tmp_path, DaskWorkers(client, MODEL, patience=1)))


@pytest.mark.slow
def test_where_workers_end_again_and_again_tiles_are_smaller(
    path: Path, workers: DaskWorkers, tmp_path: Path
) -> None:
    def deadly() -> SpatialEmbeddings:
        import os
        import signal

        model = find_model("nuclei-2d")
        forward = model.network.forward

        def end(x: Any) -> Any:
            if x.shape[-1] > 200:
                os.kill(os.getpid(), signal.SIGKILL)
            return forward(x)

        model.network.forward = end  # type: ignore[assignment, method-assign]
        return model

    model, image = find_model("nuclei-2d"), read_image(path)
    place = DaskBlocks(DaskWorkers(workers._client, deadly), partial(read_image, path))
    large = TILES.updated(tile=320)
    work = segment_blocks(
        model, image, model.clustering, large, BLOCKS, tmp_path / "a", place=place, source="a"
    )
    *_, last = work
    half = large.updated(tile=160)
    *_, other = segment_blocks(model, image, model.clustering, half, BLOCKS, tmp_path / "b")
    assert_same(last, other)
    assert last.all_tiles > 1


def test_what_a_worker_cannot_do_is_an_error(
    path: Path, workers: DaskWorkers, tmp_path: Path
) -> None:
    missing = partial(read_image, tmp_path / "missing.tif")
    own, image, place = find_model("nuclei-2d"), read_image(path), DaskBlocks(workers, missing)
    how = own.clustering, TILES, BLOCKS, tmp_path / "a"
    with pytest.raises(InputError, match=r"missing\.tif .the worker on .* the same files"):
        list(segment_blocks(own, image, *how, place=place, source="a"))
    wrong = DaskWorkers(workers._client, partial(find_model, "cells-2d"))
    with pytest.raises(InputError, match=r"the worker on .* another state of the model"):
        list(reports(path, tmp_path / "b", wrong))


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"\[cluster\]"), local_workers(1, MODEL):
        pass


def test_without_a_scheduler_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 0.3)
    address = "tcp://127.0.0.1:9"
    with (
        pytest.raises(InputError, match="no scheduler answers at"),
        workers_of(address, MODEL),
    ):
        pass
