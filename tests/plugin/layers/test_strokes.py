"""The object that a stroke belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from builders import capsules
from napari_spatial_embeddings.plugin.layers.strokes import continued_label


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
