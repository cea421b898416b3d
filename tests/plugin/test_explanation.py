"""What is said and drawn of the object under the mouse is what the maps say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.maps import MARGIN
from napari_spatial_embeddings.editing.explanation import Explanation, explain
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.explanation import ARROWS, cut, draw
from napari_spatial_embeddings.plugin.sections.explain import ExplainGroup
from plugin.scenes import Scene, open_scene


@pytest.fixture
def scene(shown: Viewer, qtbot: QtBot) -> Scene:
    return open_scene(shown, qtbot)


@pytest.fixture
def group(scene: Scene) -> ExplainGroup:
    return scene.group(ExplainGroup)


def parts(scene: Scene) -> dict[str, Any]:
    """Return the explanation's layers by what they show."""
    ours = _layers.ours(scene.viewer, "explanation")
    return {layer.metadata[_layers.KEY]["part"]: layer for layer in ours}


def told(scene: Scene, pixel: tuple[int, ...]) -> Explanation:
    settings = scene.dock.session.clustering
    return explain(scene.instances, scene.result.maps, settings, pixel)


def test_the_object_under_the_mouse_is_explained(scene: Scene, group: ExplainGroup) -> None:
    group.toggle.click()
    label = int(scene.instances.ids[0])
    at = scene.middle(label)
    scene.hover(at)
    expected = told(scene, at)
    scene.until(lambda: all(sentence in group.text.text() for sentence in expected.sentences))
    assert f"Object {label}" in group.text.text()
    own = parts(scene)["margins"].data[0]
    assert expected.ellipse is not None
    np.testing.assert_allclose(own.mean(0), expected.ellipse.centre, rtol=1e-5)
    half = MARGIN * scene.dock.session.clustering.margin_factor * scene.instances.sigma[0]
    np.testing.assert_allclose(np.ptp(own, axis=0) / 2, half, rtol=1e-5)
    assert scene.instances.seed_pixel[0].tolist() in parts(scene)["pixels"].data.tolist()
    arrows = parts(scene)["votes"].data
    starts = tuple(arrows[:, 0].round().astype(int).T)
    assert (scene.instances.labels[starts] == label).all()
    np.testing.assert_allclose(arrows[:, 1], scene.result.maps.offsets[(slice(None), *starts)].T)


def test_background_is_explained_too(scene: Scene, group: ExplainGroup) -> None:
    group.toggle.click()
    at = scene.empty()
    scene.hover(at)
    scene.until(lambda: told(scene, at).sentences[0] in group.text.text())
    assert "Background" in group.text.text()


def test_a_slider_changes_what_is_said(scene: Scene, group: ExplainGroup) -> None:
    group.toggle.click()
    at = scene.middle(int(scene.instances.ids[0]))
    scene.hover(at)
    scene.until(lambda: "Object" in group.text.text())
    scene.tune(seed_threshold=1.0)
    scene.until(lambda: "Background" in group.text.text())


def test_layers_come_and_go_with_the_button(scene: Scene, group: ExplainGroup) -> None:
    before, active = list(scene.viewer.layers), scene.viewer.layers.selection.active
    moves = list(scene.viewer.mouse_move_callbacks)
    group.toggle.click()
    scene.hover(scene.middle(int(scene.instances.ids[0])))
    scene.until(lambda: len(parts(scene)) == 3)
    assert scene.viewer.layers.selection.active is active
    for layer in parts(scene).values():
        np.testing.assert_allclose(layer.scale, scene.layer.scale)
        assert layer.units == scene.layer.units
    group.toggle.click()
    assert list(scene.viewer.layers) == before
    assert list(scene.viewer.mouse_move_callbacks) == moves


def test_removing_a_layer_turns_it_off(scene: Scene, group: ExplainGroup) -> None:
    group.toggle.click()
    scene.hover(scene.middle(int(scene.instances.ids[0])))
    scene.until(lambda: len(parts(scene)) == 3)
    scene.viewer.layers.remove(parts(scene)["votes"])
    assert not group.on
    assert not parts(scene)


def test_without_objects_there_is_nothing_to_explain(scene: Scene, group: ExplainGroup) -> None:
    group.toggle.click()
    scene.dock.session.set_result(scene.key, None)
    assert not group.on
    assert not group.toggle.isEnabled()
    assert "Predict" in group.toggle.toolTip()


def test_a_plane_cuts_an_ellipsoid() -> None:
    from napari_spatial_embeddings.editing.explanation import Ellipse

    ball = Ellipse(np.array([5.0, 20.0, 30.0]), np.array([2.0, 4.0, 6.0]))
    for z in (3.5, 5.0, 6.0):
        box = cut(ball, (1, 2), [0], np.array([z, 0.0, 0.0]))
        assert box is not None
        assert (box[:, 0] == z).all()
        np.testing.assert_allclose(box[:, 1:].mean(0), (20, 30))
        # A corner of the cut's middle line lies on the ellipsoid.
        on = np.array([z, box[:, 1].max(), 30.0])
        assert (((on - ball.centre) / ball.half_axes) ** 2).sum() == pytest.approx(1)
    assert cut(ball, (1, 2), [0], np.array([7.0, 0.0, 0.0])) is None


def test_what_is_drawn_lies_in_the_plane(scene: Scene) -> None:
    what = told(scene, scene.middle(int(scene.instances.ids[0])))
    whole = draw(what, (0, 1), what.pixel)
    assert 0 < len(whole.arrows) <= ARROWS
    assert len(whole.points) == len(whole.point_colours) == 2
    assert len(whole.ellipses) == len(whole.ellipse_colours) == 2
