"""Regions to annotate next: where the view goes, what is accepted, and what becomes complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from napari.utils.key_bindings import KeymapHandler
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import covered
from napari_spatial_embeddings.plugin.controllers.proposing.next_region import (
    AT_FIRST,
    NO_RESULT,
    NextRegion,
)
from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, canvas_size
from napari_spatial_embeddings.plugin.layers.tags import find_layer, tagged
from plugin.films import Film
from plugin.scenes import EditorBench, Scene, open_image, predict

Labels = NDArray[np.int32]


def row(shape: tuple[int, ...] = (60, 900)) -> Labels:
    """Return the labels of 29 squares, or cubes, in a row."""
    labels = np.zeros(shape, np.int32)
    for k in range(1, 30):
        labels[..., 25:35, 30 * k - 5 : 30 * k + 5] = k
    return labels


def maps_with(labels: Labels, *unsure: int, seed: float = 0.81) -> EmbeddingMaps:
    """Return maps on which all objects but some are sure."""
    ideal = ideal_maps(labels, sigma=4.0)
    low = np.where(np.isin(labels, unsure), np.float32(seed), ideal.seed)
    return replace(ideal, seed=low * (labels > 0))


@dataclass
class Desk:
    """Images at which someone annotates what is proposed."""

    bench: EditorBench
    next: NextRegion
    qtbot: QtBot

    def image(self, *unsure: int, name: str = "cells", labels: Labels | None = None) -> Scene:
        """Open an image on which some objects are unsure."""
        labels = row() if labels is None else labels
        scene = Scene(self.bench, open_image(self.bench, labels, name), self.qtbot)
        predict(scene, maps_with(labels, *unsure))
        return scene

    def wait(self) -> None:
        parts = (self.next, self.bench.object_import, self.bench.annotation, self.bench.images)
        self.qtbot.waitUntil(
            lambda: not any(getattr(part, "busy", False) for part in parts), timeout=300_000
        )

    def go(self, action: str = "next") -> None:
        self.do(action)
        self.wait()

    def do(self, action: str) -> None:
        getattr(self.next.walk if action == "back" else self.next, action)()

    @property
    def box(self) -> tuple[slice, ...]:
        assert self.next.region is not None
        return self.next.region.box

    @property
    def outline(self) -> Any:
        """The outline that is seen, if there is one."""
        return next((x for x in tagged(self.bench.viewer, "proposed") if x.visible), None)

    def inside(self) -> set[int]:
        """Return the objects in the region, by their place in the row."""
        return set(np.unique(row()[self.box[-2:]]).tolist()) - {0}

    def complete(self) -> NDArray[np.bool_]:
        """Return what is complete of the current image."""
        image = self.bench.session.current
        assert image is not None
        assert image.result is not None
        return covered(regions_of(image.regions), image.result.maps.shape)

    def drawn(self) -> Labels:
        image = self.bench.session.current
        assert image is not None
        return image.strokes.labels if image.strokes else np.zeros(1, np.int32)

    def draw(self, label: int) -> None:
        """Paint an object of the current image."""
        strokes = self.bench.annotation_actions.begin()
        at = np.nonzero(row() == label)
        strokes.layer.data_setitem(at, np.int32(strokes.next))
        self.wait()


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    bench = EditorBench(qtbot)
    shown = NextRegion(
        bench.viewer, bench.session, bench.images, bench.annotation_actions, bench.object_import
    )
    yield Desk(bench, shown, qtbot)
    shown.close()
    assert not list(tagged(bench.viewer, "proposed"))
    bench.close()


def test_without_a_prediction_a_sentence_says_what_to_do(desk: Desk) -> None:
    for text in (NO_RESULT, NO_RESULT, AT_FIRST):
        assert desk.next.text == text
        for action in ("skip", "back", "accept"):
            with pytest.raises(InputError, match="No region is shown: press Next first"):
                desk.do(action)
        if text == NO_RESULT:
            assert desk.next.problem == NO_RESULT
            with pytest.raises(InputError):
                desk.next.next()
        if not desk.bench.session.images:
            open_image(desk.bench, row())
        elif not desk.bench.session.results:
            predict(Scene(desk.bench, str(desk.bench.session.image), desk.qtbot), maps_with(row()))
    assert not desk.next.problem


@pytest.mark.parametrize("shape", [(60, 900), (8, 60, 900)], ids=["image", "volume"])
def test_the_view_goes_to_what_is_unsure_and_accepting_completes_it(
    desk: Desk, shape: tuple[int, ...]
) -> None:
    labels = row(shape)
    scene = desk.image(20, labels=labels)
    active = desk.bench.viewer.layers.selection.active
    desk.go()
    assert 20 in desk.inside()
    assert desk.next.text == "Region 1 of 1: 1 unsure object."
    viewer, layer = desk.bench.viewer, scene.layer
    assert desk.outline is not None
    assert viewer.layers.selection.active is active
    # What is outlined is in the middle of the canvas, all of it, and in the slice in view.
    edges = np.array([(part.start - 0.5, part.stop - 0.5) for part in desk.box]).T
    low, high = (np.array(layer.data_to_world(edge)) for edge in edges)
    np.testing.assert_allclose(np.array(camera(viewer).center[-2:]), (low + high)[-2:] / 2)
    seen = canvas_size(viewer) / camera(viewer).zoom
    assert ((high - low)[-2:] <= 0.5 * seen + 1e-6).all()
    at = layer.world_to_data(viewer.dims.point)
    for axis in viewer.dims.not_displayed:
        assert desk.box[axis].start <= round(float(at[axis])) < desk.box[axis].stop
    assert not desk.complete().any(), "it is only proposed"
    desk.go("accept")
    region = np.zeros(shape, bool)
    region[desk.box] = True
    assert np.array_equal(desk.complete(), region)
    inside = np.isin(labels, list(desk.inside()))
    assert np.array_equal(desk.drawn() > 0, inside)
    assert viewer.layers.selection.active is active
    assert desk.next.text == "Region 1 of 1: complete."
    desk.go()
    assert desk.next.region is None
    assert desk.outline is None
    assert "stands out" in desk.next.text
    assert np.array_equal(desk.complete(), region), "it is complete once"


def test_a_region_is_complete_if_all_that_was_found_in_it_is_drawn(desk: Desk) -> None:
    desk.image(3, 14, 15, 25)
    desk.go()
    first, inside = desk.next.region, sorted(desk.inside())
    assert len(inside) > 1
    desk.draw(inside[0])
    desk.go()
    assert desk.next.region is not first
    assert not desk.complete().any()
    assert f"{len(inside) - 1} object" in desk.bench.message
    desk.go("back")
    assert desk.next.region is first
    with pytest.raises(InputError, match="first region"):
        desk.do("back")
    for label in inside[1:]:
        desk.draw(label)
    desk.go()
    assert first is not None
    assert desk.complete()[first.box].all()
    assert desk.complete().sum() == np.prod([part.stop - part.start for part in first.box])


def test_what_is_skipped_or_not_drawn_in_is_left_as_it_is(desk: Desk) -> None:
    desk.image(3, 14, 15, 25)
    desk.go()
    seen = [desk.inside()]
    desk.draw(min(desk.inside()))
    desk.go("skip")
    seen.append(desk.inside())
    desk.go("next")
    seen.append(desk.inside())
    assert all(not a & b for k, a in enumerate(seen) for b in seen[:k])
    desk.go("next")
    assert desk.next.region is None
    assert "All regions were shown" in desk.next.text
    assert not desk.complete().any()
    # Another prediction brings new ones.
    scene = Scene(desk.bench, str(desk.bench.session.image), desk.qtbot)
    predict(scene, maps_with(row(), 15))
    desk.go()
    assert 15 in desk.inside()


def test_a_region_without_objects_can_be_accepted_as_background(desk: Desk) -> None:
    scene = desk.image(14)
    desk.go()
    labels = [k for k in np.unique(scene.instances.labels[desk.box]).tolist() if k]
    for label in labels:
        desk.bench.correction.do(partial(_deleted, label=label))
        scene.wait()
    desk.go("accept")
    assert "nothing to add" in desk.bench.message
    assert desk.complete()[desk.box].all()
    assert not desk.drawn().any()


def test_the_current_image_comes_first_and_the_view_follows_to_others(desk: Desk) -> None:
    one = desk.image(3, name="one")
    two = desk.image(14, 15, 16, 25, name="two")
    desk.bench.images.choose(desk.bench.session.images[one.key].layer)
    desk.go()
    assert desk.next.region is not None
    assert desk.next.region.image == one.key
    assert 3 in desk.inside()
    desk.go()
    assert desk.bench.session.image == two.key
    assert desk.inside() & {14, 15, 16}
    assert desk.outline is not None
    desk.bench.images.choose(desk.bench.session.images[one.key].layer)
    assert desk.outline is None
    assert "is in two" in desk.next.text
    with pytest.raises(InputError, match="another image"):
        desk.next.accept()
    assert not desk.drawn().any()
    desk.bench.images.choose(desk.bench.session.images[two.key].layer)
    assert desk.outline is not None
    desk.bench.viewer.layers.remove(desk.bench.session.images[two.key].layer)
    assert desk.next.region is None
    desk.go()
    assert desk.next.region is None or desk.next.region.image == one.key


def test_frames_of_a_series_are_searched_and_shown(desk: Desk) -> None:
    desk.image(3, name="volume", labels=row((8, 60, 900)))
    desk.go()  # whose outline stays, hidden, and is not what is looked at afterwards
    desk.bench.session.set_result(str(desk.bench.session.image), None)
    unsure = iter([(), (), (7, 8, 20), ()])
    film = Film(desk.bench, [row()] * 4, maps=lambda labels: maps_with(labels, *next(unsure)))
    assert film.series.frame == 0
    desk.go()
    assert film.series.frame == 2
    assert desk.inside() & {7, 8}
    assert desk.outline is not None
    desk.go("accept")
    shown = find_layer(desk.bench.viewer, "annotations", str(desk.bench.session.image))
    assert [bool(frame.any()) for frame in shown.data] == [False, False, True, False]
    assert desk.complete()[desk.box].all()
    film.go(1)
    assert desk.outline is None
    assert not desk.complete().any()
    desk.go()
    assert film.series.frame == 2
    assert 20 in desk.inside()


def test_other_results_are_searched_again_and_corrections_are_not(desk: Desk) -> None:
    scene = desk.image(3, 14, 25)
    desk.go()
    first = sorted(desk.inside())
    label = int(scene.instances.labels[row() == 29][0])
    desk.bench.correction.do(partial(_accepted, label=label))
    scene.wait()
    desk.go()
    assert desk.next.text.startswith("Region 2 of 3")
    scene.tune(seed_threshold=0.85)
    desk.go()
    assert desk.next.text.startswith("Region 1 of"), "objects are nearly found now"
    assert "nearly found" in desk.next.text
    assert first


def _deleted(now: Any, label: int) -> Any:
    return edit.delete(now.corrections, now.instances, label)


def _accepted(now: Any, label: int) -> Any:
    return edit.accept(now.corrections, now.instances, [label])


def test_completing_a_region_is_undone_as_one_is_that_was_drawn(desk: Desk) -> None:
    scene = desk.image(14)
    desk.go()
    desk.go("accept")
    layer = desk.bench.annotation.regions(scene.key)
    assert layer is not None
    handler = KeymapHandler()
    handler.keymap_providers = [layer]
    assert handler.press_key("Control-Z")
    assert not desk.complete().any()
    assert "1 unsure object" in desk.next.text
