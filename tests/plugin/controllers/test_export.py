"""Export writes what is shown, and every obstacle is a sentence."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.layers._source import layer_source
from pytestqt.qtbot import QtBot

from builders import capsules, network, picture
from command_line import contents, save
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.flags import read_flags
from napari_spatial_embeddings.cli.image_reader import ImageReader
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import FORMATS, overlay
from napari_spatial_embeddings.files import read_image, read_labels, read_maps
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.tasks.export import (
    ExportRequest,
    ExportTask,
    export_images,
)
from plugin.fake_results import counted
from plugin.scenes import EditorBench, Scene, maps_of, new_scene, predict


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def done(bench: EditorBench) -> str:
    """Wait for the sentence that ends an export."""
    bench._qtbot.waitUntil(lambda: not bench.export.busy, timeout=300_000)
    return bench.message


def accept_all(scene: Scene) -> None:
    scene.rig.correction.do(lambda now: accept(now.corrections, now.instances))
    scene.wait()


def small_model(folder: Path) -> Path:
    """Save a network that was never trained."""
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    SpatialEmbeddings(settings, network(settings)).save(folder)
    return folder


def test_one_image_in_every_format(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    scene.tune(margin_factor=0.8)
    accept_all(scene)
    bench.export.export_current(tmp_path, list(FORMATS))
    assert "being written" in bench.export.obstacle(["labels"])
    assert done(bench) == f"Wrote 5 files of 1 image to {tmp_path}"
    assert {*contents(tmp_path)} >= {f"cells{kind.ending}" for kind in FORMATS.values()}
    for name in ("cells.tif", "cells.ome.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), scene.layer.data)
        assert read_image(tmp_path / name).pixel_size == pytest.approx((0.5, 0.5))
    with tifffile.TiffFile(tmp_path / "cells.tif") as file:
        about = json.loads((file.imagej_metadata or {})["Info"])
    assert about["clustering"] == bench.session.clustering.model_dump()
    assert (about["model"], about["corrected"]) == ("net", len(scene.instances))
    with (tmp_path / "cells.csv").open(newline="") as table:
        assert [int(row["label"]) for row in csv.DictReader(table)] == [*scene.instances.ids]
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
    for format_ in FORMATS:
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
    bench.export.export_all(tmp_path, ["labels"])
    assert done(bench) == f"Wrote 2 files of 2 images to {tmp_path}"
    shapes = {read_labels(path).shape for path in tmp_path.glob("*.tif")}
    assert shapes == {(90, 110), (40, 50)}


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


def test_cancel(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    bench.export.export_all(tmp_path, list(FORMATS))
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
        bench.export.export_current(tmp_path, ["overlay"])
        done(bench)
        shown = imagecodecs.png_decode((tmp_path / "cells.overlay.png").read_bytes())
        image = bench.viewer.layers["cells"]
        limits = [tuple(image.contrast_limits)]
        expected = overlay(image.data[None], scene.instances.labels, at=z, limits=limits)
        np.testing.assert_array_equal(shown, expected)
        pictures.append(shown)
    assert (pictures[0] != pictures[1]).any()


def test_the_folder_is_beside_the_project_or_the_image(
    scene: Scene, bench: EditorBench, home: Path
) -> None:
    assert scene.key == bench.session.image
    assert bench.export.default_folder() == home / "spatial-embeddings" / "results"
    project = bench.project.ensure()
    assert bench.export.default_folder() == project.folder / "results"


def test_nothing_is_written_while_it_is_predicted_again(
    scene: Scene, bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    """Old maps with a new model's thresholds would be neither what was seen nor what comes."""
    assert scene.key == bench.session.image
    bench.session.set_model(small_model(tmp_path / "model"), None)
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000):
        bench.prediction.image()
        assert "prediction" in bench.export.obstacle(["labels"])
        assert "prediction" in bench.export.obstacle_of_all(["labels"])
    assert bench.export.obstacle(["labels"]) == ""
    assert bench.export.obstacle_of_all(["labels"]) == ""
    bench.wait()


