"""Which object a stroke belongs to, and what colour it has."""

from __future__ import annotations

import numpy as np
import pytest
from napari.viewer import Viewer
from qtpy.QtCore import Qt

from builders import capsules
from napari_spatial_embeddings.plugin.controllers.annotation_count import count
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.class_colormap import GREY, class_colour, colours
from napari_spatial_embeddings.plugin.layers.strokes import continued
from napari_spatial_embeddings.samples import nuclei
from napari_spatial_embeddings.training.annotation import BACKGROUND
from plugin.robot_actions import add_image, hover, press, stroke


def ring(shape: tuple[int, int] = (40, 40)) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return an outline, not quite closed, with the label 3."""
    y, x = np.indices(shape) - 20
    far = np.hypot(y, x)
    labels = np.where((far > 9) & (far < 11), 3, 0).astype(np.int32)
    labels[18:22, :20] = 0
    return labels


def test_on_an_object_it_adds_to_that() -> None:
    labels = capsules((60, 60), count=5)
    for label in range(1, int(labels.max()) + 1):
        for pixel in np.argwhere(labels == label)[::17]:
            assert continued(labels, tuple(pixel), ()) == label


def test_within_the_last_outline_it_fills_that() -> None:
    labels = ring()
    assert continued(labels, (20, 20), (), last=3) == 3
    assert continued(labels, (20, 20), (), last=0) == 0, "an older outline is left alone"
    assert continued(labels, (20, 38), (), last=3) == 0
    assert continued(labels, (5, 5), (), last=3) == 0


@pytest.mark.parametrize("pixels", [[], [(5, 5)], [(5, 5), (5, 6)], [(5, k) for k in range(9)]])
def test_a_dot_or_a_line_encloses_nothing(pixels: list[tuple[int, int]]) -> None:
    labels = np.zeros((20, 20), np.int32)
    for pixel in pixels:
        labels[pixel] = 1
    assert continued(labels, (6, 5), (), last=1) == 0


def test_background_is_no_object() -> None:
    labels = np.full((9, 9), 4, np.int32)
    assert continued(labels, (4, 4), (), without=frozenset({4})) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_in_a_volume_it_grows_from_slice_to_slice(axis: int) -> None:
    flat = ring()
    labels = np.zeros((40, 40, 7), np.int32)
    labels[..., 3] = flat
    labels[5, 5, 3] = 8
    labels = np.moveaxis(labels, 2, axis)

    def at(y: int, x: int, z: int) -> tuple[int, ...]:
        place = [y, x]
        place.insert(axis, z)
        return tuple(place)

    for z in (2, 3, 4):
        assert continued(labels, at(5, 5, z), (axis,)) == 8
        assert continued(labels, at(20, 20, z), (axis,), last=3) == 3
    for z in (0, 1, 5, 6):
        assert continued(labels, at(5, 5, z), (axis,), last=3) == 0
        assert continued(labels, at(20, 20, z), (axis,), last=3) == 0


def test_counts_are_those_of_the_labels() -> None:
    labels = capsules((60, 60), count=6)
    labels[0, :9] = 2_000_000_000
    n = len(np.unique(labels)) - 1
    drawn = count(labels, {1: "b", 2_000_000_000: BACKGROUND}, "a", 2)
    assert (drawn.objects, drawn.regions, drawn.background) == ({"a": n - 2, "b": 1}, 2, True)
    assert drawn.told(("a", "b")) == f"{n - 1} objects ({n - 2} a, 1 b), 2 regions, background"
    labels[-1, -1] += 1
    assert count(labels, {}, "a", 2).digest != drawn.digest


def test_colours_tell_classes_apart() -> None:
    classes = {1: "a", 2: "b", 3: BACKGROUND, 70: "b"}
    found = colours(classes, ("a", "b"), "b", 70)
    assert len(found) > 70
    assert not found[0].any()
    assert np.allclose(found[3], GREY)
    hues = {k: min((0, 1), key=lambda c: distance(found[k], c)) for k in (1, 2, 70, 71)}
    assert hues == {1: 0, 2: 1, 70: 1, 71: 1}
    assert len({tuple(row) for row in found[4:20].tolist()}) == 16


def distance(colour: np.ndarray[tuple[int, ...], np.dtype[np.float32]], index: int) -> float:
    shades = [class_colour(index, shade) for shade in np.linspace(0, 1, 21)]
    return float(min(np.abs(colour - np.array(shade)).max() for shade in shades))


def test_neighbours_that_touch_stay_apart(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    layer.brush_size = 9
    stroke(shown, shown_dock, (40, 40), (40, 60))
    first = layer.data == 1
    stroke(shown, shown_dock, (50, 60), (46, 50), (42, 40))
    assert set(np.unique(layer.data)) == {0, 1, 2}
    assert (layer.data[first] == 1).all()
    press(shown_dock, "Erase")
    stroke(shown, shown_dock, (40, 40), (50, 60))
    assert not (layer.data[first] == 1).all()


def test_what_the_right_button_encircles_is_an_object(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    if "brush_stroke" not in layer._overlays:
        pytest.skip("napari does not fill what is encircled yet")
    layer.brush_size = 2
    for n, middle in enumerate((30, 90), 1):
        turn = np.linspace(0, 2 * np.pi, 24)
        circle = [(60 + 15 * np.sin(t), middle + 15 * np.cos(t)) for t in turn]
        # A click begins it; coming back to where it began ends it.
        stroke(shown, shown_dock, circle[0], mouse=Qt.MouseButton.RightButton)
        hover(shown, shown_dock, *circle)
        assert layer.data[60, middle] == n
        assert (layer.data == n).sum() > 500


def test_a_label_that_is_chosen_is_that_of_the_next_stroke(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    stroke(shown, shown_dock, (20, 20), (20, 40))
    stroke(shown, shown_dock, (60, 20), (60, 40))
    layer.selected_label = 1
    stroke(shown, shown_dock, (90, 20), (90, 40))
    assert layer.data[90, 30] == 1
    stroke(shown, shown_dock, (110, 20), (110, 40))
    assert layer.data[110, 30] == 3
    press(shown_dock, "each stroke is a new object")
    stroke(shown, shown_dock, (40, 20), (40, 40))
    stroke(shown, shown_dock, (50, 80), (50, 100))
    assert layer.data[40, 30] == layer.data[50, 90] == 4
