"""Contributions to napari's menus: samples, readers, writers, and the manifest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from napari.viewer import Viewer
from npe2 import PluginManifest

import napari_spatial_embeddings
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export.maps import write_maps
from napari_spatial_embeddings.inference.exchange.exporting import export_model
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.samples import nuclei
from plugin.robot_actions import PLUGIN
from small_models import model_of

Until = Callable[..., None]

SAMPLES = {"nuclei": 10, "rods": 10, "blobs": 6, "two_classes": 16}


def test_the_manifest_is_valid() -> None:
    manifest = PluginManifest.from_distribution(PLUGIN)
    manifest.validate_imports()
    offered = manifest.contributions
    items = offered.menus["napari/layers/segment"]
    commands = [getattr(item, "command", None) for item in items]
    assert commands == [f"{PLUGIN}.open", f"{PLUGIN}.segment"]
    assert [widget.display_name for widget in offered.widgets or []] == ["Spatial Embeddings"]
    assert {s.key for s in offered.sample_data or []} == {*SAMPLES, "crowded_nuclei"}


def test_npe2_has_nothing_to_say() -> None:
    path = Path(napari_spatial_embeddings.__file__).with_name("napari.yaml")
    call = [sys.executable, "-m", "npe2", "validate", str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout
    assert "warning" not in done.stdout.lower()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_ready_to_train_on(
    name: str, viewer: Viewer, dock: SpatialEmbeddingsWidget, home: Path, until: Until
) -> None:
    viewer.open_sample(PLUGIN, name)
    image, labels = viewer.layers[0], viewer.layers[1]
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    size = tuple(image.scale)
    assert labels.data.dtype == np.int32
    assert labels.data.shape == image.data.shape
    assert np.array_equal(labels.scale, image.scale)
    assert dock.images.layer is image
    assert dock.images.image_data().unit == "um"
    until(lambda: f"{SAMPLES[name]} objects" in dock.steps[1].text)  # type: ignore[attr-defined]
    wanted = ("large", "small") if name == "two_classes" else ("object",)
    assert set(dock.session.classes) == set(wanted)
    assert not list(home.iterdir()), "looking at a sample leaves nothing behind"
    dock.project.ensure()  # as a training does
    dock.autosave.save_now()
    assert dock.session.project is not None
    found = load_training_set(dock.session.project)
    assert found.images[0].n_objects == SAMPLES[name]
    assert found.pixel_size == pytest.approx(size)


def test_a_sample_can_be_tried_without_drawing(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    (image,) = viewer.open_sample(PLUGIN, "crowded_nuclei")
    assert dock.images.layer is image
    assert dock.session.model == "nuclei-2d"


def test_a_sample_that_nobody_drew_in_makes_no_project(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, home: Path
) -> None:
    viewer.open_sample(PLUGIN, "nuclei")
    image, labels = viewer.layers
    dock.session.tune(margin_factor=1.5)  # worth keeping where there is a project
    dock.autosave.save_now()
    viewer.layers.remove(labels)
    dock.autosave.save_now()
    assert not list(home.iterdir())
    dock.annotation_actions.begin().layer.paint((5, 5), 1)
    dock.autosave.save_now()
    assert dock.session.project is not None
    assert dock.session.project.card.images[0].name == image.name


def test_a_sample_opens_twice(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    viewer.open_sample(PLUGIN, "nuclei")
    first = dock.session.image
    viewer.open_sample(PLUGIN, "nuclei")
    assert dock.session.image != first


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with two annotated images."""
    made = Project.create(tmp_path / "cells", classes=("cell", "debris"))
    for seed in (0, 1):
        sample = nuclei(seed, size=96, annotated=4)
        made.add_image(
            None, sample.image, name=f"field {seed}", pixel_size=sample.pixel_size, unit="um"
        )
        key = made.card.images[-1].key
        kinds = {int(k): "debris" for k in np.unique(sample.annotated) if k}
        made.save_annotation(key, Annotation(sample.annotated, kinds))
    return made


@pytest.mark.parametrize("what", [".", "project.json"])
def test_a_project_is_read_and_goes_on_in_the_dock(
    what: str, project: Project, viewer: Viewer
) -> None:
    viewer.open(project.folder / what, plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == ["field 0", "field 0 · annotations"]
    dock = next(iter(viewer.window.dock_widgets.values()))
    assert isinstance(dock, SpatialEmbeddingsWidget)
    assert dock.session.project is not None
    assert dock.session.project.folder == project.folder
    assert dock.session.classes == ("cell", "debris")
    assert len(viewer.layers) == 2
    assert dock.session.image == "field_0"


def test_a_model_is_used_or_imported_in_the_dock(
    tmp_path: Path, viewer: Viewer, library: Path, until: Until
) -> None:
    folder = model_of().save(tmp_path / "mine")
    viewer.open(folder, plugin=PLUGIN)
    dock = next(iter(viewer.window.dock_widgets.values()))
    assert isinstance(dock, SpatialEmbeddingsWidget)
    assert dock.session.model == str(folder)
    viewer.open(export_model(folder, "zip", tmp_path / "shared.zip"), plugin=PLUGIN)
    until(lambda: not dock.models.busy)
    assert dock.session.model == str(library / "shared")
    assert not viewer.layers


def test_other_folders_are_not_ours(tmp_path: Path, viewer: Viewer) -> None:
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((8, 8), np.uint8))
    viewer.open(tmp_path, plugin="napari")
    assert len(viewer.layers) == 1


def test_maps_are_read(tmp_path: Path, viewer: Viewer) -> None:
    labels = nuclei(size=96).labels
    maps = ideal_maps(labels, sigma=3.0)
    write_maps(tmp_path / "cells.maps.zarr", maps, (0.3, 0.3), "um")
    viewer.open(tmp_path / "cells.maps.zarr", plugin=PLUGIN)
    by_name = {layer.name: layer for layer in viewer.layers}
    assert np.allclose(by_name["cells · seed"].data, maps.seed[0])
    assert by_name["cells · offsets"].rgb
    assert all(np.allclose(layer.scale, 0.3) for layer in viewer.layers)


@pytest.mark.parametrize(("highest", "dtype"), [(255, np.uint16), (70_000, np.uint32)])
def test_labels_are_saved_with_their_pixel_size(
    highest: int, dtype: type, tmp_path: Path, viewer: Viewer
) -> None:
    data = np.zeros((20, 30), np.int32)
    data[3:9, 4:9] = highest
    layer = viewer.add_labels(data, scale=(0.5, 0.25), units=("um", "um"))
    assert layer.save(str(tmp_path / "out.tif"), plugin=PLUGIN)
    stored = tifffile.imread(tmp_path / "out.tif")
    assert stored.dtype == dtype
    assert np.array_equal(stored, data)
    from napari_spatial_embeddings.files import read_image

    assert read_image(tmp_path / "out.tif").pixel_size == pytest.approx((0.5, 0.25))


def test_annotations_are_tagged(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    viewer.open_sample(PLUGIN, "nuclei")
    tag = tag_of(viewer.layers[1])
    assert tag is not None
    assert tag.role == "annotations"
    assert tag.image == dock.session.image