def test_an_obstacle_is_a_sentence(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    assert scene.key == bench.session.image
    (tmp_path / "file").write_bytes(b"mine")
    bench.export.export_current(tmp_path / "file", ["labels", "maps", "overlay"])
    assert "cannot be written" in done(bench)
    assert contents(tmp_path)["file"] == b"mine"
    assert bench.export.obstacle(["labels"]) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(
    scene: Scene, bench: EditorBench, tmp_path: Path
) -> None:
    """The system refuses to write on; what is small enough is there, and whole."""
    import resource

    bench.viewer.add_image(bench.viewer.layers["cells"].data, name="again")
    bench.images.choose(bench.viewer.layers["again"])
    again = Scene(bench, str(bench.session.image), scene.qtbot)
    predict(again, scene.result.maps)
    formats = ["labels", "objects", "maps"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900, before[1]))
    try:
        bench.export.export_all(tmp_path / "out", formats)
        message = done(bench)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert message.startswith("Wrote 0 files of 0 images")
    for name in ("cells", "again"):
        assert f"{name}.tif cannot be written: File too large" in message
    assert contents(tmp_path / "out") == {}
    bench.export.export_all(tmp_path / "out", formats)
    assert done(bench).startswith("Wrote 6 files of 2 images")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk as Linux does")
def test_a_disk_that_fills_up_ends_the_export(
    scene: Scene, bench: EditorBench, small_disk: Path
) -> None:
    bench.export.export_current(small_disk, ["maps", "labels"])
    message = done(bench)
    assert "No space left on device" in message
    assert "written" in message
    kept = contents(small_disk)
    assert not any(name.endswith(".part") or name.startswith(".") for name in kept)
    assert kept["mine"] == b"x" * 20_000
    if "cells.tif" in kept:
        np.testing.assert_array_equal(read_labels(small_disk / "cells.tif"), scene.layer.data)
    assert bench.export.obstacle(["labels"]) == ""


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


def test_an_image_is_never_written_over(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    assert scene.key == bench.session.image
    image = save(tmp_path / "cells.tif", np.ones((90, 110), np.uint8))
    with layer_source(path=str(image)):  # as napari opens a file
        opened = bench.viewer.add_image(np.ones((90, 110), np.uint8))
    assert opened.source.path == str(image)
    before = image.read_bytes()
    bench.export.export_current(tmp_path, ["labels"])
    assert "is the image itself; choose another folder" in done(bench)
    assert image.read_bytes() == before


def copied(bench: EditorBench, folder: Path, *formats: str) -> Any:
    """Copy the command, and return what the command line reads of it."""
    with bench._qtbot.waitSignal(bench.export.command_made, timeout=300_000) as made:
        bench.export.copy_command(folder, formats)
    assert "The command is copied" in bench.message
    _program, *words = shlex.split(made.args[0])
    return build_parser().parse_args(words)


def image_of(options: Any) -> Any:
    """Return the pixels that a command reads."""
    (path,) = options.input
    return np.asarray(ImageReader.of(options).read(Path(path)).data)


def test_the_command_does_the_same(scene: Scene, bench: EditorBench, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model yet"):
        bench.export.copy_command(tmp_path, ["labels"])
    bench.session.set_model(tmp_path / "a model", None)
    bench.session.set_device("cpu")
    scene.tune(margin_factor=1.3, min_size=5)
    # No file yet: a copy is written, once, and nothing of the user's is replaced.
    (tmp_path / "out/images").mkdir(parents=True)
    (tmp_path / "out/images/cells.tif").write_bytes(b"mine")
    for _ in range(2):
        options = copied(bench, tmp_path / "out")
        assert "The image is saved as" in bench.message
        assert options.input == [str(tmp_path / "out/images/cells-2.tif")]
        np.testing.assert_array_equal(image_of(options)[0], bench.viewer.layers["cells"].data)
    assert sorted(contents(tmp_path / "out/images")) == ["cells-2.tif", "cells.tif"]
    bench.project_images.save(scene.key, lambda _project: None)
    bench.autosave.save_now()
    options = copied(bench, tmp_path / "out", "labels", "objects")
    project = bench.session.project
    assert project is not None
    assert Path(options.input[0]).is_relative_to(project.folder)
    np.testing.assert_array_equal(image_of(options)[0], bench.viewer.layers["cells"].data)
    assert options.model == str(tmp_path / "a model")
    assert (options.table, options.maps, options.ome) == (True, False, False)
    assert options.device == "cpu"
    assert read_flags(vars(options), ClusteringSettings()) == bench.session.clustering


def test_the_command_reads_what_the_layer_is_of_its_file(
    bench: EditorBench, tmp_path: Path
) -> None:
    """All of it, some channels, or a part, of which a copy is written."""
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 9999, (5, 2, 30, 40)).astype(np.uint16)  # slices, then channels
    path = tmp_path / "two channels.tif"
    tifffile.imwrite(path, volume, imagej=True, metadata={"axes": "ZCYX"})
    channels = volume.swapaxes(0, 1)
    rgb = tmp_path / "colours.png"
    colours = rng.integers(0, 255, (30, 40, 3), np.uint8)
    rgb.write_bytes(imagecodecs.png_encode(colours))
    bench.session.set_model(tmp_path / "a model", None)
    files, out = contents(tmp_path), tmp_path / "out"

    def layer(source: Path, data: Any, **options: Any) -> Any:
        with layer_source(path=str(source)):  # as napari opens a file
            return bench.viewer.add_image(data, **options)

    def read(axes: str, chosen: Any, others: Any = ()) -> Any:
        bench.images.choose(chosen, axes, tuple(others))
        options = copied(bench, out)
        pixels = np.asarray(bench.images.image_data().data)
        np.testing.assert_array_equal(image_of(options), pixels)
        return options

    one, two = (layer(path, channel, name=f"c{k}") for k, channel in enumerate(channels))
    assert read("ZYX", two).channels == [1]
    assert read("ZYX", two, [one]).channels == [1, 0]
    whole = read("ZYX", one, [two])
    assert (whole.channels, whole.axes, whole.input) == (None, None, [str(path)])
    assert read("CZYX", layer(path, channels)).channels is None
    assert read("YXC", layer(rgb, colours)).axes is None
    assert contents(tmp_path) == files
    for part in (channels[0, :, 4:20, 6:30], channels[1, 2], channels[0] * 2, channels[:, :, ::2]):
        options = read("CZYX"[-part.ndim :], layer(path, part, name="part"))
        assert Path(options.input[0]).parent == out / "images"
        assert "is saved as" in bench.message
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, channels[1], imagej=True, metadata={"axes": "ZYX"})
    apart = read("ZYX", one, [layer(other, channels[1], name="other")])
    assert Path(apart.input[0]).parent == out / "images", "channels of two files"


