"""What the buttons write is what a person sees, and every obstacle is a sentence."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from builders import capsules, network, picture
from command_line import contents, save
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.flags import read_flags
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.export import FORMATS, overlay
from napari_spatial_embeddings.files import read_image, read_labels, read_maps
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.sections.correct import CorrectGroup
from napari_spatial_embeddings.plugin.sections.export import CHOSEN, ExportGroup
from plugin.scenes import Scene, maps_of, open_scene, predict


@pytest.fixture
def scene(viewer: Viewer, qtbot: QtBot) -> Scene:
    return open_scene(viewer, qtbot)


@pytest.fixture
def group(scene: Scene) -> ExportGroup:
    return scene.group(ExportGroup)


def choose(group: ExportGroup, folder: Path, *formats: str) -> None:
    group.folder.setText(str(folder))
    for key, box in group.boxes.items():
        box.setChecked(key in formats)


def done(scene: Scene, group: ExportGroup) -> str:
    """Wait for the sentence that ends an export."""
    scene.until(lambda: not group.busy)
    return scene.dock.message


def test_one_image_in_every_format(scene: Scene, group: ExportGroup, tmp_path: Path) -> None:
    scene.tune(margin_factor=0.8)
    scene.group(CorrectGroup).accept_all.click()
    scene.settled()
    choose(group, tmp_path, *FORMATS)
    group.this.click()
    assert not group.this.isEnabled()
    assert done(scene, group) == f"Wrote 5 files of 1 image to {tmp_path}"
    assert {*contents(tmp_path)} >= {f"cells{kind.ending}" for kind in FORMATS.values()}
    for name in ("cells.tif", "cells.ome.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), scene.layer.data)
        assert read_image(tmp_path / name).pixel_size == pytest.approx((0.5, 0.5))
    with tifffile.TiffFile(tmp_path / "cells.tif") as file:
        about = json.loads((file.imagej_metadata or {})["Info"])
    assert about["clustering"] == scene.dock.session.clustering.model_dump()
    assert (about["model"], about["corrected"]) == ("net", len(scene.instances))
    with (tmp_path / "cells.csv").open(newline="") as table:
        assert [int(row["label"]) for row in csv.DictReader(table)] == [*scene.instances.ids]
    stored = read_maps(tmp_path / "cells.maps.zarr")
    np.testing.assert_array_equal(stored.maps.seed, scene.result.maps.seed)


def test_files_have_the_whole_name_of_their_image(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    name = ", ".join(f"well B{k} stained" for k in range(5))
    scene = open_scene(viewer, qtbot, name=name)
    group = scene.group(ExportGroup)
    choose(group, tmp_path / "alone", "labels")
    group.this.click()
    done(scene, group)
    scene.group(CorrectGroup).accept_all.click()  # it is in a project, now
    scene.settled()
    scene.dock.workspace.save_now()
    choose(group, tmp_path / "in a project", "labels")
    group.all.click()
    done(scene, group)
    assert scene.dock.session.project is not None
    for folder in ("alone", "in a project"):
        assert {*contents(tmp_path / folder)} == {f"{name}.tif"}


def test_all_images(scene: Scene, group: ExportGroup, tmp_path: Path) -> None:
    first, twin = scene.key, np.zeros((40, 50), np.float32)
    twin[5:20, 5:20] = 1
    layer = scene.viewer.add_image(twin, name="cells", scale=(0.5,) * 2, units="um")
    scene.dock.workspace.choose(layer)
    scene.key = str(scene.dock.session.image)
    assert scene.key != first
    predict(scene, maps_of((twin > 0).astype(np.int32)))
    choose(group, tmp_path, "labels")
    group.all.click()
    assert done(scene, group) == f"Wrote 2 files of 2 images to {tmp_path}"
    shapes = {read_labels(path).shape for path in tmp_path.glob("*.tif")}
    assert shapes == {(90, 110), (40, 50)}


def test_images_of_the_project_are_predicted_first(
    scene: Scene, group: ExportGroup, tmp_path: Path
) -> None:
    """Even those that are not open; what is locked on them stays."""
    project = scene.dock.workspace.ensure_project()
    other = picture(capsules((48, 64)), seed=2)
    entry = project.add_image(None, other, name="other")
    settled = np.zeros((48, 64), np.int32)
    settled[2:9, 3:30] = 5
    maps = maps_of(settled)
    one = cluster(maps, ClusteringSettings(min_size=1))
    project.save_corrections(entry.key, accept(Corrections.none((48, 64)), one))
    chosen = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    SpatialEmbeddings(chosen, network(chosen)).save(tmp_path / "model")
    scene.dock.session.set_model(tmp_path / "model", None)
    choose(group, tmp_path / "out", "labels", "objects")
    group.all.click()
    assert group.all.text() == "Stop"
    assert done(scene, group) == f"Wrote 4 files of 2 images to {tmp_path / 'out'}"
    assert group.all.text() == "Export all"
    written = read_labels(tmp_path / "out" / f"{entry.key}.tif")
    assert (written[one.labels > 0] == one.ids[0]).all()
    np.testing.assert_array_equal(read_labels(tmp_path / "out/cells.tif"), scene.layer.data)


def test_stop(scene: Scene, group: ExportGroup, tmp_path: Path) -> None:
    choose(group, tmp_path, *FORMATS)
    group.all.click()
    group.all.click()
    assert not group.busy
    assert "Stopped" in scene.dock.message
    assert group.this.isEnabled()


def test_the_slice_that_is_shown_is_in_the_picture(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    scene = open_scene(viewer, qtbot, capsules((9, 40, 50), count=8, radius=5))
    group = scene.group(ExportGroup)
    pictures = []
    for z in (2, 6):
        viewer.dims.set_current_step(0, z)
        choose(group, tmp_path, "overlay")
        group.this.click()
        done(scene, group)
        shown = imagecodecs.png_decode((tmp_path / "cells.overlay.png").read_bytes())
        image = viewer.layers["cells"]
        limits = [tuple(image.contrast_limits)]
        expected = overlay(image.data[None], scene.instances.labels, at=z, limits=limits)
        np.testing.assert_array_equal(shown, expected)
        pictures.append(shown)
    assert (pictures[0] != pictures[1]).any()


def test_the_folder_is_beside_the_project_or_the_image(
    viewer: Viewer, qtbot: QtBot, home: Path
) -> None:
    scene = open_scene(viewer, qtbot)
    group = scene.group(ExportGroup)
    assert group.folder.placeholderText() == str(home / "spatial-embeddings" / "results")
    project = scene.dock.workspace.ensure_project()
    assert group.folder.placeholderText() == str(project.folder / "results")
    choose(group, Path(), "labels")
    group.folder.clear()
    group.this.click()
    done(scene, group)
    assert (project.folder / "results" / "cells.tif").exists()


def test_what_cannot_be_done_is_disabled_and_says_why(scene: Scene, group: ExportGroup) -> None:
    assert {key for key, box in group.boxes.items() if box.isChecked()} == set(CHOSEN)
    assert group.this.isEnabled()
    choose(group, Path())
    for button in (group.this, group.all):
        assert not button.isEnabled()
        assert "Tick" in button.toolTip()
    choose(group, Path(), "labels")
    scene.dock.session.set_model(None, None)
    assert not group.copy.isEnabled()
    assert "model" in group.copy.toolTip()
    scene.dock.session.set_result(scene.key, None)
    for button in (group.this, group.all):
        assert not button.isEnabled()
        assert "Predict" in button.toolTip()


def test_nothing_is_written_while_it_is_predicted_anew(
    scene: Scene, group: ExportGroup, qtbot: QtBot
) -> None:
    """Old maps with a new model's thresholds would be neither what was seen nor what comes."""
    predictor = scene.dock.workspace.predictor
    with qtbot.waitSignal(predictor.ended, timeout=60_000):
        predictor.image()
        for button in (group.this, group.all):
            assert not button.isEnabled()
            assert "prediction" in button.toolTip()
    for button in (group.this, group.all):
        assert button.isEnabled()


