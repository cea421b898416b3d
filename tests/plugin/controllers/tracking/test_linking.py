"""Linking of a series: layers, corrections, undo, what is saved and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Tracks as TracksLayer
from pytestqt.qtbot import QtBot

from movies import moving
from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.export.links import read_links
from napari_spatial_embeddings.plugin.tasks.link_actions import correct_links
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.tracking.corrections import LinkCorrections
from plugin.scenes import EditorBench
from plugin.tracked import Series, cells


@pytest.fixture
def series(qtbot: QtBot) -> Iterator[Series]:
    bench = EditorBench(qtbot)
    yield Series(bench, qtbot, cells())
    bench.close()


def correct(series: Series, tool: str, *cells_at: tuple[int, int]) -> None:
    """Correct as clicks on cells in frames do, and wait."""
    places = tuple(series.place(frame, cell) for frame, cell in cells_at)
    series.rig.linking.correct(partial(correct_links, tool=tool, places=places))
    series.wait()


def test_a_cell_keeps_its_id_and_colour(series: Series) -> None:
    source = series.add()
    tracks = series.link()
    assert series.ids(*((t, 1) for t in range(6))) == [series.ids((0, 1))[0]] * 6
    shown, paths = series.layer("tracked"), series.layer("tracks")
    np.testing.assert_array_equal(shown.data, np.stack([*tracks.relabelled(series.labels)]))
    assert not source.visible
    assert not shown.editable
    for layer in (shown, paths):
        np.testing.assert_allclose(layer.scale, source.scale)
        assert layer.units == source.units
    assert isinstance(paths, TracksLayer)
    assert set(np.unique(paths.data[:, 0])) == set(tracks.ids.tolist())
    ends = paths.data[paths.data[:, 0] == series.ids((0, 6))[0]]
    np.testing.assert_allclose(ends[:, 2:], [[20, 72]] * 6)
    for cell in tracks.ids.tolist():  # the same colour in both
        (colour,) = np.unique(paths.track_colors[paths.data[:, 0] == cell], axis=0)
        np.testing.assert_allclose(colour, shown.get_color(cell), atol=1e-6)
    table = shown.features.set_index("index")
    assert table.loc[series.ids((0, 2))[0], ["start", "end"]].tolist() == [0, 5]
    assert "Linked: 5 tracks, 0 divisions" in series.rig.message


def test_divisions_are_in_the_graph(series: Series) -> None:
    series.add()
    series.rig.linking.settings = TrackingSettings(divisions=True)
    tracks = series.link()
    mother, one, other = series.ids((2, 3), (3, 4), (3, 5))
    assert tracks.parents == {one: mother, other: mother}
    assert series.layer("tracks").graph == {one: [mother], other: [mother]}
    correct(series, "end", (2, 3))
    assert series.layer("tracks").graph == {}
    correct(series, "division", (2, 3), (3, 4), (3, 5))
    assert len(series.layer("tracks").graph) == 2
    assert series.layer("tracked").features["parent"].max() == series.ids((2, 3))[0]


def test_corrections_hold_and_are_undone(series: Series) -> None:
    series.add()
    series.rig.linking.settings = TrackingSettings(max_gap=0)
    series.link()
    linking = series.rig.linking
    before, after = series.ids((2, 2), (4, 2))
    assert before != after
    layer = series.layer("tracked")
    correct(series, "same", (2, 2), (4, 2))
    assert series.ids((2, 2), (4, 2)) == [before, before]
    correct(series, "apart", (1, 6), (2, 6))
    assert "are not the same cell." in series.rig.message
    linking.settings = TrackingSettings(max_step=2, max_gap=0)
    series.link()
    assert series.ids((2, 2), (4, 2)) == [before, before], "it survives another linking"
    assert len(set(series.ids((1, 6), (2, 6)))) == 2
    linking.undo()
    series.wait()
    assert len(set(series.ids((1, 6), (2, 6)))) == 1
    linking.undo()
    series.wait()
    assert len(set(series.ids((2, 2), (4, 2)))) == 2
    assert not linking.can_undo
    linking.redo()
    series.wait()
    assert len(set(series.ids((2, 2), (4, 2)))) == 1
    linking.forget()
    series.wait()
    assert series.record.corrected == 0
    linking.undo()
    series.wait()
    assert series.record.corrected == 1
    assert series.layer("tracked") is layer, "the layer is changed in place"


def test_clicks_that_come_fast_are_made_one_by_one(series: Series) -> None:
    series.add()
    linking = series.rig.linking
    linking.settings = TrackingSettings(max_gap=0)
    series.link()
    for t in range(5):
        places = (series.place(t, 1), series.place(t + 1, 1))
        linking.correct(partial(correct_links, tool="apart", places=places))
    series.wait()
    assert len(set(series.ids(*((t, 1) for t in range(6))))) == 6


def test_what_cannot_be_is_a_sentence(series: Series) -> None:
    series.add()
    series.link()
    correct(series, "same", (1, 1), (1, 2))
    assert "in one frame" in series.rig.message
    assert not series.rig.linking.can_undo


def test_corrections_are_saved_and_come_back(series: Series, home: Path) -> None:
    source = series.add()
    series.link()
    series.rig.autosave.save_now()
    assert series.rig.session.project is None, "there is nothing to save"
    correct(series, "apart", (1, 6), (2, 6))
    series.rig.autosave.save_now()
    project = series.rig.session.project
    assert project is not None
    assert home in project.folder.parents
    assert read_links(project.links_file("cells")) == series.record.corrections
    # The same labels in another session.
    series.rig.viewer.layers.remove(source)
    series.rig.viewer.layers.clear()
    series.add()
    series.link()
    assert series.record.corrected == 1
    assert len(set(series.ids((1, 6), (2, 6)))) == 2
    assert "with 1 correction from the project" in series.rig.message


def test_a_correction_is_saved_though_the_dock_closes_at_once(qtbot: QtBot) -> None:
    bench = EditorBench(qtbot)
    series = Series(bench, qtbot, cells())
    series.add()
    series.link()
    places = (series.place(1, 6), series.place(2, 6))
    bench.linking.correct(partial(correct_links, tool="apart", places=places))
    bench.close()
    assert bench.session.project is not None
    assert len(read_links(bench.session.project.links_file("cells"))) == 1


def test_another_project_is_another_beginning(series: Series, tmp_path: Path) -> None:
    source = series.add()
    series.link()
    correct(series, "end", (1, 6))
    series.rig.autosave.save_now()
    series.rig.project.create(tmp_path / "other")
    assert series.layer("tracked") is None
    assert series.record.layer is source
    series.link()
    assert series.record.corrections == LinkCorrections()


def test_labels_that_change_are_measured_again(series: Series) -> None:
    source = series.add()
    tracks = series.link()
    assert not series.record.stale
    source.paint((0, 35, 60), 99)
    assert series.record.stale
    again = series.link()
    assert len(again.detections) == len(tracks.detections) + 1
    source.scale = (1, 1, 1)
    assert series.link().detections.length == 1
    source.data = moving(4, 3, (40, 40))
    assert series.record.stale
    assert series.link().detections.frames == 3
    assert series.layer("tracked").data.shape == (3, 40, 40)


def test_labels_that_change_while_they_are_linked(series: Series) -> None:
    source = series.add()
    series.rig.linking.link()
    source.paint((0, 35, 60), 99)
    series.wait()
    assert series.record.stale


def test_corrections_without_effect_are_counted(series: Series) -> None:
    source = series.add()
    series.link()
    correct(series, "end", (1, 6))
    source.data = np.where(source.data == 16, 0, source.data)
    series.link()
    assert "1 of 1 correction name objects that are gone" in series.rig.message


def test_no_objects_no_path(series: Series) -> None:
    source = series.add(np.zeros((3, 30, 30), np.int32))
    series.link()
    assert series.layer("tracks") is None
    assert not np.asarray(series.layer("tracked").data).any()
    source.data = moving(4, 3, (40, 40))
    series.link()
    assert series.layer("tracks") is not None
    source.data = np.zeros((3, 30, 30), np.int32)
    series.link()
    assert series.layer("tracks") is None


def test_volumes_are_linked_too(series: Series) -> None:
    labels = moving(8, 4, (24, 24, 24), step=1)
    series.add(labels, scale=(1, 1, 1, 1), units="pixel")
    tracks = series.link()
    assert len(tracks.ids) == 8
    np.testing.assert_array_equal(
        series.layer("tracked").data, np.stack([*tracks.relabelled(labels)])
    )


def test_stopping_leaves_what_was_there(series: Series) -> None:
    series.add()
    linking = series.rig.linking
    linking.link()
    linking.cancel()
    assert series.record.tracks is None
    assert not linking.busy
    assert series.rig.message == "Stopped: nothing is linked."
    tracks = series.link()
    linking.link()
    linking.cancel()
    assert series.record.tracks is tracks


def test_a_removed_layer_ends_its_linking(series: Series) -> None:
    source = series.add()
    series.rig.linking.link()
    series.rig.viewer.layers.remove(source)
    assert not series.rig.linking.busy
    assert series.rig.series.series is None


def test_values_that_are_no_labels_are_a_sentence(series: Series) -> None:
    series.add(np.full((2, 30, 30), 2**40, np.int64))
    series.rig.linking.link()
    series.wait()
    assert "too high" in series.rig.message


def test_settings_are_kept_in_the_project(series: Series, tmp_path: Path) -> None:
    rig, chosen = series.rig, TrackingSettings(max_gap=3, divisions=True, max_step=7.0)
    rig.linking.settings = chosen
    project = rig.project.ensure()
    rig.autosave.flush()
    rig.project.create(tmp_path / "another")
    rig.linking.settings = TrackingSettings(max_gap=2)
    rig.autosave.flush()
    assert Project.open(tmp_path / "another").card.tracking.max_gap == 2
    rig.project.open(project.folder)
    assert rig.linking.settings == chosen