def test_the_command_of_a_projects_channel(bench: EditorBench, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 9999, (3, 30, 40)).astype(np.uint16)
    path = save(tmp_path / "a.tif", image, metadata={"axes": "CYX"})
    project = bench.project.ensure()
    project.add_image(path, key="a", channels=(2, 0))
    bench.session.set_model(tmp_path / "a model", None)
    bench.project_images.show("a")
    options = copied(bench, tmp_path / "out")
    assert options.channels == [2, 0]
    np.testing.assert_array_equal(image_of(options), image[[2, 0]])


def test_the_command_names_the_size_of_pixels_that_was_typed(
    bench: EditorBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that the file says itself; paths hold wherever it is pasted."""
    image = np.random.default_rng(0).integers(0, 9999, (30, 40)).astype(np.uint16)
    known = tmp_path / "known.tif"
    tifffile.imwrite(known, image, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    unknown = save(tmp_path / "not known.tif", image + 1, metadata={"axes": "YX"})
    bench.session.set_model(tmp_path / "a model", None)
    monkeypatch.chdir(tmp_path)
    for path, typed in ((known, False), (unknown, False), (known, True), (unknown, True)):
        with layer_source(path=path.name):
            bench.images.choose(bench.viewer.add_image(tifffile.imread(path), name=path.stem))
        if typed:
            bench.images.set_pixel_size((0.5, 0.3), "nm")
        for saved in (False, True):  # the same of a project's image
            if saved:
                bench.project_images.save(str(bench.session.image), lambda _project: None)
                bench.autosave.save_now()
            options = copied(bench, Path("out"))
            assert options.input == [str(path)]
            assert options.output == str(tmp_path / "out")
            assert options.pixel_size == ([0.5, 0.3] if typed else None)
            assert options.unit == ("nm" if typed else None)
            read = ImageReader.of(options).read(path)
            size = (0.5, 0.3) if typed else (0.25, 0.25) if path is known else None
            assert read.pixel_size == size
        bench.viewer.layers.clear()
        bench.project.create(tmp_path / f"project of {path.stem} {typed}")


def test_the_command_of_grey_values_and_of_pixels_that_are_no_number(
    bench: EditorBench, tmp_path: Path
) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    rgb = tmp_path / "stained tissue.png"
    rgb.write_bytes(imagecodecs.png_encode(colours))
    bench.session.set_model(tmp_path / "a model", None)
    with layer_source(path=str(rgb)):
        bench.images.choose(bench.viewer.add_image(colours, rgb=True), grey="inverted")
    options = copied(bench, tmp_path / "out")
    assert (options.input, options.grey) == ([str(rgb)], "inverted")
    np.testing.assert_array_equal(image_of(options), bench.images.image_data().data)
    values = colours[..., 0].astype(np.float32)
    values[:5] = np.nan
    path = save(tmp_path / "masked.tif", values, metadata={"axes": "YX"})
    with layer_source(path=str(path)):
        bench.images.choose(bench.viewer.add_image(values))
    assert copied(bench, tmp_path / "out").input == [str(path)]
