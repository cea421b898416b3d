"""Layers whose pixels are not in memory: what the plugin reads of them, and in which thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray

from builders import capsules, network
from counted import Recorded
from formats_here import HERE
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.inference import normalisation
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.controllers import model_suggestion
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.project import sources
from plugin.project_files import answer, draw, stored
from plugin.robot_actions import open_dock

Until = Callable[..., None]

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2)
"""Thresholds at which an untrained network's maps hold objects."""

MIN_SIZE = {1: 130, 2: 40}
"""By channels: at most some hundred objects are left, of thousands that would all be exported."""

MOST = 512 * 512
"""Values that may be read at once: those of a block, which is larger than a tile with its halo."""


def pixels(channels: int = 1) -> NDArray[np.uint16]:
    """Return an image (C, 540, 650) of bright objects on dark ground."""
    labels = capsules((540, 650), count=30, radius=6, length=6)
    noise = np.random.default_rng(0).integers(0, 100, (channels, *labels.shape))
    return (noise + 1000 * (labels > 0)).astype(np.uint16)


Lazily = Callable[[Path, NDArray[np.uint16]], AbstractContextManager[Any]]
"""A function that gives an array a form that is not in memory."""


@contextmanager
def as_memmap(folder: Path, array: NDArray[np.uint16]) -> Iterator[Any]:
    array.tofile(folder / "pixels.raw")
    yield np.memmap(folder / "pixels.raw", array.dtype, "r", shape=array.shape)


@contextmanager
def as_zarr(folder: Path, array: NDArray[np.uint16]) -> Iterator[Any]:
    chunks = (*[1] * (array.ndim - 2), 128, 128)
    made = zarr.create_array(folder / "a.zarr", shape=array.shape, chunks=chunks, dtype=array.dtype)
    made[...] = array
    yield zarr.open_array(folder / "a.zarr", mode="r")


@contextmanager
def as_dask(_folder: Path, array: NDArray[np.uint16]) -> Iterator[Any]:
    yield dask.array.from_array(  # type: ignore[no-untyped-call]
        array, chunks=(*[1] * (array.ndim - 2), 128, 128)
    )


@contextmanager
def as_tiff(folder: Path, array: NDArray[np.uint16]) -> Iterator[Any]:
    tifffile.imwrite(folder / "a.tif", array, tile=(128, 128), photometric="minisblack")
    with tifffile.TiffFile(folder / "a.tif") as file:
        yield zarr.open_array(file.aszarr(), mode="r")


@contextmanager
def as_recorded(_folder: Path, array: NDArray[np.uint16]) -> Iterator[Any]:
    yield Recorded(array)


@pytest.fixture(autouse=True)
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat images of a test as those that are large."""
    monkeypatch.setattr(normalisation, "SAMPLE_PIXELS", 100_000)
    monkeypatch.setattr(normalisation, "EDGE", {2: 64, 3: 32})
    monkeypatch.setattr(sources, "MAX_GRID_VALUES", 100_000)


@pytest.fixture
def main_thread_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where pixels would be looked at in the main thread, whatever the array."""
    main = threading.main_thread()
    for module, name in (
        (sources, "fingerprint"),
        (model_suggestion, "sampled_plane"),
        (model_suggestion, "central_block"),
    ):
        inner = getattr(module, name)

        def checked(*args: Any, inner: Any = inner) -> Any:
            assert threading.current_thread() is not main, inner
            return inner(*args)

        monkeypatch.setattr(module, name, checked)


def model_folder(folder: Path, channels: int) -> Path:
    """Save a network that was never trained."""
    chosen = ModelSettings(
        in_channels=channels, width=4, levels=2, working_diameter=10, offset_range=8
    )
    SpatialEmbeddings(chosen, network(chosen), thresholds(channels)).save(folder)
    return folder


def thresholds(channels: int) -> ClusteringSettings:
    """Return the thresholds for the untrained network's maps."""
    return LOW.updated(min_size=MIN_SIZE[channels])


def at_rest(dock: SpatialEmbeddingsWidget) -> bool:
    parts = (
        dock.model_suggestion,
        dock.autosave,
        dock.annotation,
        dock.reclustering,
        dock.results,
        dock.export,
        dock.explanation,
    )
    return not dock.prediction.running and not any(part.busy for part in parts)


