"""Predictions of the frames of a time series, and what follows the slider and the settings."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import picture
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.files import read_label_series
from napari_spatial_embeddings.inference.normalisation import normalisation
from napari_spatial_embeddings.plugin.controllers import frame_maps
from napari_spatial_embeddings.plugin.controllers.frame_reclustering import FrameReclustering
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.tasks.stored_frames import is_stored
from plugin.fake_results import Bench, assert_same_objects, discs, new_bench
from plugin.scenes import EditorBench
from plugin.untrained import done, predict, use

FRAMES = 4


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


def film() -> NDArray[np.float32]:
    """Return frames of growing brightness, which would look alike if each was normalised alone."""
    frames = [picture(discs(seed=t), t)[0] * np.float32(1 + t) for t in range(FRAMES)]
    return np.stack(frames)


def add(bench: Bench) -> Image:
    layer = bench.viewer.add_image(film(), name="film")
    assert isinstance(layer, Image)
    bench.images.choose(layer, "TYX")
    return layer


def labels_of(bench: Bench) -> NDArray[np.int32]:
    found: NDArray[np.int32] = find_layer(bench.viewer, "instances", str(bench.session.image)).data
    return found


def test_a_frame_is_predicted_as_a_part_of_its_series(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(bench, tmp_path)
    image = add(bench)
    bench.images.show_frame(1)
    assert predict(bench, qtbot)
    result = bench.session.result
    assert result is not None
    frame = np.asarray(image.data[1])[None]
    scale = normalisation(image.data[:, None], model.settings)
    *_, last = model.predicting(frame, scale=scale)
    np.testing.assert_allclose(result.maps.seed, last.maps.seed, atol=1e-3)
    assert not np.allclose(result.maps.seed, model.predict_maps(frame).seed, atol=1e-3)
    found = labels_of(bench)
    assert found.shape == image.data.shape
    np.testing.assert_array_equal(found[1], result.instances.labels)
    assert [bool(labels.any()) for labels in found] == [False, True, False, False]


def test_maps_and_objects_are_those_of_the_frame_in_view(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path)
    add(bench)
    bench.images.show_frame(0)
    assert predict(bench, qtbot)
    first = bench.session.result
    bench.images.show_frame(3)
    assert bench.session.result is None
    assert predict(bench, qtbot)
    last = bench.session.result
    assert first is not None
    assert last is not None
    names = [layer.name for layer in bench.viewer.layers]
    assert len(set(names)) == len(names) == 5, "the list does not grow with the frames"
    seed = find_layer(bench.viewer, "seed", str(bench.session.image), "0").data
    np.testing.assert_array_equal(seed[0], first.maps.seed[0])
    np.testing.assert_array_equal(seed[3], last.maps.seed[0])
    assert not seed[1].any()
    bench.images.show_frame(0)
    assert bench.session.result is first


def test_all_frames_are_predicted_from_the_one_in_view_outwards(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path)
    add(bench)
    bench.images.show_frame(2)
    order: list[str] = []
    bench.session.result_changed.connect(order.append)
    assert predict(bench, qtbot, "all_frames")
    assert [key[-1] for key in order] == ["2", "1", "3", "0"]
    assert bench.message == "4 frames of film predicted."
    found, results = labels_of(bench), bench.session.results
    for t in range(FRAMES):
        np.testing.assert_array_equal(found[t], results[f"film.t{t:04d}"].instances.labels)
    # A frame whose result is gone is all that is left to do.
    bench.session.set_result("film.t0001", None)
    order.clear()
    assert predict(bench, qtbot, "all_frames")
    assert order == ["film.t0001"]


def test_the_other_frames_follow_the_settings(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path)
    add(bench)
    bench.images.show_frame(1)
    assert predict(bench, qtbot, "all_frames")
    others = FrameReclustering(bench.session, bench.reclustering, bench.parent)
    assert others.progress == (FRAMES, FRAMES)
    for size in (8, 30):
        bench.session.tune(min_size=size)
    assert others.progress == (0, FRAMES)
    qtbot.waitUntil(lambda: others.progress == (FRAMES, FRAMES), timeout=60_000)
    bench.wait()
    for labels in labels_of(bench):
        assert all(size >= 30 for size in np.bincount(labels.ravel())[1:] if size)
    others.close()


def test_all_images_write_a_series_as_one_file(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path)
    add(bench)
    assert predict(bench, qtbot, "all_images")
    project = bench.session.project
    assert project is not None
    written = read_label_series([project.results_folder / "film.tif"], tracked=True)
    np.testing.assert_array_equal(np.asarray(written.data), labels_of(bench))
    assert labels_of(bench).any((1, 2)).all()
    assert bench.message.startswith("Wrote the labels of 1 image to")


def test_the_labels_of_a_series_are_exported_as_one_file(qtbot: QtBot, tmp_path: Path) -> None:
    bench = EditorBench(qtbot)
    bench.session.device = "cpu"
    use(bench, tmp_path / "model")
    add(bench)
    for t in (1, 2):
        bench.images.show_frame(t)
        assert predict(bench, qtbot)
    linked = bench.series.series
    assert linked is not None, "the objects of all frames can be linked"
    before = linked.revision
    bench.session.tune(min_size=30)
    bench.wait()
    assert linked.revision > before, "and are others now"
    bench.export.export_series(tmp_path / "results")
    said = done(bench)
    assert "film.tif; 2 frames without a prediction are empty; 1 frame had not followed" in said
    assert "such as frame 1: wait until all have" in said
    written = read_label_series([tmp_path / "results/film.tif"], tracked=True)
    np.testing.assert_array_equal(np.asarray(written.data), labels_of(bench))
    assert not (tmp_path / "results/film.csv").exists()
    with tifffile.TiffFile(tmp_path / "results/film.tif") as file:
        about = json.loads((file.imagej_metadata or {})["Info"])
    assert about["model"] == bench.session.model
    assert [one["min_size"] for one in about["clustering"]] == [1, 30]
    others = FrameReclustering(bench.session, bench.reclustering, bench.parent)
    bench.session.tune(min_size=31)
    bench.wait()
    qtbot.waitUntil(
        lambda: all(one.settings.min_size == 31 for one in bench.session.results.values()),
        timeout=60_000,
    )
    bench.export.export_series(tmp_path / "results")
    assert done(bench).endswith("2 frames without a prediction are empty.")
    others.close()
    bench.close()


@pytest.mark.parametrize("linked", [False, True])
def test_a_table_of_the_series_has_frames_and_tracks(
    qtbot: QtBot, tmp_path: Path, linked: bool
) -> None:
    bench = EditorBench(qtbot)
    bench.session.device = "cpu"
    use(bench, tmp_path / "model")
    add(bench)
    for t in (1, 2):
        bench.images.show_frame(t)
        assert predict(bench, qtbot)
    if linked:
        pytest.importorskip("laptrack")
        bench.linking.link()
        qtbot.waitUntil(lambda: not bench.linking.busy, timeout=300_000)
    bench.export.export_series(tmp_path / "results", ["objects", "geojson", "png"])
    assert done(bench).endswith("a table of them to film.csv, and their outlines to film.geojson.")
    with (tmp_path / "results/film.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {t: bench.session.results[f"film.t000{t}"].instances for t in (1, 2)}
    places = [(int(row["frame"]), int(row["label"])) for row in rows]
    assert places == [(t, int(i)) for t, one in found.items() for i in one.ids]
    assert rows[0].keys() >= {"class", "score", "size_px", "mean_intensity_0"}
    (tmp_path / "results/film.csv").write_text("of another origin")
    bench.export.export_series(tmp_path / "results", ["objects", "coco"])
    assert "their outlines to film.coco.json; " in (end := done(bench))
    assert f"{tmp_path / 'results/film.csv'} is there already" in end
    assert (tmp_path / "results/film.csv").read_text() == "of another origin"
    features = json.loads((tmp_path / "results/film.geojson").read_text())["features"]
    outlined = {(f["geometry"]["plane"]["t"], int(f["properties"]["name"])) for f in features}
    assert outlined == set(places)
    if linked:
        series = bench.linking.series
        assert series is not None
        tracks = series.tracks
        assert tracks is not None
        known = [int(tracks.track[tracks.detections.index[place]]) for place in places]
        assert [int(row["track"]) for row in rows] == known
        assert {row["parent"] for row in rows} == {""}
        bench.session.tune(min_size=30)
        bench.wait()
        assert bench.linking.tracks_of(series.layer) is None, "not as they are now"
    else:
        assert "track" not in rows[0]
    bench.close()


def test_maps_of_many_frames_are_in_files_and_work_as_before(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bench, tmp_path)
    monkeypatch.setattr(frame_maps, "MAX_BYTES_IN_MEMORY", 0)
    add(bench)
    bench.images.show_frame(0)
    kept = frame_maps.FrameMaps(bench.session, bench.autosave, bench.images, bench.parent)
    assert predict(bench, qtbot, "all_frames")
    qtbot.waitUntil(lambda: not (kept.busy or bench.autosave.busy), timeout=60_000)
    shown, after = np.array(labels_of(bench)), bench.session.results
    assert [is_stored(result) for result in after.values()].count(False) == 1, "that in view"
    for key, result in after.items():
        np.testing.assert_array_equal(result.instances.labels, shown[int(key[-1])])
    others = FrameReclustering(bench.session, bench.reclustering, bench.parent)
    maps = {key: result.maps for key, result in after.items()}
    bench.session.tune(min_size=30)
    qtbot.waitUntil(lambda: others.progress == (FRAMES, FRAMES), timeout=60_000)
    qtbot.waitUntil(lambda: not kept.busy, timeout=60_000)
    for key, result in bench.session.results.items():
        wanted = cluster(maps[key], bench.session.clustering)
        assert_same_objects(result.instances.labels, wanted.labels)
    # A stored frame that comes into view and goes out of it again takes no memory.
    bench.images.show_frame(1)
    bench.session.tune(min_size=20)
    qtbot.waitUntil(lambda: others.progress == (FRAMES, FRAMES), timeout=60_000)
    bench.images.show_frame(0)
    assert bench.session.results["film.t0001"].clustering._flat_maps is None
    monkeypatch.setattr(frame_maps, "MAX_BYTES_IN_FILES", 0)
    assert predict(bench, qtbot, "image")
    qtbot.waitUntil(lambda: not (kept.busy or bench.autosave.busy), timeout=60_000)
    assert list(bench.session.results) == ["film.t0000"], "the oldest are dropped"
    assert labels_of(bench).any((1, 2)).all(), "and their objects stay"
    assert any("are not kept any more" in text for text in bench.messages)
    kept.close()
    others.close()
