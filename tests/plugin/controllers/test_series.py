"""Time series: each frame is annotated by itself, in layers that hold all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.open_images import adding
from napari_spatial_embeddings.plugin.controllers.tools.series_import import SeriesImport
from napari_spatial_embeddings.plugin.layers import frames
from napari_spatial_embeddings.plugin.layers.frames import empty_labels
from napari_spatial_embeddings.plugin.layers.tags import find_layer, tag_of
from napari_spatial_embeddings.project import Project
from plugin.owners import Owners, make_owners

Until = Callable[..., None]

FRAMES, SIZE = 5, 48


def pixels(channels: int = 0, depth: int = 0) -> NDArray[np.uint8]:
    shape = (FRAMES, *((channels,) if channels else ()), *((depth,) if depth else ()), SIZE, SIZE)
    return np.random.default_rng(0).integers(0, 200, shape, np.uint8)


def add(owners: Owners, data: NDArray[np.uint8], axes: str = "TYX", name: str = "film") -> Image:
    layer = owners.viewer.add_image(data, name=name)
    assert isinstance(layer, Image)
    owners.images.choose(layer, axes)
    return layer


def go(owners: Owners, t: int) -> None:
    owners.images.show_frame(t)
    assert owners.current.frame == t


def paint(owners: Owners, *corners: int) -> Labels:
    """Paint at corners of the frame in view, as the mouse does."""
    layer = owners.actions.begin().layer
    t, inner = owners.current.frame, layer.ndim - 1
    for corner in corners:
        layer.paint((t, *(0,) * (inner - 2), corner, corner), layer.selected_label)
    return layer


def drawn(layer: Labels) -> list[int]:
    """Return the number of objects in each frame."""
    return [len(np.unique(frame)) - 1 for frame in layer.data]


def total(owners: Owners) -> int:
    count = owners.annotation.count(owners.session.image)
    return -1 if count is None else count.total


def test_each_frame_is_annotated_by_itself(owners: Owners, until: Until) -> None:
    add(owners, pixels())
    go(owners, 1)
    layer = paint(owners, 10, 30)
    assert layer.data.shape == (FRAMES, SIZE, SIZE)
    assert layer.data.dtype == np.int32
    go(owners, 3)
    assert len(owners.viewer.layers) == 2, "the layers of all frames"
    assert layer.selected_label == 1, "labels of a frame are its own"
    paint(owners, 20)
    assert drawn(layer) == [0, 2, 0, 1, 0]
    until(lambda: total(owners) == 1)
    go(owners, 1)
    until(lambda: total(owners) == 2)
    assert owners.annotation.totals.images in (1, 2)
    strokes = owners.annotation.strokes(owners.session.image)
    assert strokes is not None
    assert dict(strokes.classes) == {1: "object", 2: "object"}
    assert strokes.next == 3


def test_undo_is_that_of_the_frame(owners: Owners) -> None:
    add(owners, pixels())
    go(owners, 0)
    layer = paint(owners, 10, 30)
    go(owners, 4)
    layer.undo()
    assert drawn(layer) == [2, 0, 0, 0, 0], "nothing was done here"
    paint(owners, 20)
    layer.undo()
    go(owners, 0)
    layer.undo()
    assert drawn(layer) == [1, 0, 0, 0, 0]
    layer.redo()
    assert drawn(layer) == [2, 0, 0, 0, 0]


def test_a_brush_reaches_no_other_frame(owners: Owners) -> None:
    add(owners, pixels())
    go(owners, 2)
    layer = owners.actions.begin().layer
    layer.n_edit_dimensions = 3
    layer.brush_size = 9
    paint(owners, 20)
    assert drawn(layer) == [0, 0, 1, 0, 0]
    layer.fill((2, 0, 0), 7)
    assert set(np.unique(layer.data[2])) == {1, 7}
    assert not layer.data[[0, 1, 3, 4]].any()


@pytest.mark.parametrize(("channels", "depth"), [(2, 0), (0, 6), (2, 6)])
def test_channels_and_volumes(owners: Owners, channels: int, depth: int) -> None:
    axes = "T" + "C" * bool(channels) + "Z" * bool(depth) + "YX"
    data = pixels(channels, depth)
    image = add(owners, data, axes)
    go(owners, 3)
    found = owners.images.image_data()
    wanted = data[3] if channels else data[3][None]
    np.testing.assert_array_equal(np.asarray(found.data), wanted)
    layer = paint(owners, 20)
    assert layer.data.shape == (FRAMES, *found.shape)
    assert drawn(layer) == [0, 0, 0, 1, 0]
    slider = owners.viewer.dims.ndim - layer.ndim
    assert image.data.shape[slider - owners.viewer.dims.ndim + image.ndim] == FRAMES, "its axis"


def test_frames_come_back_from_the_project(owners: Owners, tmp_path: Path, until: Until) -> None:
    file = tmp_path / "film.tif"
    tifffile.imwrite(file, pixels(), imagej=True, metadata={"axes": "TYX"})
    with layer_source(path=str(file)):
        owners.viewer.add_image(tifffile.imread(file), name="film")
    owners.images.choose(owners.images.layers()[0])
    assert owners.images.axes == "TYX"
    go(owners, 1)
    layer = paint(owners, 10, 30)
    owners.actions.begin_region()
    regions = owners.annotation.regions(owners.session.image)
    assert regions is not None
    regions.add([[1, 2, 2], [1, 2, 40], [1, 40, 40], [1, 40, 2]], shape_type="rectangle")
    go(owners, 3)
    paint(owners, 20)
    go(owners, 4)  # looked at, and nothing drawn
    owners.autosave.flush()
    project = owners.session.project
    assert project is not None
    stored = Project.open(project.folder)
    assert [(e.key, e.frame) for e in stored.card.images] == [("film.t0001", 1), ("film.t0003", 3)]
    assert {stored.folder / e.path for e in stored.card.images} == {file}
    before = np.array(layer.data)
    found = stored.annotation("film.t0001")
    assert found is not None
    np.testing.assert_array_equal(found.labels, before[1])
    assert [region.corners.shape[1] for region in found.regions] == [2]

    owners.close()
    other = make_owners(ViewerModel())
    other.project.open(project.folder)
    assert [x.name for x in other.viewer.layers] == [
        "film",
        "film · annotations",
        "film · complete regions",
    ]
    assert other.current.key == "film.t0001"
    again = find_layer(other.viewer, "annotations", "film.t0001")
    np.testing.assert_array_equal(again.data, before)
    until(lambda: total(other) == 2)
    go(other, 3)
    strokes = other.annotation.strokes("film.t0003")
    assert strokes is not None
    assert dict(strokes.classes) == {1: "object"}
    other.close()


def test_a_series_without_a_file_is_copied_whole(owners: Owners) -> None:
    data = pixels()
    add(owners, data)
    for t in (0, 2):
        go(owners, t)
        paint(owners, 10)
    owners.autosave.flush()
    project = owners.session.project
    assert project is not None
    assert {e.path for e in project.card.images} == {"images/film.tif"}
    np.testing.assert_array_equal(np.asarray(project.image("film.t0002").data)[0], data[2])


def test_another_meaning_of_the_axes_is_another_image(owners: Owners) -> None:
    image = add(owners, pixels(), "ZYX")
    assert owners.current.series is None
    owners.images.choose(image, "TYX")
    series = owners.current.series
    assert series is not None
    assert series.frames == FRAMES
    owners.images.choose(image, "ZYX")
    assert owners.current.series is None
    assert list(owners.session.images) == [owners.session.image]
    tag = tag_of(image)
    assert tag is not None
    assert tag.frame is None


def test_empty_frames_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_BYTES_IN_MEMORY", 100)
    labels = empty_labels((40, 30, 20))
    assert isinstance(labels, np.memmap)
    assert not labels.any()
    labels[3, 4, 5] = 7
    assert labels.sum() == 7


def test_what_is_drawn_on_a_frame_is_copied_to_the_next_one(owners: Owners, until: Until) -> None:
    layer = add(owners, pixels())
    go(owners, 1)
    drawn_in = paint(owners, 10, 30)
    strokes = owners.annotation.strokes(owners.session.image)
    assert strokes is not None
    strokes.draw_background()
    paint(owners, 20)
    go(owners, 2)
    paint(owners, 30, 40)
    held = drawn_in.data[2].copy()
    go(owners, 1)
    owners.imports.copy_to_next_frame()
    assert owners.current.frame == 2, "it is looked at"
    now = drawn_in.data[2]
    np.testing.assert_array_equal(now[held > 0], held[held > 0])
    assert now[10, 10] > 0
    assert now[20, 20] == 0, "background is where it was on its own frame"
    assert owners.messages[-1] == (
        "1 object copied from frame 1 to frame 2; 1 not copied, as something is annotated there"
        " already. Correct what has moved; Ctrl+Z takes it back."
    )
    until(lambda: total(owners) == 3)
    drawn_in.undo()
    np.testing.assert_array_equal(drawn_in.data[2], held)
    go(owners, 3)
    with pytest.raises(InputError, match="nothing is annotated on frame 3"):
        owners.imports.copy_to_next_frame()
    assert owners.current.frame == 3
    go(owners, 1)
    owners.imports.copy_to_next_frame()
    owners.imports.copy_to_next_frame()
    assert drawn_in.data[3][10, 10] == drawn_in.data[2][10, 10], "an object keeps its label"
    owners.autosave.flush()
    project = owners.session.project
    assert project is not None
    saved = project.annotation(f"{layer.name}.t0003")
    assert saved is not None
    np.testing.assert_array_equal(saved.labels, drawn_in.data[3])
    go(owners, 4)
    paint(owners, 30)
    with pytest.raises(InputError, match="frame 4 is the last one"):
        owners.imports.copy_to_next_frame()


def test_scribbles_and_whole_objects_are_not_mixed_on_a_frame(owners: Owners) -> None:
    add(owners, pixels())
    go(owners, 0)
    paint(owners, 10)
    owners.actions.set_scribbled(True)
    go(owners, 1)
    layer = paint(owners, 30)
    owners.actions.set_scribbled(False)
    go(owners, 2)
    owners.actions.set_scribbled(False)
    go(owners, 0)
    with pytest.raises(InputError, match="frame 0 has scribbles and frame 1 whole objects"):
        owners.imports.copy_to_next_frame()
    layer.data[1] = 0
    go(owners, 0)
    owners.imports.copy_to_next_frame()
    tag = tag_of(layer)
    assert tag is not None
    assert tag.scribbled


def test_a_label_series_is_copied_to_all_frames(owners: Owners, until: Until) -> None:
    add(owners, pixels())
    own = np.zeros((FRAMES, SIZE, SIZE), np.uint16)
    for t in (0, 2, 3):
        own[t, 5:15, 5:15], own[t, 25:35, 25:35] = 7 + t, 20
    source = owners.viewer.add_labels(own, name="mine")
    imports = SeriesImport(
        owners.session, owners.images, owners.autosave, owners.annotation, owners.actions
    )
    go(owners, 2)
    layer = paint(owners, 30)
    assert imports.frames(source) == FRAMES
    assert imports.frames(owners.viewer.add_labels(own[:2], name="less")) == 0
    imports.use(source)
    until(lambda: not imports.busy)
    assert drawn(layer) == [2, 0, 3, 2, 0]
    assert layer.data[2][30, 30] == 1, "what was annotated stays"
    assert not source.visible
    assert owners.messages[-1] == (
        "6 objects of mine copied to 3 frames; what was annotated already stays."
    )
    owners.autosave.flush()
    project = owners.session.project
    assert project is not None
    assert {entry.frame for entry in project.card.images} == {0, 2, 3}
    for t in (0, 2, 3):
        saved = project.annotation(f"film.t000{t}")
        assert saved is not None
        np.testing.assert_array_equal(saved.labels, layer.data[t])
        assert set(saved.classes) >= set(np.unique(layer.data[t])) - {0}
    until(lambda: owners.annotation.totals.objects == 7)
    layer.undo()
    assert drawn(layer) == [2, 0, 1, 2, 0]
    go(owners, 3)
    layer.undo()
    assert drawn(layer) == [2, 0, 1, 0, 0], "each frame has its own step back"
    go(owners, 0)
    imports.use(source)
    until(lambda: not imports.busy)
    assert drawn(layer) == [2, 0, 3, 2, 0], "it can be done again"
    imports.use(source)
    until(lambda: not imports.busy)
    assert "holds no object that is not annotated already" in owners.messages[-1]
    imports.close()


def test_a_large_series_without_a_file_is_said_to_be_copied(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "LARGE", 1000)
    add(owners, pixels())
    text = "film is in no file: all its frames, 0.0 GiB, are copied into the project"
    for t in (1, 2):
        go(owners, t)
        paint(owners, 10)
        owners.autosave.flush()
    assert sum(text in message for message in owners.messages) == 1, "once"
    project = owners.session.project
    assert project is not None
    assert len({entry.path for entry in project.card.images}) == 1
