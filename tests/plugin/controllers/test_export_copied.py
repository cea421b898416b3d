"""Copied commands and copied Python, which write what the window exports."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.layers._source import layer_source
from PIL import Image
from pytestqt.qtbot import QtBot

from builders import picture
from command_line import contents, refused, save, undated
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.project.annotation import Annotation
from plugin.fake_results import discs
from plugin.scenes import EditorBench, Scene
from plugin.untrained import done, predict, use

FORMATS = ("labels", "ome", "objects", "maps", "roi", "geojson", "npy", "overlay", "panels")


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


def copied(bench: EditorBench, folder: Path, *, python: bool) -> str:
    with bench._qtbot.waitSignal(bench.export.command_made, timeout=300_000) as made:
        bench.export.copy_command(folder, FORMATS, python=python)
    assert made.args is not None
    return str(made.args[0])


def opened(bench: EditorBench, path: Path, qtbot: QtBot) -> Scene:
    """Open a file as napari does, predict it, and return it."""
    pixels = picture(discs((60, 70), 12), 0)[0]
    save(path, pixels)
    use(bench, path.with_name("model"))
    bench.session.set_device("cpu")
    with layer_source(path=str(path)):
        bench.images.choose(bench.viewer.add_image(pixels, name=path.stem))
    assert predict(bench, qtbot)
    return Scene(bench, str(bench.session.image), qtbot)


def written(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder of results, without dates and corrections."""
    return {
        name: picture_of(content) if content and name.endswith(".png") else undated(content)
        for name, content in contents(folder).items()
        if not name.startswith(("corrections", "annotations"))
    }


def picture_of(content: bytes) -> bytes:
    """Return the pixels of a PNG, and its record without a date, of which it has a checksum."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.tobytes() + (undated(picture.info["Description"].encode()) or b"")


def test_both_write_what_the_window_exports(
    bench: EditorBench, tmp_path: Path, qtbot: QtBot
) -> None:
    """To the last byte but for the date, in processes of their own."""
    scene = opened(bench, tmp_path / "a b.tif", qtbot)
    count = len(scene.instances)
    one, other = scene.some(2)
    scene.use("accept", scene.middle(one))
    scene.use("delete", scene.middle(other))
    before = bench.session.clustering.seed_threshold
    scene.tune(seed_threshold=0.9)
    scene.tune(seed_threshold=before)
    assert scene.instances.locked.sum() == 1
    assert not np.array_equal(scene.instances.ids, np.arange(1, len(scene.instances) + 1))
    assert 3 < len(scene.instances) <= count
    bench.viewer.layers["a b"].contrast_limits = (20.5, 90)
    project = bench.project.ensure()
    bench.autosave.save_now()
    annotated = np.zeros((60, 70), np.int32)
    annotated[5:20, 5:20] = 3
    project.save_annotation(scene.key, Annotation(annotated))

    folders = [tmp_path / name for name in ("window", "command", "python")]
    bench.export.export_current(folders[0], FORMATS)
    assert done(bench).startswith("Wrote 9 files")
    command = copied(bench, folders[1], python=False)
    assert "Corrections and labels are saved as" in bench.message
    assert f"The annotation is saved as {folders[1] / 'annotations' / 'a b.tif'}" in bench.message
    python = copied(bench, folders[2], python=True)
    assert "The Python is copied" in bench.message
    ast.parse(python)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    runs = [
        subprocess.Popen(command, shell=True, env=environment),
        subprocess.Popen([sys.executable, "-c", python], env=environment),
    ]
    assert [run.wait(300) for run in runs] == [0, 0]
    exported, *others = map(written, folders)
    assert {Path(name).name for name in exported} >= {"a b.tif", "a b.geojson", "a b.csv.json"}
    for files in others:
        assert files.keys() == exported.keys()
        assert [name for name in files if files[name] != exported[name]] == []
    found = read_labels(folders[1] / "a b.tif")
    np.testing.assert_array_equal(found, scene.instances.labels)


def test_files_of_corrections(bench: EditorBench, tmp_path: Path, qtbot: QtBot) -> None:
    scene, out = opened(bench, tmp_path / "a.tif", qtbot), tmp_path / "out"
    assert "--corrections" not in copied(bench, out, python=False), "nothing to correct"
    assert not out.exists()
    (one,) = scene.some(1)
    scene.use("accept", scene.middle(one))
    for _ in range(2):
        first = copied(bench, out, python=False)
        assert [*contents(out)] == ["corrections", "corrections/a.tif"]
    kept = (out / "corrections/a.tif").read_bytes()
    scene.use("delete", scene.middle(one))
    assert "a-2.tif" in copied(bench, out, python=True)
    assert str(out / "corrections/a.tif") in first
    assert (out / "corrections/a.tif").read_bytes() == kept, "an earlier command needs it"

    command = "predict", tmp_path / "a.tif", "--model", tmp_path / "model", "--corrections"
    file, into = out / "corrections/a.tif", ("--output", tmp_path / "b")
    assert "there is no file" in refused(*command, tmp_path / "none.tif", *into)
    assert "add --panels" in refused(*command[:-1], "--annotations", file, *into)
    assert "name a folder" in refused(*command, file, "--output", tmp_path / "b.zarr")
    assert "workers do not take them" in refused(*command, file, *into, "--workers", 2)
    save(tmp_path / "in/a.tif", np.zeros((9, 9), np.float32))
    save(tmp_path / "in/b.tif", np.zeros((2, 60, 70), np.float32), metadata={"axes": "TYX"})
    words = command[2:], file, *into
    assert "here are 2" in refused("predict", tmp_path / "in", *words[0], *words[1:])
    said = refused("predict", tmp_path / "in/a.tif", *words[0], *words[1:])
    assert "the same pixels" in said
    said = refused("predict", tmp_path / "in/b.tif", *words[0], *words[1:])
    assert "is a time series: choose one of its frames" in said
    said = refused(*command, tmp_path / "in/a.tif", *into)
    assert "in/a.tif" in said, "no corrections"
