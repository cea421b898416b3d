"""Labels that napari saves, with all that belongs to them, and as they are opened again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
import tifffile
from napari.layers import Labels, Layer
from napari.plugins import _initialize_plugins
from napari.plugins.io import save_layers
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image, read_objects
from napari_spatial_embeddings.files.maps import read_maps
from napari_spatial_embeddings.files.settings import read_settings
from napari_spatial_embeddings.plugin.contributions.readers import reader
from napari_spatial_embeddings.plugin.contributions.writers import labels as write
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, find_layer
from plugin.fake_results import Bench, add_image, discs, new_bench, set_maps, uncertain_maps
from plugin.films import Film
from plugin.scenes import EditorBench


@pytest.fixture
def bench(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return what predicts, with an image of known pixel size and its instances."""
    with new_bench(qtbot) as bench:
        monkeypatch.setattr(napari, "current_viewer", lambda: bench.viewer)
        labels = discs()
        key = add_image(bench, labels, scale=(0.5, 0.25), units=("um", "um"))
        set_maps(bench, key, uncertain_maps(labels))
        bench.wait()
        yield bench


def save(layer: Layer, path: Path) -> list[str]:
    """Save a layer as napari does."""
    data, attributes, _ = layer.as_layer_data_tuple()
    return write(str(path), data, attributes)


def instances(bench: Bench) -> Labels:
    layer = find_layer(bench.viewer, "instances", str(bench.session.image))
    assert isinstance(layer, Labels)
    return layer


@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
def test_instances_are_saved_with_all_that_belongs_to_them(
    bench: Bench, tmp_path: Path, ending: str
) -> None:
    layer, result = instances(bench), bench.session.result
    assert result is not None
    names = [f"cells{ending}", "cells.csv", "cells.maps.zarr"]
    assert save(layer, tmp_path / names[0]) == [str(tmp_path / name) for name in names]
    assert {p.name for p in tmp_path.iterdir()} == {*names, "cells.csv.json", "home"}
    made = read_settings(tmp_path / names[0])
    assert made["clustering"] == result.settings.model_dump(mode="json")
    assert made["input"]["name"] == "cells"
    assert read_image(tmp_path / names[0]).pixel_size == pytest.approx((0.5, 0.25))
    table = read_objects(tmp_path / "cells.csv")
    assert table["label"] == result.instances.ids.tolist()
    assert table.keys() >= {"score", "solidity", "mean_intensity_0", "area_um2"}
    maps = read_maps(tmp_path / "cells.maps.zarr")
    np.testing.assert_array_equal(maps.maps.seed, result.maps.seed)
    # And back, as it was.
    read = reader(str(tmp_path / names[0]))
    assert read is not None
    ((data, options, kind),) = read("")
    back = Layer.create(data, options, kind)
    assert isinstance(back, Labels)
    np.testing.assert_array_equal(back.data, layer.data)
    np.testing.assert_allclose(back.scale, layer.scale)
    known = back.features[back.features["score"].notna()]
    assert known["index"].tolist() == result.instances.ids.tolist()


def test_all_layers_are_saved_into_a_folder(bench: Bench, tmp_path: Path) -> None:
    """By napari's own call for its File > Save All Layers, with the writer chosen in its dialog."""
    _initialize_plugins()  # as a window does
    viewer, folder = bench.viewer, tmp_path / "all"
    viewer.add_points([[3, 4], [5, 6]], name="nuclei.csv")
    layers = [*viewer.layers]
    (writer,) = (
        one
        for one in PluginManager.instance().iter_compatible_writers(
            [x._type_string for x in layers]
        )
        if one.command == "napari-spatial-embeddings.write_all"
    )
    own = instances(bench).name
    written = save_layers(str(folder), layers, _writer=writer)
    names = {Path(path).name for path in written}
    assert names >= {f"{own}{end}" for end in (".tif", ".csv", ".maps.zarr")}
    assert names >= {"nuclei.tif", "nuclei-2.csv"}  # the image, and the points
    assert names <= {path.name for path in folder.iterdir()}
    assert read_settings(folder / f"{own}.tif")["corrected"] == 0
    np.testing.assert_array_equal(
        tifffile.imread(folder / "nuclei.tif"), viewer.layers["nuclei"].data
    )

    viewer.add_tracks([[1, 0, 2, 3], [1, 1, 2, 4]], name="paths")
    (folder / f"{own}.csv").write_text("name,price\n")
    again = viewer.layers.save(str(folder))  # napari has no other writer for these
    said = notification_manager.records[-1].message
    assert "paths is not saved: napari has no file for layers of tracks" in said
    assert f"{own} is not saved: " in said
    assert str(folder / "nuclei.tif") in again


