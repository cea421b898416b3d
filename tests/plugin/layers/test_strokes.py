"""The object that a stroke belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from builders import capsules
from napari_spatial_embeddings.plugin.layers.continuation import continued_label
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import LayerTag


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
            assert continued_label(labels, tuple(pixel), ()) == label


def test_within_the_last_outline_it_fills_that() -> None:
    labels = ring()
    assert continued_label(labels, (20, 20), (), last=3) == 3
    assert continued_label(labels, (20, 20), (), last=0) == 0, "an older outline is left alone"
    assert continued_label(labels, (20, 38), (), last=3) == 0
    assert continued_label(labels, (5, 5), (), last=3) == 0


@pytest.mark.parametrize("pixels", [[], [(5, 5)], [(5, 5), (5, 6)], [(5, k) for k in range(9)]])
def test_a_dot_or_a_line_encloses_nothing(pixels: list[tuple[int, int]]) -> None:
    labels = np.zeros((20, 20), np.int32)
    for pixel in pixels:
        labels[pixel] = 1
    assert continued_label(labels, (6, 5), (), last=1) == 0


def test_background_is_no_object() -> None:
    labels = np.full((9, 9), 4, np.int32)
    assert continued_label(labels, (4, 4), (), without=frozenset({4})) == 0


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
        assert continued_label(labels, at(5, 5, z), (axis,)) == 8
        assert continued_label(labels, at(20, 20, z), (axis,), last=3) == 3
    for z in (0, 1, 5, 6):
        assert continued_label(labels, at(5, 5, z), (axis,), last=3) == 0
        assert continued_label(labels, at(20, 20, z), (axis,), last=3) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_where_an_object_lies_changes_no_answer(axis: int) -> None:
    """Knowing the box around the last object only saves looking elsewhere."""
    labels = np.zeros((40, 40, 5), np.int32)
    labels[..., 2] = ring()
    labels = np.moveaxis(labels, 2, axis)
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(labels == 3))
    for pixel in np.argwhere(labels >= 0)[::97]:
        at = tuple(int(i) for i in pixel)
        whole = continued_label(labels, at, (axis,), last=3)
        assert continued_label(labels, at, (axis,), last=3, within=box) == whole


def test_the_last_object_is_looked_for_where_it_was_painted() -> None:
    """Else every stroke looks through all of a large image."""
    read: list[int] = []

    class Counted(np.ndarray[Any, Any]):
        def __eq__(self, other: object) -> Any:
            read.append(self.size)
            return np.asarray(self) == other

    data = np.zeros((500, 600), np.int32)
    layer = Labels(data, metadata=LayerTag("annotations", "cells").metadata())
    strokes = Strokes(layer)
    layer.brush_size = 3
    outline = [(20, k) for k in range(20, 40)] + [(k, 39) for k in range(20, 40)]
    outline += [(39, k) for k in range(39, 19, -1)] + [(k, 20) for k in range(39, 19, -1)]
    with layer.block_history():
        for pixel in outline:
            layer.paint(pixel, layer.selected_label)
    assert strokes._extent is not None
    labels = data.view(Counted)
    assert continued_label(labels, (30, 30), (), strokes._last, within=strokes._extent) == 1
    assert continued_label(labels, (300, 30), (), strokes._last, within=strokes._extent) == 0
    assert sum(read) < 1000
    layer.selected_label = 1
    layer.paint((30, 60), 1)
    assert strokes._extent[1] == slice(19, 62)
    layer.data[400, 400] = 1  # painted by other hands: its extent is unknown once it is added to
    layer.paint((100, 100), layer.selected_label)
    layer.selected_label = 1
    layer.paint((400, 402), 1)
    assert strokes._extent is None
    strokes.close()