def go_through(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, layer: Image, folder: Path, until: Until
) -> None:
    """Do everything that can be done with an image."""
    session, channels = dock.session, dock.images.kind()[0]
    until(lambda: at_rest(dock))
    assert dock.images.layer is layer
    if channels == 1:
        assert session.model == "nuclei-2d"  # bright objects on dark ground
    answer(dock, folder / "project")
    draw(viewer, dock, 20, 30)
    dock.autosave.flush()
    until(lambda: at_rest(dock))
    assert stored(dock).labels.max() == 1
    project = session.project
    assert project is not None
    assert dock.images.recognise(project) == [layer]
    session.device = "cpu"
    session.set_model(model_folder(folder / "model", channels), thresholds(channels))
    session.set_prediction(tile=64, halo=16)
    view = camera(viewer)
    view.zoom, view.center = 8, (0, 270, 300)
    for predict in (dock.prediction.view, dock.prediction.image):
        predict()
        until(lambda: at_rest(dock))
        assert len(session.results[str(session.image)].instances)
    dock.arrows.switch(True)
    dock.explanation.set_on(True)
    inside = np.argwhere(session.results[str(session.image)].instances.labels)[0]
    shown = next(x for x in viewer.layers if x.name.endswith("instances"))
    dock.explanation._pointer.moved.emit(shown.data_to_world(inside))
    until(lambda: at_rest(dock))
    dock.export.export_current(folder / "out", list(HERE))
    until(lambda: at_rest(dock))
    assert len([*(folder / "out").iterdir()]) == len(HERE) + 2  # and the records of the tables
    with tifffile.TiffFile(project.folder / "images/cells.tif") as copy:
        assert copy.series[0].shape[-2:] == dock.images.image_data().shape


@pytest.mark.usefixtures("main_thread_reads_nothing")
@pytest.mark.parametrize(
    ("lazily", "channels"),
    [
        (as_recorded, 2),
        (as_tiff, 1),
        # What is read of an array does not depend on its kind: these are for certainty.
        *(
            pytest.param(lazily, channels, marks=pytest.mark.slow)
            for lazily, channels in ((as_memmap, 1), (as_dask, 1), (as_recorded, 1), (as_zarr, 2))
        ),
    ],
)
def test_a_layer_that_is_not_in_memory(
    lazily: Lazily, channels: int, viewer: Viewer, tmp_path: Path, until: Until
) -> None:
    array = pixels(channels)
    with lazily(tmp_path, array if channels > 1 else array[0]) as data:
        layer = viewer.add_image(data, name="cells", contrast_limits=(0, 1000))
        assert isinstance(layer, Image)
        dock = open_dock(viewer)
        go_through(dock, viewer, layer, tmp_path, until)
        np.testing.assert_array_equal(dock.images.image_data().data, array)
        dock.close_down()
    if isinstance(data, Recorded):
        ours = data.of("napari_spatial_embeddings")
        assert ours
        assert not [read for read in ours if read.main_thread]
        assert max(read.size for read in ours) <= channels * MOST


@pytest.mark.usefixtures("main_thread_reads_nothing")
def test_levels_of_a_pyramid(viewer: Viewer, tmp_path: Path, until: Until) -> None:
    array = pixels()[0]
    (tmp_path / "half").mkdir()
    with as_recorded(tmp_path, array) as whole, as_zarr(tmp_path / "half", array[::2, ::2]) as half:
        levels = [whole, half]
        layer = viewer.add_image(levels, multiscale=True, name="cells", contrast_limits=(0, 1000))
        assert isinstance(layer, Image)
        dock = open_dock(viewer)
        assert dock.images.image_data().shape == array.shape
        go_through(dock, viewer, layer, tmp_path, until)
        dock.close_down()
    assert not [read for read in whole.of("napari_spatial_embeddings") if read.main_thread]


def test_colours_are_those_without_transparency(viewer: Viewer, until: Until) -> None:
    data = Recorded(np.arange(40 * 50 * 4, dtype=np.uint8).reshape(40, 50, 4))
    layer = viewer.add_image(data, rgb=True, name="cells")
    dock = open_dock(viewer)
    until(lambda: at_rest(dock))
    assert dock.images.layer is layer
    image = dock.images.image_data()
    assert image.channels == 3
    assert not [read for read in data.of("napari_spatial_embeddings") if read.main_thread]
    np.testing.assert_array_equal(image.data, data.array[..., :3].transpose(2, 0, 1))
