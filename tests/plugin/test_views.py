"""Large images in the window: views where the user paints and predicts, and what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.plugin.layers.large.views import MAX_PIXELS
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.project import Project
from plugin.project_files import project_of
from plugin.robot_actions import canvas, open_dock, press, stroke
from plugin.slide_views import PLACE, add_slide, annotate, current, look, predict, seen
from slides import PERIOD, Slide

Until = Callable[..., None]


@pytest.fixture
def slide() -> Slide:
    return Slide()


def test_painting_on_a_slide_reads_what_is_in_view(
    shown: Viewer, slide: Slide, until: Until
) -> None:
    layer = add_slide(shown, slide)
    dock = open_dock(shown)
    until(lambda: dock.idle and not dock.model_suggestion.busy)
    assert current(dock) is layer
    assert dock.session.model == "nuclei-2d"  # bright objects on dark ground
    assert {read.level for read in slide.reads} == {slide.levels - 1}
    QTest.qWait(300)  # the dock fits what is open into the canvas
    look(shown)
    until(lambda: dock.idle)
    slide.reads.clear()
    annotate(dock)
    view = current(dock)
    assert view.name == "slide, view 1"
    labels = shown.layers.selection.active
    assert isinstance(labels, Labels)
    assert labels.data.shape == view.data.shape
    assert labels.data.nbytes < 2**24
    middle = np.array(PLACE) - view.translate.astype(int)
    for shift in (0, 40, 80):
        stroke(shown, dock, *(middle + (shift, end) for end in (0, 20)))  # noqa: RUF005 - a sum
    until(lambda: dock.idle)
    assert set(np.unique(labels.data)) == {0, 1, 2, 3}
    QTest.keyClick(canvas(dock), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(dock, "Erase")
    stroke(shown, dock, *(middle + (40, end) for end in (-10, 30)))  # noqa: RUF005 - a sum
    until(lambda: dock.idle)
    assert set(np.unique(labels.data)) == {0, 1}
    rows, columns = seen(shown, layer)
    assert slide.reads
    assert all(read.inside(rows, columns) for read in slide.reads)
    dock.autosave.flush()
    assert all(read.inside(rows, columns) for read in slide.reads)
    assert not [read for read in slide.reads if read.main_thread and read.package != "napari"]
    assert dock.session.project is not None
    (entry,) = dock.session.project.card.images
    assert entry.spatial == view.data.shape


def test_this_view_predicts_the_region_that_is_seen(
    viewer: Viewer, slide: Slide, until: Until
) -> None:
    layer = add_slide(viewer, slide, scale=(0.5, 0.5), units=("um", "um"))
    dock = open_dock(viewer)
    look(viewer, (PLACE[0] / 2, PLACE[1] / 2), 3.0)
    until(lambda: dock.idle)
    predict(dock, until)
    slide.reads.clear()  # and a sample of the slide, once, to normalise its views alike
    predict(dock, until)
    view, result = current(dock), dock.session.result
    assert view is not layer
    assert result is not None
    rows, columns = seen(viewer, layer)
    assert all(read.inside(rows, columns) for read in slide.reads)
    box = visible_box(viewer, layer, "YX")
    expected = np.prod([(part.stop - part.start) / PERIOD for part in box])
    assert 0.8 * expected < len(result.instances) < 1.5 * expected
    # They lie on the disks.
    shown = next(x for x in viewer.layers if x.name == "slide, view 1 · instances")
    for centre in result.instances.centre[:20]:
        there = np.asarray(layer.world_to_data(shown.data_to_world(centre)))
        assert np.abs(there % PERIOD - PERIOD / 2).max() < 3
    assert result.maps.seed.nbytes < 2**24


def test_large_objects_are_predicted_from_a_coarser_level(viewer: Viewer, until: Until) -> None:
    slide = Slide(diameter=192)  # eight times as large as the model's
    add_slide(viewer, slide)
    dock = open_dock(viewer)
    look(viewer, zoom=0.5)
    until(lambda: dock.idle)
    dock.session.set_prediction(object_diameter=192)
    predict(dock, until)
    slide.reads.clear()
    predict(dock, until)
    ours = {read.level for read in slide.reads if read.package != "napari"}
    assert ours == {3}
    result, view = dock.session.result, current(dock)
    assert result is not None
    assert result.instances.labels.shape == view.data.shape  # that of the finest level
    sizes = result.instances.size
    assert 0.7 < np.median(sizes) / (np.pi * 96**2) < 1.4
    near = result.instances.centre + view.translate
    far = np.abs(near % (8 * PERIOD) - 4 * PERIOD)
    assert np.median(far) < 8  # a pixel of the level


def test_views_of_one_slide_are_seen_together(viewer: Viewer, slide: Slide, until: Until) -> None:
    layer = add_slide(viewer, slide)
    dock = open_dock(viewer)
    look(viewer)
    annotate(dock)
    first = current(dock)
    painted = viewer.layers.selection.active
    assert isinstance(painted, Labels)
    painted.paint((300, 300), 1)
    look(viewer, (40_000, 10_000))
    until(lambda: dock.idle)  # it follows, as a tool is on
    second = current(dock)
    assert dock.annotation.tool == "draw"
    assert [x.name for x in (first, second)] == ["slide, view 1", "slide, view 2"]
    assert layer.visible
    assert camera(viewer).center[-2:] == (40_000, 10_000)
    dock.annotation_actions.leave()
    look(viewer)
    until(lambda: dock.idle)
    assert current(dock) is first
    look(viewer, (40_000, 20_000))
    until(lambda: dock.idle)
    assert current(dock) is first  # none is made while no tool is on
    dock.images.choose(second)  # as in the list: it is looked at
    assert abs(camera(viewer).center[-1] - 10_000) < 600
    other = viewer.add_image(np.zeros((100, 100), np.uint8), name="other")
    dock.images.choose(other)
    annotations = [x for x in viewer.layers if x.name.endswith("annotations")]
    assert len(annotations) == 2
    assert not any(x.visible for x in (layer, *annotations))
    dock.images.choose(layer)
    assert all(x.visible for x in (layer, *annotations))
    layer.scale = (2, 2)
    until(lambda: dock.idle)
    assert np.allclose(second.scale, 2)
    assert np.allclose(np.asarray(layer.world_to_data(second.data_to_world((0, 0)))) % 512, 0)
    layer.contrast_limits = (0, 2000)
    assert list(second.contrast_limits) == [0, 2000]


def test_views_that_are_only_passed_are_removed(viewer: Viewer, slide: Slide, until: Until) -> None:
    add_slide(viewer, slide)
    dock = open_dock(viewer)
    for column in (10_000, 20_000, 30_000):
        look(viewer, (20_000, column))
        if column == 10_000:
            annotate(dock)
        until(lambda: dock.idle)
        assert current(dock).name in ("slide, view 1", "slide, view 2")
        assert len(viewer.layers) == 3  # the slide, a view, and what is painted in
        assert dock.annotation.tool == "draw"
    labels = viewer.layers.selection.active
    assert isinstance(labels, Labels)
    labels.paint((300, 300), labels.selected_label)
    until(lambda: dock.idle)
    look(viewer, (20_000, 40_000))
    until(lambda: dock.idle)
    assert labels in viewer.layers
    assert len(viewer.layers) == 5


def test_a_view_that_would_hold_too_much_is_refused(viewer: Viewer, slide: Slide) -> None:
    layer = add_slide(viewer, slide)
    dock = open_dock(viewer)
    viewer.reset_view()
    for name in ("Annotate", "This view"):
        press(dock, name)
        assert "zoom in" in dock.message, dock.message
        assert current(dock) is layer
        assert len(viewer.layers) == 1
    # As much as a view may hold, which is not a multiple of its steps.
    look(viewer)
    pixels = np.prod([part.stop - part.start for part in visible_box(viewer, layer, "YX")])
    look(viewer, zoom=np.sqrt(pixels / 15e6))
    annotate(dock)
    assert "zoom in" not in dock.message
    assert 13e6 < np.prod(current(dock).data.shape) <= MAX_PIXELS


def test_a_view_comes_back_with_its_project(
    new_viewer: Callable[..., Viewer],
    tmp_path: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_data, "MAX_PIXELS", 2**21)
    file = tmp_path / "slide.tif"
    rows = np.arange(2000)
    pixels = Slide().values(0, rows, rows)
    pixels[:, :1000] //= 2
    tifffile.imwrite(file, pixels)
    viewer = new_viewer()
    (layer,) = viewer.open(file, plugin="napari")
    assert isinstance(layer, Image)
    dock = open_dock(viewer)
    look(viewer, (1400, 300), 2.0)
    annotate(dock)
    view, labels = current(dock), viewer.layers.selection.active
    assert isinstance(labels, Labels)
    there = tuple(int(x) for x in labels.world_to_data((1400, 300)))
    labels.paint(there, labels.selected_label)
    before, start = np.array(labels.data), tuple(view.translate)
    dock.autosave.flush()
    until(lambda: dock.idle)
    folder = project_of(dock).folder
    (entry,) = Project.open(folder).card.images
    assert entry.window is not None
    assert (folder / entry.path).resolve() == file
    listed = [one.name for one in dock.listed.all()]
    assert sorted(listed) == ["slide", "slide, view 1"]
    dock.close_down()

    again = new_viewer()
    dock = open_dock(again)
    dock.project.open(folder)
    until(lambda: dock.idle)
    view = current(dock)
    assert tuple(view.translate) == start
    assert view.visible
    whole = dock.images.image_data().whole
    assert whole is not None
    assert whole.shape == (1, 2000, 2000)
    labels = next(x for x in again.layers if x.name.endswith("annotations"))
    np.testing.assert_array_equal(labels.data, before)
    assert tuple(labels.translate) == start
    # The file of the large image is opened over it: they are one family again.
    (layer,) = again.open(file, plugin="napari")
    assert not view.visible
    dock.images.choose(layer)
    look(again, (1400, 300), 2.0)
    annotate(dock)
    assert current(dock) is view
    # The dock is opened again over both.
    dock.autosave.flush()
    dock.close_down()
    dock = open_dock(again)
    until(lambda: dock.idle and dock.session.project is not None)
    assert current(dock) is view
    assert layer.visible
    assert dock.images.large is layer
