"""Obstacles to an export: each is a sentence, and nothing is half written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.layers._source import layer_source
from pytestqt.qtbot import QtBot

from command_line import contents, save
from napari_spatial_embeddings.files import read_labels
from plugin.scenes import EditorBench, Scene, new_scene, predict
from plugin.untrained import done, small_model


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


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
