"""Explanations of the pixel under the mouse: text and layers agree with the maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.maps import MARGIN
from napari_spatial_embeddings.editing.explanation import Explanation, explain
from napari_spatial_embeddings.plugin.layers.tags import tag_of, tagged
from napari_spatial_embeddings.plugin.sections.explain import ExplainSection
from plugin.scenes import EditorBench, Scene, new_scene
from plugin.window_scenes import open_scene


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


class Reader:
    """Reads the explanation's text, and moves the mouse."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.text = scene, ""
        self.explanation = scene.rig.explanation
        self.explanation.explained.connect(self._take)

    def _take(self, text: str) -> None:
        self.text = text

    def hover(self, pixel: tuple[int, ...]) -> str:
        """Move the mouse to a pixel, and return the text."""
        self.explanation._pointer.moved.emit(self.scene.layer.data_to_world(pixel))
        self.scene.until(lambda: not self.explanation.busy)
        return self.text


@pytest.fixture
def reader(scene: Scene) -> Reader:
    reader = Reader(scene)
    reader.explanation.set_on(True)
    return reader


def parts(scene: Scene) -> dict[str, Any]:
    """Return the explanation's layers by kind of drawing."""
    layers = tagged(scene.viewer, "explanation")
    return {tag.part: layer for layer in layers if (tag := tag_of(layer)) is not None}


def expected(scene: Scene, pixel: tuple[int, ...]) -> Explanation:
    return explain(scene.instances, scene.result.maps, scene.result.settings, pixel)


def test_the_object_under_the_mouse_is_explained(scene: Scene, reader: Reader) -> None:
    label = int(scene.instances.ids[0])
    at = scene.middle(label)
    text, explanation = reader.hover(at), expected(scene, at)
    assert f"Object {label}" in text
    assert all(sentence in text for sentence in explanation.sentences)
    own = parts(scene)["margins"].data[0]
    assert explanation.ellipse is not None
    np.testing.assert_allclose(own.mean(0), explanation.ellipse.centre, rtol=1e-5)
    half = MARGIN * scene.result.settings.margin_factor * scene.instances.sigma[0]
    np.testing.assert_allclose(np.ptp(own, axis=0) / 2, half, rtol=1e-5)
    assert scene.instances.seed_pixel[0].tolist() in parts(scene)["pixels"].data.tolist()
    arrows = parts(scene)["votes"].data
    starts = tuple(arrows[:, 0].round().astype(int).T)
    assert (scene.instances.labels[starts] == label).all()
    np.testing.assert_allclose(arrows[:, 1], scene.result.maps.offsets[(slice(None), *starts)].T)


def test_background_is_explained_too(scene: Scene, reader: Reader) -> None:
    at = scene.empty()
    text = reader.hover(at)
    assert "Background" in text
    assert expected(scene, at).sentences[0] in text


def test_a_slider_changes_the_text(scene: Scene, reader: Reader) -> None:
    assert "Object" in reader.hover(scene.middle(int(scene.instances.ids[0])))
    scene.tune(seed_threshold=1.0)
    scene.until(lambda: "Background" in reader.text)


def test_layers_come_and_go(scene: Scene, reader: Reader) -> None:
    reader.explanation.set_on(False)
    before, active = list(scene.viewer.layers), scene.viewer.layers.selection.active
    moves = list(scene.viewer.mouse_move_callbacks)
    reader.explanation.set_on(True)
    reader.hover(scene.middle(int(scene.instances.ids[0])))
    assert len(parts(scene)) == 3
    assert scene.viewer.layers.selection.active is active
    for layer in parts(scene).values():
        np.testing.assert_allclose(layer.scale, scene.layer.scale)
        assert layer.units == scene.layer.units
    reader.explanation.set_on(False)
    assert list(scene.viewer.layers) == before
    assert list(scene.viewer.mouse_move_callbacks) == moves


def test_removing_a_layer_turns_it_off(scene: Scene, reader: Reader) -> None:
    reader.hover(scene.middle(int(scene.instances.ids[0])))
    scene.viewer.layers.remove(parts(scene)["votes"])
    assert not reader.explanation.on
    assert not parts(scene)


def test_without_objects_there_is_nothing_to_explain(scene: Scene, reader: Reader) -> None:
    scene.rig.session.set_result(scene.key, None)
    assert not reader.explanation.on
    assert not reader.explanation.ready
    reader.explanation.set_on(True)
    assert not reader.explanation.on


def test_another_image_is_explained_in_layers_of_its_own(
    scene: Scene, reader: Reader, qtbot: QtBot
) -> None:
    reader.hover(scene.middle(int(scene.instances.ids[0])))
    reader.explanation.set_on(False)
    other = new_scene(reader.scene.rig, qtbot, name="other")  # type: ignore[arg-type]
    reader.explanation.set_on(True)
    reader.scene = other
    reader.hover(other.middle(int(other.instances.ids[0])))
    assert {layer.name for layer in parts(other).values()} == {
        "other · votes",
        "other · margins",
        "other · pixels",
    }


def test_the_button_shows_the_text_under_the_mouse(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot)
    section = scene.section(ExplainSection)
    section.toggle.click()
    at = scene.middle(int(scene.instances.ids[0]))
    scene.hover(at)
    scene.until(lambda: expected(scene, at).sentences[0] in section.text.text())
    assert section.text.isVisibleTo(section)
    scene.dock.session.set_result(scene.key, None)
    assert not section.toggle.isChecked()
    assert not section.toggle.isEnabled()
    assert "Predict" in section.toggle.toolTip()
    assert section.text.isHidden()
