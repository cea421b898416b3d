"""Export writes what is shown, of one image or of all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import capsules, picture
from command_line import contents
from formats_here import HERE
from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import FORMATS
from napari_spatial_embeddings.export.pictures.overlay import overlay
from napari_spatial_embeddings.files import read_image, read_labels, read_maps
from napari_spatial_embeddings.plugin.tasks.export import ExportRequest, ExportTask, export_images
from napari_spatial_embeddings.project import Annotation
from plugin.fake_results import counted
from plugin.scenes import EditorBench, Scene, maps_of, new_scene, predict
from plugin.untrained import done, small_model


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def accept_all(scene: Scene) -> None:
    scene.rig.correction.do(lambda now: accept(now.corrections, now.instances))
    scene.wait()


def test_one_image_in_every_format(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    scene.tune(margin_factor=0.8)
    accept_all(scene)
    bench.export.export_current(tmp_path, list(HERE))
    assert "being written" in bench.export.obstacle(["labels"])
    assert done(bench) == f"Wrote {len(HERE)} files of 1 image to {tmp_path}"
    assert {*contents(tmp_path)} >= {f"cells{FORMATS[key].ending}" for key in HERE}
    for name in ("cells.tif", "cells.ome.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), scene.layer.data)
        assert read_image(tmp_path / name).pixel_size == pytest.approx((0.5, 0.5))
    with tifffile.TiffFile(tmp_path / "cells.tif") as file:
        about = json.loads((file.imagej_metadata or {})["Info"])
    assert about["clustering"] == bench.session.clustering.model_dump()
    assert (about["model"], about["corrected"]) == ("net", len(scene.instances))
    with (tmp_path / "cells.csv").open(newline="") as table:
        rows = [*csv.DictReader(table)]
    assert [int(row["label"]) for row in rows] == [*scene.instances.ids]
    assert rows[0].keys() >= {"perimeter_px", "solidity", "neighbours", "max_intensity_0"}
    stored = read_maps(tmp_path / "cells.maps.zarr")
    np.testing.assert_array_equal(stored.maps.seed, scene.result.maps.seed)


def test_exports_do_not_cluster(
    scene: Scene, bench: EditorBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result says its settings, even where the sliders are ahead of it."""
    with counted(bench.session, monkeypatch) as count:
        bench.export.export_current(tmp_path, ["labels", "objects"])
        assert done(bench).startswith("Wrote 2 files")
        bench.export.export_all(tmp_path, ["labels"])
        assert done(bench).startswith("Wrote 1 file")
    assert count["clusterings"] == 0
    before = scene.result
    bench.session.tune(margin_factor=0.6)
    bench.export.export_current(tmp_path, ["labels"])  # before the new clustering is there
    assert done(bench).startswith("Wrote 1 file")
    np.testing.assert_array_equal(read_labels(tmp_path / "cells.tif"), before.instances.labels)
    with tifffile.TiffFile(tmp_path / "cells.tif") as file:
        about = json.loads((file.imagej_metadata or {})["Info"])
    assert about["clustering"] == before.settings.model_dump()
    scene.wait()


