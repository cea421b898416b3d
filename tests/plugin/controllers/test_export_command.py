"""The command that exports the same: it reads what the layers are of their files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.layers._source import layer_source
from pytestqt.qtbot import QtBot

from builders import picture
from command_line import contents, done, save
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.flags import read_flags
from napari_spatial_embeddings.cli.image_reader import ImageReader
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import positions, read_labels
from ome_files import ome, pixels, plane, write
from plates import plate
from plugin.fake_results import discs
from plugin.scenes import EditorBench, Scene, new_scene
from plugin.untrained import predict, use


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def words_of(bench: EditorBench, folder: Path, *formats: str) -> list[str]:
    """Copy the command, and return its words."""
    with bench._qtbot.waitSignal(bench.export.command_made, timeout=300_000) as made:
        bench.export.copy_command(folder, formats)
    assert "The command is copied" in bench.message
    assert made.args is not None
    return shlex.split(made.args[0])[1:]


def copied(bench: EditorBench, folder: Path, *formats: str) -> Any:
    """Copy the command, and return what the command line reads of it."""
    return build_parser().parse_args(words_of(bench, folder, *formats))


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


def test_the_command_of_a_frame_does_what_the_series_does(
    bench: EditorBench, tmp_path: Path, qtbot: QtBot
) -> None:
    """The brightness of all frames counts; only a frame without a file is on its own."""
    frames = np.stack([(1 + 3 * k) * picture(discs(seed=k), k)[0] for k in range(3)])
    path = save(tmp_path / "a.tif", frames.astype(np.float32), metadata={"axes": "TYX"})
    use(bench, tmp_path / "model")
    with layer_source(path=str(path)):
        bench.images.choose(bench.viewer.add_image(frames, axis_labels=("t", "y", "x")))
    bench.viewer.dims.set_current_step(0, 1)
    for saved in (False, True):  # the same of a project's frame
        options = copied(bench, tmp_path / "out")
        assert (options.input, options.frames) == ([str(path)], [1])
        assert "brightness" not in bench.message
        bench.project_images.save(str(bench.session.image), lambda _project: None)
        bench.autosave.save_now()
        assert saved or bench.session.project is not None
    assert predict(bench, qtbot)
    done(*words_of(bench, tmp_path / "out"))
    assert [x.name for x in (tmp_path / "out").iterdir()] == ["a, frame 1.tif"]
    found = read_labels(tmp_path / "out/a, frame 1.tif")
    assert bench.session.result is not None
    np.testing.assert_array_equal(found, bench.session.result.instances.labels)
    bench.images.choose(bench.viewer.add_image(2 * frames, axis_labels=("t", "y", "x")))
    assert copied(bench, tmp_path / "out").frames is None
    assert "takes the brightness of this part alone" in bench.message


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


def test_the_command_of_a_field_of_a_plate(
    bench: EditorBench, tmp_path: Path, qtbot: QtBot
) -> None:
    """Its results are not in the place of those of other fields, which are called 0 as well."""
    one, other = (picture(discs(seed=k), k)[0] for k in range(2))
    wells = {"A/1": {"0": one}, "B/2": {"0": other}}
    project = bench.project.ensure()
    project.add_files(positions(plate(tmp_path / "p.zarr", wells)))
    use(bench, tmp_path / "model")
    for k, name in enumerate(("p_A1_0", "p_B2_0")):
        bench.project_images.show(name)
        words = words_of(bench, tmp_path / "out")
        assert words[1] == str(tmp_path / "p.zarr" / list(wells)[k] / "0")
        done(*words)
        assert predict(bench, qtbot)
        assert bench.session.result is not None
        found = read_labels(tmp_path / f"out/{name}.tif")
        np.testing.assert_array_equal(found, bench.session.result.instances.labels)
    assert len(contents(tmp_path / "out")) == 2


def test_the_command_of_one_of_several_images_of_a_file(bench: EditorBench, tmp_path: Path) -> None:
    """No flag says which one it is: a copy is written."""
    whole = np.random.default_rng(0).integers(0, 9999, (2, 30, 40)).astype(np.uint16)
    several = [pixels({}, (30, 40), [plane({}, k)]) for k in range(2)]
    path = write(tmp_path / "many.ome.tif", whole, ome(*several))
    bench.project.ensure().add_files(positions(path))
    bench.session.set_model(tmp_path / "a model", None)
    for k in range(2):
        bench.project_images.show(f"many_{k}")
        options = copied(bench, tmp_path / "out")
        assert options.input == [str(tmp_path / f"out/images/many_{k}.tif")]
        np.testing.assert_array_equal(image_of(options)[0], whole[k])
