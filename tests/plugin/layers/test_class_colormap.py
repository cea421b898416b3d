"""Look of annotations: colours by class, and outlines once there is a prediction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.plugin.layers import class_colormap
from napari_spatial_embeddings.plugin.layers.class_colormap import (
    GREY,
    LUMINANCE,
    MIN_LUMINANCE,
    OUTLINE,
    class_colour,
    colours,
)
from plugin.scenes import EditorBench, Scene, default_labels, maps_of, open_image, predict


def test_colours_tell_classes_apart() -> None:
    classes = {1: "a", 2: "b", 3: BACKGROUND, 70: "b"}
    found = colours(classes, ("a", "b"), "b", 70)
    assert len(found) > 70
    assert not found[0].any()
    assert np.allclose(found[3], GREY)
    hues = {k: min((0, 1), key=lambda c: distance(found[k], c)) for k in (1, 2, 70, 71)}
    assert hues == {1: 0, 2: 1, 70: 1, 71: 1}
    assert len({tuple(row) for row in found[4:20].tolist()}) == 16


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
@pytest.mark.parametrize("plain", [False, True])
def test_any_number_of_objects_has_colours(names: tuple[str, ...], plain: bool) -> None:
    label = 70_000
    found = colours({1: "a", 2: names[-1], label: "a"}, names, "a", label, plain)
    layer = Labels(np.full((2, 2), label, np.int32), colormap=CyclicLabelColormap(colors=found))
    shown = [layer.get_color(k) for k in (1, 2, label)]
    assert all(colour is not None and colour[3] == 1 for colour in shown)
    assert distance(np.array(shown[1], np.float32), len(names) - 1) < 0.01 or len(names) == 1
    if plain:
        np.testing.assert_allclose(shown[0], class_colour(0), atol=1e-6)
        np.testing.assert_allclose(shown[1], class_colour(len(names) - 1), atol=1e-6)


def distance(colour: np.ndarray[tuple[int, ...], np.dtype[np.float32]], index: int) -> float:
    shades = [class_colour(index, shade) for shade in np.linspace(0, 1, 21)]
    return float(min(np.abs(colour - np.array(shade)).max() for shade in shades))


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


def annotated(bench: EditorBench, qtbot: QtBot) -> tuple[Scene, Labels]:
    """Return an image that is not predicted yet, and its annotation layer."""
    scene = Scene(bench, open_image(bench, default_labels()), qtbot)
    layer = bench.annotation_actions.begin().layer
    layer.data_setitem(np.nonzero(default_labels()), default_labels()[default_labels() > 0])
    return scene, layer


def test_annotations_are_outlines_while_there_is_a_prediction(
    bench: EditorBench, qtbot: QtBot
) -> None:
    scene, layer = annotated(bench, qtbot)
    maps = maps_of(default_labels())
    own = [layer.get_color(k) for k in range(1, 15)]
    every = [layer.get_color(k) for k in range(1, 60)]
    assert (np.array(every)[:, :3] @ LUMINANCE).min() > 0.99 * MIN_LUMINANCE, "outlines are seen"
    assert len({tuple(colour) for colour in every}) > 40
    assert layer.contour == 0
    predict(scene, maps)
    assert layer.contour == OUTLINE
    assert scene.layer.contour == 0
    np.testing.assert_allclose([layer.get_color(k) for k in range(1, 15)], own)
    layer.contour = 1  # the user's choice
    predict(scene, maps)
    assert layer.contour == 1
    layer.contour = OUTLINE
    bench.session.set_result(scene.key, None)
    assert layer.contour == 0
    # A layer that comes after the prediction.
    predict(scene, maps)
    bench.viewer.layers.remove(layer)
    assert bench.annotation_actions.begin().layer.contour == OUTLINE


def test_in_large_slices_annotations_have_one_colour(
    bench: EditorBench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_colormap, "MAX_OUTLINED", 1000)
    scene, layer = annotated(bench, qtbot)
    predict(scene, maps_of(default_labels()))
    assert layer.contour == 0
    np.testing.assert_allclose([layer.get_color(k) for k in range(1, 15)], [class_colour(0)] * 14)
    bench.session.set_result(scene.key, None)
    assert len({tuple(layer.get_color(k)) for k in range(1, 15)}) == 14