def test_a_layer_that_is_edited_meanwhile_does_not_change_the_files(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    labels = scene.instances.labels.copy()
    bench.export.export_current(tmp_path, ["labels"])
    scene.layer.data[:] = 7
    assert done(bench).startswith("Wrote 1 file")
    np.testing.assert_array_equal(read_labels(tmp_path / "cells.tif"), labels)


def test_an_image_that_is_deleted_meanwhile_is_written(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    labels = scene.instances.labels
    bench.export.export_all(tmp_path, ["labels", "objects", "overlay"])
    bench.viewer.layers.clear()
    assert done(bench) == f"Wrote 3 files of 1 image to {tmp_path}"
    np.testing.assert_array_equal(read_labels(tmp_path / "cells.tif"), labels)
    assert "Predict" in bench.export.obstacle(["labels"])
    assert "Predict" in bench.export.obstacle_of_all(["labels"])


@pytest.mark.usefixtures("scene")
def test_an_image_with_another_array_by_now_has_nothing_to_export(
    bench: EditorBench, tmp_path: Path
) -> None:
    layer, session, result = bench.images.layer, bench.session, bench.session.result
    assert layer is not None
    pixels = np.asarray(layer.data)[:30, :40].copy()
    layer.data = pixels
    for format_ in HERE:
        session.say("")
        bench.export.export_current(tmp_path / "results", [format_])
        assert done(bench) == "Predict this image first."
        image = ImageData(pixels[None], "CYX", None, None, "cells")
        task = ExportTask("cells", "cells", "cells", image, result)
        asked = (tmp_path / "results", (format_,), (task,), (), None, None)
        request = ExportRequest(*asked, session.clustering, session.prediction)
        with pytest.raises(InputError, match="predict it again"):
            list(export_images(request, bench.prediction.models))
    assert not (tmp_path / "results").exists()


def test_files_have_the_whole_name_of_their_image(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    name = ", ".join(f"well B{k} stained" for k in range(5))
    scene = new_scene(bench, qtbot, name=name)
    bench.export.export_current(tmp_path / "alone", ["labels"])
    done(bench)
    accept_all(scene)  # it is in a project, now
    bench.autosave.save_now()
    bench.export.export_all(tmp_path / "in a project", ["labels"])
    done(bench)
    assert bench.session.project is not None
    for folder in ("alone", "in a project"):
        assert {*contents(tmp_path / folder)} == {f"{name}.tif"}


def test_all_images(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    first, twin = scene.key, np.zeros((40, 50), np.float32)
    twin[5:20, 5:20] = 1
    layer = bench.viewer.add_image(twin, name="cells", scale=(0.5,) * 2, units="um")
    bench.images.choose(layer)
    scene.key = str(bench.session.image)
    assert scene.key != first
    predict(scene, maps_of((twin > 0).astype(np.int32)))
    bench.export.export_all(tmp_path, ["labels", "coco"])
    assert done(bench) == f"Wrote 3 files of 2 images to {tmp_path}"
    shapes = {read_labels(path).shape for path in tmp_path.glob("*.tif")}
    assert shapes == {(90, 110), (40, 50)}
    coco = json.loads((tmp_path / "instances.json").read_text())
    names = {one["file_name"] for one in coco["images"]}
    assert names == {path.stem for path in tmp_path.glob("*.tif")}
    assert {one["image_id"] for one in coco["annotations"]} == {1, 2}


def test_images_of_the_project_are_predicted_first(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    """Even those that are not open; what is locked on them stays."""
    project = bench.project.ensure()
    entry = project.add_image(None, picture(capsules((48, 64)), seed=2), name="other")
    labels = np.zeros((48, 64), np.int32)
    labels[2:9, 3:30] = 5
    one = cluster(maps_of(labels), ClusteringSettings(min_size=1))
    project.save_corrections(entry.key, accept(Corrections.none((48, 64)), one))
    bench.session.set_model(small_model(tmp_path / "model"), None)
    bench.export.export_all(tmp_path / "out", ["labels", "objects"])
    assert bench.export.busy
    assert done(bench) == f"Wrote 4 files of 2 images to {tmp_path / 'out'}"
    written = read_labels(tmp_path / "out" / f"{entry.key}.tif")
    assert (written[one.labels > 0] == one.ids[0]).all()
    np.testing.assert_array_equal(read_labels(tmp_path / "out/cells.tif"), scene.layer.data)


def test_an_image_that_cannot_be_predicted_does_not_stop_the_others(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    project = bench.project.ensure()
    project.add_image(None, np.zeros((3, 40, 50), np.uint8), name="of three channels")
    bench.session.set_model(small_model(tmp_path / "model"), None)
    bench.export.export_all(tmp_path / "out", ["labels"])
    message = done(bench)
    assert message.startswith("Wrote 1 file of 1 image")
    assert "of three channels" in message
    np.testing.assert_array_equal(read_labels(tmp_path / "out/cells.tif"), scene.layer.data)


def test_a_format_that_cannot_be_written_does_not_stop_the_others(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    for name in ("cells.tif", "cells.geojson"):
        (tmp_path / name).write_bytes(b"of another origin")
    bench.export.export_current(tmp_path, ["labels", "objects", "geojson", "coco"])
    end = done(bench)
    assert end.startswith(f"Wrote 2 files of 1 image to {tmp_path}; ")
    assert f"{tmp_path / 'cells.tif'} is there already" in end
    assert f"{tmp_path / 'cells.geojson'} is there already" in end
    assert {"cells.csv", "cells.coco.json"} <= {*contents(tmp_path)}
    assert (tmp_path / "cells.tif").read_bytes() == b"of another origin"
    for name in ("cells.csv", "cells.coco.json"):
        (tmp_path / name).write_bytes(b"of another origin")
    bench.export.export_current(tmp_path, ["labels", "objects"])
    end = done(bench)
    assert not end.startswith("Wrote")
    assert end.count("was not written by this program") == 2
    assert len(scene.instances)


def test_cancel(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    bench.export.export_all(tmp_path, list(HERE))
    assert scene.key in bench.export.exportable()
    bench.export.cancel()
    assert not bench.export.busy
    assert "Stopped" in bench.message
    assert bench.export.obstacle(["labels"]) == ""


def test_the_slice_that_is_shown_is_in_the_picture(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    scene = new_scene(bench, qtbot, capsules((9, 40, 50), count=8, radius=5))
    pictures = []
    for z in (2, 6):
        bench.viewer.dims.set_current_step(0, z)
        bench.export.export_current(tmp_path, ["overlay"], ExportSettings(scale_bar=False))
        assert f"pictures of slice {z} of 0 to 8, to {tmp_path}" in done(bench)
        shown = imagecodecs.png_decode((tmp_path / "cells.overlay.png").read_bytes())
        image = bench.viewer.layers["cells"]
        limits = [tuple(image.contrast_limits)]
        expected = overlay(image.data[None], scene.instances.labels, at=z, limits=limits)
        np.testing.assert_array_equal(shown, expected)
        pictures.append(shown)
    assert (pictures[0] != pictures[1]).any()


def test_panels_show_what_is_annotated(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    project = bench.project.ensure()

    def upper_middle() -> NDArray[np.uint8]:
        bench.export.export_current(tmp_path, ["panels"])
        assert done(bench) == f"Wrote 1 file of 1 image to {tmp_path}"
        shown = imagecodecs.png_decode((tmp_path / "cells.panels.png").read_bytes())
        height, width = shown.shape[:2]
        return np.asarray(shown[: height // 2, width // 3 : 2 * width // 3])

    before = upper_middle()  # of an image that is not in the project
    accept_all(scene)
    bench.autosave.save_now()
    labels = np.zeros(scene.layer.data.shape, np.int32)
    labels[5:20, 5:20] = 3
    project.save_annotation(scene.key, Annotation(labels))
    assert (upper_middle() != before).any()


def test_the_folder_is_beside_the_project_or_the_image(
    scene: Scene, bench: EditorBench, home: Path
) -> None:
    assert scene.key == bench.session.image
    assert bench.export.default_folder() == home / "spatial-embeddings" / "results"
    project = bench.project.ensure()
    assert bench.export.default_folder() == project.folder / "results"