def test_an_obstacle_is_a_sentence(scene: Scene, group: ExportGroup, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    choose(group, tmp_path / "file", "labels", "maps", "overlay")
    group.this.click()
    assert "cannot be written" in done(scene, group)
    assert contents(tmp_path)["file"] == b"mine"
    assert group.this.isEnabled()


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(
    scene: Scene, group: ExportGroup, tmp_path: Path
) -> None:
    """The system refuses to write on; what is small enough is there, and whole."""
    import resource

    scene.viewer.add_image(scene.viewer.layers["cells"].data, name="again")
    scene.dock.workspace.choose(scene.viewer.layers["again"])
    again = Scene(scene.viewer, scene.dock, str(scene.dock.session.image), scene.qtbot)
    predict(again, scene.result.maps)
    choose(group, tmp_path / "out", "objects", "labels", "maps")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900, before[1]))
    try:
        group.all.click()
        said = done(scene, group)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said.startswith("Wrote 0 files of 0 images")
    for name in ("cells", "again"):
        assert f"{name}.tif cannot be written: File too large" in said
    assert contents(tmp_path / "out") == {}
    group.all.click()
    assert done(scene, group).startswith("Wrote 6 files of 2 images")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk as Linux does")
def test_a_disk_that_fills_up_ends_the_export(
    scene: Scene, group: ExportGroup, small_disk: Path
) -> None:
    choose(group, small_disk, "maps", "labels")
    group.this.click()
    said = done(scene, group)
    assert "No space left on device" in said
    assert "written" in said
    kept = contents(small_disk)
    assert not any(name.endswith(".part") or name.startswith(".") for name in kept)
    assert kept["mine"] == b"x" * 20_000
    if "cells.tif" in kept:
        np.testing.assert_array_equal(read_labels(small_disk / "cells.tif"), scene.layer.data)
    assert group.this.isEnabled()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a disk with room for a few kilobytes, beside what is on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    how = ["mount", "-t", "tmpfs", "-o", "size=36k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(how, capture_output=True).returncode:
        pytest.skip("only an administrator may mount a disk")
    (folder / "mine").write_bytes(b"x" * 20_000)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_image_is_never_written_over(viewer: Viewer, qtbot: QtBot, tmp_path: Path) -> None:
    image = save(tmp_path / "cells.tif", np.ones((90, 110), np.uint8))
    scene = open_scene(viewer, qtbot)
    (opened,) = viewer.open(image, plugin="napari")
    assert opened.source.path == str(image)
    group = scene.group(ExportGroup)
    choose(group, tmp_path, "labels")
    before = image.read_bytes()
    group.this.click()
    assert "is the image itself; choose another folder" in done(scene, group)
    assert image.read_bytes() == before


def test_a_deleted_layer_while_waiting_is_a_sentence(
    scene: Scene, group: ExportGroup, tmp_path: Path
) -> None:
    choose(group, tmp_path, "labels")
    scene.viewer.layers.remove("cells")
    assert not group.this.isEnabled()
    group.all.click()
    assert "there is no image" in done(scene, group)


def test_the_command_does_the_same(viewer: Viewer, qtbot: QtBot, tmp_path: Path) -> None:
    scene = open_scene(viewer, qtbot)
    group = scene.group(ExportGroup)
    scene.dock.session.set_model(tmp_path / "a model", None)
    scene.tune(margin_factor=1.3, min_size=5)
    choose(group, tmp_path / "out", "labels", "objects")
    group.copy.click()
    assert "is no file yet" in scene.dock.message
    scene.dock.workspace.project_images.keep(scene.key, lambda _project: None)
    scene.dock.workspace.save_now()
    group.copy.click()
    _program, *words = shlex.split(QApplication.clipboard().text())
    options = build_parser().parse_args(words)
    (path,) = options.input
    np.testing.assert_array_equal(
        read_image(path, options.axes).data[0], scene.viewer.layers["cells"].data
    )
    assert options.model == str(tmp_path / "a model")
    assert (options.table, options.maps, options.ome) == (True, False, False)
    assert read_flags(vars(options), ClusteringSettings()) == scene.dock.session.clustering
