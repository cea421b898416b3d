"""A pyramidal TIFF that is dropped on the list of images: its levels are seen, it is predicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.viewer import Viewer

from builders import capsules, picture
from napari_spatial_embeddings.config import BlockSettings
from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.files import read_labels, stored
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.image_list import ImageList
from plugin.image_rows import ImageRows, drop
from plugin.robot_actions import press
from plugin.untrained import model_of

Until = Callable[..., None]

SHAPE = (256, 512)


@pytest.fixture
def slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is large, as little as that takes here, with a level of half the size."""
    monkeypatch.setattr(image_data, "MAX_PIXELS", 100_000)
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)
    pixels, path = picture(capsules(SHAPE, 20))[0], tmp_path / "slide.ome.tif"
    tiles: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as file:
        facts = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        file.write(pixels, subifds=1, metadata={"axes": "YX", **facts}, **tiles)
        file.write(pixels[::2, ::2], subfiletype=1, **tiles)
    return path


def test_it_is_seen_by_its_levels_predicted_in_a_view_and_as_a_whole(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, slide: Path, until: Until, tmp_path: Path
) -> None:
    (place,) = dock.findChildren(ImageList)
    assert drop(place, slide)
    until(lambda: dock.idle)
    (layer,) = (x for x in viewer.layers if isinstance(x, Image))
    assert ImageRows(dock).texts == ["slide"]
    assert [level.shape for level in layer.data] == [SHAPE, (128, 256)]
    assert not any(isinstance(level, np.ndarray) for level in layer.data), "none is read"
    np.testing.assert_allclose(layer.scale, (0.5, 0.5))
    assert dock.images.layer is layer
    project = dock.session.project
    assert project is not None
    assert slide.samefile(project.folder / project.card.images[0].path), "it stays where it is"
    model_of().save(tmp_path / "model")
    dock.session.set_device("cpu")
    dock.session.set_model(tmp_path / "model", model_of().clustering)
    dock.session.set_prediction(tile=128)
    dock.prediction.blocks = BlockSettings(block=128)
    press(dock, "This view")
    until(lambda: dock.idle and dock.session.result is not None)
    assert dock.images.layer is not layer, "a view of it"
    dock.images.choose(layer)
    press(dock, "Whole image")
    until(lambda: dock.idle and not dock.large.busy)
    labels = read_labels(project.results_folder / "slide.zarr")
    assert labels.shape == SHAPE
    assert labels.any()
    before = (project.results_folder / "slide.csv").stat().st_mtime_ns
    press(dock, "All images")
    until(lambda: not dock.prediction.running and dock.idle)
    assert "1 image of an earlier run is kept" in dock.message
    assert (project.results_folder / "slide.csv").stat().st_mtime_ns == before
