"""Slices between painted ones are filled, and nothing that is painted is lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_spatial_embeddings.editing.interpolation import interpolated


def disc(shape: tuple[int, int], middle: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    y, x = np.indices(shape)
    return np.asarray((y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= radius**2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cone_comes_back_from_its_ends(axis: int) -> None:
    full = np.zeros((11, 50, 60), np.int32)
    for z in range(11):  # it moves by two pixels a slice, and grows
        full[z][disc((50, 60), (14 + 2 * z, 20 + z), 4 + z / 2)] = 3
    painted = full.copy()
    painted[1:5] = painted[6:10] = 0
    painted[:, 40:, 50:] = 7  # background, which has no gap
    painted[3, 5:8, 5:8] = 8  # one slice alone
    turned = np.moveaxis(painted, 0, axis)
    filling = interpolated(turned, axis, without=[7])
    after = turned.copy()
    assert (after[filling.where] == 0).all()
    after[filling.where] = filling.labels
    assert filling.objects == 1
    assert set(filling.labels.tolist()) == {3}
    mine, meant = np.moveaxis(after, axis, 0) == 3, full == 3
    for z in range(11):
        assert (mine[z] & meant[z]).sum() > 0.85 * (mine[z] | meant[z]).sum()


def test_what_is_annotated_stays_and_objects_at_the_border_too() -> None:
    labels = np.zeros((5, 20, 20), np.int32)
    labels[0, :4, :4] = labels[4, :8, :8] = 1
    labels[2] = np.where(labels[2] == 0, 2, labels[2])
    labels[0, 10:, 10:] = labels[3, 10:, 10:] = 4
    filling = interpolated(labels, 0)
    assert filling.objects == 2
    assert (labels[filling.where] == 0).all()
    assert 2 not in filling.where[0], "that slice is full"
    pixels = np.stack(filling.where, 1)
    assert len(np.unique(pixels, axis=0)) == len(pixels)


def test_nothing_to_fill_is_nothing() -> None:
    labels = np.zeros((5, 9, 9), np.int32)
    labels[1:4, 2:5, 2:5] = 1
    for one in (labels, np.zeros_like(labels)):
        filling = interpolated(one, 0)
        assert len(filling.labels) == filling.objects == 0
        assert len(filling.where) == 3
