"""Annotations: watched, counted and saved, with nothing but the viewer's model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels

from builders import capsules
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.samples import nuclei
from plugin.owners import Owners

Until = Callable[..., None]


def add(owners: Owners, name: str = "cells", size: int = 48) -> Image:
    layer = owners.viewer.add_image(np.zeros((size, size), np.uint8), name=name)
    owners.images.choose(layer)
    return layer


def paint(owners: Owners, *corners: int) -> Labels:
    layer = owners.actions.begin().layer
    for corner in corners:
        layer.paint((corner, corner), layer.selected_label)
    return layer


def stored(owners: Owners, key: str = "cells") -> Annotation:
    assert owners.session.project is not None
    found = Project.open(owners.session.project.folder).annotation(key)
    assert found is not None
    return found


def total(owners: Owners, key: str = "cells") -> int:
    count = owners.annotation.count(key)
    return -1 if count is None else count.total


def test_what_is_painted_is_dirty_until_it_is_saved(owners: Owners) -> None:
    add(owners)
    layer = paint(owners)
    assert not owners.current.edited
    owners.autosave.save_now()
    assert owners.session.project is None, "an empty layer alone creates no project"
    paint(owners, 5, 20)
    assert owners.current.edited
    assert owners.current.dirty
    assert owners.autosave.pending
    owners.autosave.flush()
    assert not owners.current.dirty
    assert np.array_equal(stored(owners).labels, layer.data)
    assert stored(owners).classes == {1: "object", 2: "object"}
    before = owners.current.revision
    paint(owners, 35)
    assert owners.current.revision > before
    assert owners.current.dirty
    owners.autosave.flush()
    assert np.array_equal(stored(owners).labels, layer.data)


def test_what_could_not_be_written_stays_dirty(owners: Owners, home: Path) -> None:
    blocked = home / "spatial-embeddings"
    blocked.write_text("a file where the folder should be")
    add(owners)
    layer = paint(owners, 5)
    owners.autosave.flush()
    assert owners.current.dirty
    assert "cannot be written" in owners.autosave.problem
    blocked.unlink()
    owners.autosave.save_now()
    assert not owners.current.dirty
    assert owners.autosave.problem == ""
    assert np.array_equal(stored(owners).labels, layer.data)


def test_another_project_has_nothing_of_it_yet(owners: Owners, tmp_path: Path) -> None:
    add(owners)
    paint(owners, 5)
    owners.autosave.flush()
    assert not owners.current.dirty
    owners.session.set_project(Project.create(tmp_path / "other"))
    owners.images.choose(owners.images.layers()[0])
    assert owners.current.dirty


def test_counts_follow_what_is_painted(owners: Owners, until: Until) -> None:
    add(owners)
    assert owners.annotation.count("cells") is None
    assert not owners.annotation.totals.images
    paint(owners, 5, 20)
    until(lambda: total(owners) == 2)
    until(lambda: not owners.annotation.busy)
    assert owners.annotation.totals.images
    assert not owners.annotation.totals.scribbled_only
    owners.actions.set_scribbled(True)
    assert owners.annotation.totals.scribbled_only


def test_a_polygon_is_counted_though_its_event_comes_before_it_is_painted(
    owners: Owners, until: Until
) -> None:
    add(owners)
    layer = owners.actions.begin().layer
    until(lambda: total(owners) == 0 and not owners.annotation.busy)
    pool = owners.annotation._counts._worker._pool  # of one thread, which counts
    layer.events.paint.connect(lambda _: pool.submit(int).result(), position="last")
    layer.paint_polygon([[5, 5], [5, 12], [12, 12]], 1)
    until(lambda: not owners.annotation.busy)
    assert total(owners) == 1


def test_an_undo_is_counted_and_saved(owners: Owners, until: Until) -> None:
    add(owners)
    layer = paint(owners, 5, 20)
    until(lambda: total(owners) == 2)
    until(lambda: not owners.annotation.busy)
    owners.autosave.flush()
    layer.undo()
    until(lambda: total(owners) == 1)
    assert owners.current.dirty
    assert owners.autosave.pending
    owners.autosave.flush()
    assert np.array_equal(stored(owners).labels, layer.data)
    layer.undo()
    until(lambda: total(owners) == 0)
    assert owners.current.dirty
    owners.autosave.flush()
    assert not stored(owners).labels.any()


def test_classes_are_replaced_in_the_tag(owners: Owners) -> None:
    add(owners)
    layer = paint(owners, 5)
    before = tag_of(layer)
    assert before is not None
    paint(owners, 20)
    after = tag_of(layer)
    assert after is not None
    assert before.classes == {1: "object"}
    assert after.classes == {1: "object", 2: "object"}


def test_a_class_is_renamed_in_open_and_in_closed_images(owners: Owners, until: Until) -> None:
    first = add(owners, "first")
    paint(owners, 5)
    add(owners, "second")
    paint(owners, 5)
    until(lambda: total(owners, "first") == total(owners, "second") == 1)
    owners.autosave.flush()
    for layer in [x for x in owners.viewer.layers if x is first or x.name.startswith("first ")]:
        owners.viewer.layers.remove(layer)
    assert total(owners, "first") == 1, "it is closed, and still counts"
    owners.annotation.rename_class("object", " nucleus ")
    owners.autosave.save_now()
    for key in ("first", "second"):
        assert stored(owners, key).classes == {1: "nucleus"}
    assert owners.session.classes == ("nucleus",)
    assert owners.annotation.class_name == "nucleus"
    owners.session.set_classes(("nucleus", "debris"))
    until(lambda: not owners.annotation.busy)
    with pytest.raises(InputError, match="is the class of 2 objects"):
        owners.annotation.remove_class("nucleus")
    owners.annotation.remove_class("debris")
    with pytest.raises(InputError, match="one class at least"):
        owners.annotation.remove_class("nucleus")


@pytest.mark.parametrize("name", ["", "  ", "debris", BACKGROUND])
def test_a_name_that_cannot_be_is_refused(name: str, owners: Owners) -> None:
    owners.session.set_classes(("object", "debris"))
    with pytest.raises(InputError, match="cannot be the name of a class"):
        owners.annotation.rename_class("object", name)


def test_classes_that_come_with_a_layer_replace_the_unused_one(owners: Owners) -> None:
    owners.annotation.learn_classes(["large", "small"])
    assert list(owners.session.classes) == ["large", "small"]
    assert owners.annotation.class_name == "large"
    owners.annotation.learn_classes(["small", "third"])
    assert owners.session.classes[2:] == ("third",)


def test_a_layer_that_is_deleted_comes_back_as_it_was(owners: Owners) -> None:
    add(owners)
    layer = paint(owners, 5, 20)
    drawn = layer.data.copy()
    owners.viewer.layers.remove(layer)
    assert owners.annotation.strokes("cells") is None
    assert owners.current.strokes is None
    again = owners.actions.begin().layer
    assert again is not layer
    assert np.array_equal(again.data, drawn)
    assert not owners.current.dirty


def test_painting_goes_on_while_the_image_is_closed(owners: Owners, until: Until) -> None:
    image = add(owners)
    layer = paint(owners, 5)
    owners.autosave.flush()
    owners.viewer.layers.remove(image)
    assert "cells" not in owners.session.images
    assert owners.annotation.strokes("cells") is not None
    layer.paint((20, 20), layer.selected_label)
    owners.project_images.show("cells")
    assert owners.current.strokes is owners.annotation.strokes("cells")
    assert [x.name for x in owners.viewer.layers].count("cells · annotations") == 1
    owners.autosave.flush()
    assert not owners.current.dirty
    assert np.array_equal(stored(owners).labels, layer.data)
    until(lambda: total(owners) == 2)


def test_images_of_a_project_are_counted_without_being_open(
    owners: Owners, tmp_path: Path, until: Until
) -> None:
    project = Project.create(tmp_path / "cells")
    for number in (0, 1):
        sample = nuclei(number, size=96, annotated=4 + number)
        key = project.add_image(None, sample.image, name=f"field {number}").key
        project.save_annotation(key, Annotation(sample.annotated, scribbled=True))
    owners.project.open(project.folder)
    until(lambda: not owners.annotation.busy)
    assert owners.session.images.keys() == {"field_0"}
    assert [total(owners, key) for key in ("field_0", "field_1")] == [4, 5]
    assert owners.annotation.totals.images
    assert owners.annotation.totals.scribbled_only
    assert str(owners.annotation.count("field_1")) == "5 objects"


def test_the_tool_is_that_of_the_active_layer(owners: Owners) -> None:
    image = add(owners)
    assert owners.annotation.tool == ""
    for tool in ("draw", "background", "erase", "class", "region"):
        owners.actions.use_tool(tool)
        assert owners.annotation.tool == tool
    owners.viewer.layers.selection.active = image
    assert owners.annotation.tool == ""


def test_objects_of_another_layer_are_copied_to_where_they_lie(owners: Owners) -> None:
    um = {"scale": (0.5, 0.5), "units": ("um", "um")}
    owners.images.choose(owners.viewer.add_image(np.zeros((48, 48)), translate=(7, 0), **um))
    mine = paint(owners, 20)
    before = mine.data.copy()
    crop = np.zeros((30, 30), np.uint8)
    crop[:4, :4], crop[10:14, 10:14], crop[26:, 26:] = 5, 6, 200
    theirs = owners.viewer.add_labels(crop, name="crop", translate=(14.5, 7.5), **um)
    owners.imports.use_layer(theirs)
    assert owners.messages[-1] == "3 objects of crop copied."
    assert not theirs.visible
    np.testing.assert_array_equal(mine.data[before > 0], before[before > 0])
    for label, seen in zip((2, 3, 4), (5, 6, 200), strict=True):
        there = np.argwhere(mine.data == label).mean(0)
        inside = np.argwhere((crop == seen) & (before[15:45, 15:45] == 0)).mean(0)
        np.testing.assert_allclose(mine.data_to_world(there), theirs.data_to_world(inside))
    beside = owners.viewer.add_labels(crop, name="beside", translate=(90, 0), **um)
    with pytest.raises(InputError, match="beside lies beside the image"):
        owners.imports.use_layer(beside)


def test_objects_of_a_large_layer_are_copied_in_a_thread(owners: Owners, until: Until) -> None:
    """What is painted meanwhile stays, and one undo takes the copy back."""
    labels = capsules((600, 600), count=30, radius=12)
    owners.images.choose(owners.viewer.add_image(np.zeros((600, 600), np.uint8)))
    theirs = owners.viewer.add_labels(labels, name="theirs")
    owners.imports.use_layer(theirs)
    assert owners.imports.busy
    mine = owners.actions.begin().layer
    mine.paint((300, 300), mine.selected_label)
    before = mine.data.copy()
    until(lambda: not owners.imports.busy)
    assert owners.messages[-1] == "30 objects of theirs copied."
    np.testing.assert_array_equal(mine.data[before > 0], before[before > 0])
    np.testing.assert_array_equal(mine.data > 0, (labels > 0) | (before > 0))
    assert len(np.unique(mine.data)) == 32, "the stroke has a label of its own"
    mine.undo()
    np.testing.assert_array_equal(mine.data, before)
    mine.redo()
    grey = owners.viewer.add_labels(np.arange(360_000).reshape(600, 600), name="grey")
    owners.imports.use_layer(grey)
    until(lambda: not owners.imports.busy)
    assert "grey holds" in owners.messages[-1]
    owners.viewer.layers.remove(mine)
    owners.imports.use_layer(theirs)
    owners.viewer.layers.clear()
    until(lambda: not owners.imports.busy)


def test_objects_of_a_small_part_are_added_at_the_cost_of_that_part(
    owners: Owners, until: Until
) -> None:
    """However large the image: no pixel elsewhere is compared, drawn again or kept for the undo."""
    owners.images.choose(owners.viewer.add_image(np.zeros((600, 600), np.uint8)))
    labels = np.zeros((600, 600), np.int32)
    labels[100:180, 250:350] = capsules((80, 100), count=9, radius=6, length=6)
    mine = owners.actions.begin().layer
    parts: list[tuple[int, ...]] = []
    whole: list[object] = []
    mine.events.labels_update.connect(lambda event: parts.append(event.data.shape))
    mine.events.set_data.connect(whole.append)
    owners.imports.use_layer(owners.viewer.add_labels(labels, name="theirs"))
    until(lambda: not owners.imports.busy)
    assert np.array_equal(mine.data > 0, labels > 0)
    rows, columns = (np.flatnonzero(labels.any(axis)) for axis in (1, 0))
    assert parts == [(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)]
    assert not whole
    mine.undo()
    assert not mine.data.any()


def test_a_stroke_beside_objects_that_are_being_copied_keeps_its_label(
    owners: Owners, until: Until
) -> None:
    """What is painted outside the copied layer, once the thread has copied the annotation."""
    owners.images.choose(owners.viewer.add_image(np.zeros((600, 600), np.uint8)))
    mine = paint(owners, 20)
    theirs = owners.viewer.add_labels(capsules((300, 300), count=9, radius=9), translate=(300, 300))
    owners.imports.use_layer(theirs)
    owners.imports._worker._pool.submit(lambda: None).result()  # it is done, but not yet heard of
    paint(owners, 60)
    until(lambda: not owners.imports.busy)
    assert owners.messages[-1].startswith("9 objects")
    assert len(np.unique(mine.data)) == 1 + 2 + 9
    beside = np.unique(mine.data[:300])
    assert not set(beside[beside > 0]) & set(np.unique(mine.data[300:]))


def test_closing_leaves_the_layers_alone(owners: Owners) -> None:
    add(owners)
    layer = paint(owners, 5)
    owners.annotation.close()
    layer.paint((20, 20), 7)
    assert layer.data[20, 20] == 7
    tag = tag_of(layer)
    assert tag is not None
    assert tag.classes == {1: "object"}
