"""What users, napari and scripts do to the plugin's layers: moved, renamed axes, wiped metadata."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, _layer_actions
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.layers.tags import find_layer, role_of, tag_of
from napari_spatial_embeddings.plugin.state.open_image import PartialResult
from plugin.owners import Owners
from plugin.scenes import EditorBench, Scene, new_scene


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def noise(*shape: int) -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)


def add(owners: Owners, *shape: int, **how: Any) -> Image:
    layer = owners.viewer.add_image(noise(*shape), name="cells", **how)
    assert isinstance(layer, Image)
    owners.images.choose(layer)
    return layer


def painted(owners: Owners) -> Labels:
    layer = owners.actions.begin().layer
    layer.paint((0,) * (layer.ndim - 2) + (5, 5), layer.selected_label)
    return layer


def rotated(degrees: float) -> NDArray[np.float64]:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


TRANSFORMS: dict[str, Any] = {
    "scale": (-0.5, 0.25),
    "translate": (7, -3),
    "rotate": rotated(30),
    "shear": [0.4],
    "affine": np.array([[0, 1.5, 2], [1, 0.2, 3], [0, 0, 1]]),
    "units": ("um", "nm"),
}


# ------------------------------------------------------------------ place and axes


@pytest.mark.parametrize("channels", [False, True])
def test_layers_lie_on_their_image_whatever_is_done_to_it(channels: bool, owners: Owners) -> None:
    layer = add(owners, *((2, 24, 32) if channels else (24, 32)))
    ours = [owners.actions.begin().layer, owners.actions.begin_region()]
    for name, value in TRANSFORMS.items():
        own = getattr(layer, name)
        if channels:
            full: Any = np.eye(4 if name == "affine" else 3)
            if name in ("rotate", "affine"):
                full[1:, 1:] = value
                value = full
            elif name == "shear":
                value = [0, 0, *value]
            else:
                value = (*own[:1], *value)
        setattr(layer, name, value)
        QApplication.processEvents()
        for other in ours:
            for pixel in itertools.product((0.0, 23.0), (0.0, 31.0)):
                where = layer.data_to_world((0, *pixel) if channels else pixel)[-2:]
                np.testing.assert_allclose(other.data_to_world(pixel), where, err_msg=name)
            assert other.units == layer.units[-2:]
    assert owners.messages == [], "nothing of it was put back"


def test_a_layer_that_lies_on_pixels_is_not_moved_alone(owners: Owners) -> None:
    image = add(owners, 24, 32, scale=(2, 2))
    layer = painted(owners)
    layer.translate, layer.scale = (5, 5), (1, 1)
    QApplication.processEvents()
    assert tuple(layer.translate) == (0, 0)
    assert tuple(layer.scale) == (2, 2)
    assert "cells · annotations stays on its image" in owners.messages.pop()
    image.translate = (5, 5)
    QApplication.processEvents()
    assert tuple(layer.translate) == (5, 5)
    assert owners.messages == []


@pytest.mark.parametrize("how", ["axis_labels", "units"])
def test_axes_that_are_named_afterwards_are_followed(how: str, owners: Owners) -> None:
    image = add(owners, 6, 24, 32)
    assert owners.images.axes == "ZYX"
    layer = painted(owners)
    names: dict[str, Any] = {"axis_labels": ("t", "y", "x"), "units": ("second", "um", "um")}
    setattr(image, how, names[how])
    assert owners.images.axes == "TYX"
    assert owners.current.layer is image
    series = owners.current.series
    assert series is not None
    assert series.frames == 6
    assert role_of(layer) is None, "what was drawn is kept, and said"
    assert layer.name == "cells · annotations before"
    assert "it is another image" in owners.messages[-1]
    image.axis_labels = ("c", "y", "x")
    assert owners.images.kind() == (6, 2)


def test_a_choice_stays_when_other_things_are_named(owners: Owners) -> None:
    image = add(owners, 6, 24, 32)
    owners.images.choose(image, axes="CYX")
    painted(owners)
    image.units = ("pixel", "um", "um")
    image.axis_labels = ("", "row", "column")
    assert owners.images.axes == "CYX"
    assert owners.messages == []


def test_an_annotation_below_its_image_is_brought_to_sight(owners: Owners) -> None:
    image = add(owners, 24, 32)
    layer, layers = painted(owners), owners.viewer.layers
    layers.move(layers.index(image), len(layers))
    assert layers.index(layer) < layers.index(image)
    owners.actions.use_tool("draw")
    assert layers.index(layer) > layers.index(image)


# ------------------------------------------------------------------- metadata


@pytest.mark.parametrize("role", ["image", "annotations", "instances"])
def test_metadata_that_a_script_replaces_leave_a_layer_what_it_is(
    role: Any, scene: Scene, bench: EditorBench
) -> None:
    bench.annotation_actions.begin()
    layer = find_layer(bench.viewer, role, scene.key)
    before = tag_of(layer)
    layer.metadata = {"theirs": 1}
    QApplication.processEvents()
    assert tag_of(layer) == before
    assert layer.metadata["theirs"] == 1
    layer.metadata = dict(find_layer(bench.viewer, "seed", scene.key).metadata)
    QApplication.processEvents()
    assert tag_of(layer) == before


def test_layers_that_are_linked_stay_what_they_are(bench: EditorBench, qtbot: QtBot) -> None:
    new_scene(bench, qtbot)
    layer = bench.annotation_actions.begin().layer
    before = {x: tag_of(x) for x in bench.viewer.layers}
    bench.viewer.layers.link_layers(list(bench.viewer.layers))
    layer.metadata = {"theirs": 1}
    layer.opacity = 0.3
    bench.images.set_pixel_size((2.0, 1.0), "nm")
    QApplication.processEvents()
    assert {x: tag_of(x) for x in bench.viewer.layers} == before
    bench.viewer.layers.unlink_layers(list(bench.viewer.layers))


# --------------------------------------------------------------- data of results


def test_instances_that_a_script_replaces_are_a_correction(
    scene: Scene, bench: EditorBench
) -> None:
    gone, *_ = scene.some()
    labels = scene.instances.labels
    scene.layer.data = np.where(labels == gone, 0, labels).astype(np.int64)
    scene.wait()
    assert scene.layer.data.dtype == np.int32
    assert not (scene.instances.labels == gone).any()
    scene.tune(seed_threshold=0.4)
    np.testing.assert_array_equal(scene.layer.data, scene.instances.labels)
    assert not scene.instances.labels[labels == gone].any(), "it stays deleted"
    bench.correction.undo()
    scene.wait()
    assert scene.instances.labels[labels == gone].any()


def test_instances_of_another_type_go_on_as_int32(scene: Scene, bench: EditorBench) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    roles: tuple[Any, ...] = ("instances", "locked")
    for role in roles:
        layer = find_layer(bench.viewer, role, scene.key)
        bench.viewer.layers.selection = {layer}
        _layer_actions._convert_dtype(bench.viewer.layers, "uint8")
        assert "stays of the type int32" in bench.message
        assert layer.data.dtype == np.int32
    part = np.full((30, 30), 300, np.int32)
    bench.session.set_partial(scene.key, PartialResult((slice(0, 30),) * 2, part, 1, 1.0))
    assert (scene.layer.data[:30, :30] == 300).all()
    assert not bench.correction.can_redo


# -------------------------------------------------------------------- channels


def test_a_channel_that_is_another_layer_is_followed(owners: Owners) -> None:
    image = add(owners, 24, 32)
    other = owners.viewer.add_image(noise(24, 32) + 1, name="other")
    owners.images.choose(image, channels=(other,))
    painted(owners)
    owners.autosave.save_now()
    key, project = str(owners.session.image), owners.session.project
    assert project is not None
    other.data = other.data * 2
    owners.autosave.save_now()
    np.testing.assert_array_equal(project.image(key).data[1], other.data)
    assert owners.messages == []
    other.data = other.data[:20]
    assert "other has another shape now: it is no channel of cells any more" in owners.messages[-1]
    assert owners.images.kind() == (1, 2)
    assert owners.images.problem == ""
    other.data = noise(24, 32)
    owners.images.choose(image, channels=(other,))
    owners.viewer.layers.remove(other)
    assert "other was removed: it is no channel of cells any more" in owners.messages[-1]
    assert owners.images.kind() == (1, 2)
    owners.autosave.save_now()
    assert owners.autosave.problem == ""
    assert project.image(key).channels == 2, "closing layers one by one takes nothing away"


# -------------------------------------------------------------------- removal


def test_what_is_left_of_an_image_does_not_belong_to_the_next_one(
    bench: EditorBench, qtbot: QtBot
) -> None:
    """Its annotation and its objects stay in the viewer, and another image has its name."""
    new_scene(bench, qtbot)
    left = bench.annotation_actions.begin().layer
    bench.viewer.layers.remove(bench.images.layer)
    bench.images.choose(bench.viewer.add_image(noise(50, 60), name="cells"))
    assert bench.annotation_actions.begin().layer is not left
    assert bench.annotation_actions.begin().layer.data.shape == (50, 60)
    assert bench.session.result is None
    assert bench.correction_tool.layer is None


@pytest.mark.parametrize("wholly", [False, True])
def test_pixels_of_an_image_that_is_removed_are_let_go_of(
    wholly: bool, owners: Owners, qtbot: QtBot
) -> None:
    """Also while its annotation layer stays."""
    image = add(owners, 240, 320)
    pixels = weakref.ref(image.data)
    painted(owners)
    owners.autosave.save_now()
    if wholly:
        owners.viewer.layers.clear()
    else:
        owners.viewer.layers.remove(image)
    del image

    def gone() -> bool:
        gc.collect()
        return pixels() is None

    qtbot.waitUntil(gone, timeout=60_000)


def test_a_prediction_of_pixels_that_are_replaced_is_dropped(bench: EditorBench) -> None:
    layer = bench.viewer.add_image(noise(64, 64), name="cells")
    bench.images.choose(layer)
    bench.session.set_model("nuclei-2d", None)
    bench.prediction.image()
    assert bench.prediction.running
    layer.data = layer.data[::-1]
    assert not bench.prediction.running
    assert "other pixels than when its prediction started" in bench.message
    bench.wait()
    assert bench.session.result is None