def test_labels_that_were_painted_over_are_no_result(bench: Bench, tmp_path: Path) -> None:
    layer = instances(bench)
    layer.data[3:5, 3:5] = 999
    assert save(layer, tmp_path / "a.tif") == [str(tmp_path / "a.tif")]
    assert not read_settings(tmp_path / "a.tif")


def test_files_of_others_stay(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,price\n")
    with pytest.raises(InputError, match=r"a\.csv is there already"):
        save(instances(bench), tmp_path / "a.tif")
    assert not (tmp_path / "a.tif").exists()
    assert (tmp_path / "a.csv").read_text() == "name,price\n"


def test_frames_are_saved_as_frames(tmp_path: Path) -> None:
    data = np.zeros((3, 20, 30), np.int32)
    data[1:, 3:9, 4:9] = 7
    tag = LayerTag("instances", "image", 1)
    where = {"scale": (2, 0.5, 0.5), "units": ("s", "um", "um"), "metadata": tag.metadata()}
    layer = Labels(data, **where)
    path = tmp_path / "movie.ome.tif"
    assert save(layer, path) == [str(path)]
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "TYX"
    image = read_image(path, time=True)
    assert (image.frames, image.frame_interval, image.pixel_size) == (3, 2.0, (0.5, 0.5))
    read = reader(str(path))
    assert read is not None
    ((back, options, kind),) = read("")
    assert (kind, options["axis_labels"]) == ("labels", ("t", "y", "x"))
    np.testing.assert_array_equal(back, data)


@pytest.fixture
def film(qtbot: QtBot) -> Iterator[Film]:
    """Return a series of three frames, the first and the last of which are predicted."""
    bench = EditorBench(qtbot)
    yield Film(bench, [discs((40, 50), 6, seed=k) for k in range(3)], predicted=[0, 2])
    bench.close()


def test_frames_are_saved_with_what_belongs_to_them(film: Film, tmp_path: Path) -> None:
    bench = film.rig
    layer = find_layer(bench.viewer, "instances", str(bench.session.image))
    assert isinstance(layer, Labels)
    files = save(layer, tmp_path / "a.ome.tif")
    assert files == [str(tmp_path / name) for name in ("a.ome.tif", "a.csv")]
    assert {p.name for p in tmp_path.iterdir()} == {"a.ome.tif", "a.csv", "a.csv.json", "home"}
    np.testing.assert_array_equal(tifffile.imread(files[0]), layer.data)
    made = read_settings(files[0])
    assert (made["model"], made["corrected"]) == ("a model", 0)
    assert made["clustering"] == bench.session.clustering.model_dump(mode="json")
    table = read_objects(files[1])
    ids = {t: film.objects(t).ids.tolist() for t in (0, 2)}
    assert table["frame"] == [t for t in ids for _ in ids[t]]
    assert table["label"] == ids[0] + ids[2]
    assert table.keys() >= {"score", "solidity", "mean_intensity_0"}

    (tmp_path / "b.csv").write_text("name,price\n")
    with pytest.raises(InputError, match=r"b\.csv is there already"):
        save(layer, tmp_path / "b.tif")
    assert not (tmp_path / "b.tif").exists()
    layer.data[1, 3:5, 3:5] = 999  # a frame without a result
    assert save(layer, tmp_path / "c.tif") == [str(tmp_path / "c.tif")]
    assert not read_settings(tmp_path / "c.tif")
