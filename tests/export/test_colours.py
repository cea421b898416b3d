"""Colours agree with the legend."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from napari_spatial_embeddings.export import instance_colours, offset_colours
from napari_spatial_embeddings.export.colours import PALETTE


def ring(n: int, length: float = 10) -> NDArray[Any]:
    """Return offsets (2, n) in n directions."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return length * np.stack([np.sin(turn), np.cos(turn)])


def test_every_direction_has_its_colour() -> None:
    colours = offset_colours(ring(24)).astype(int)
    assert len(np.unique(colours, axis=0)) == 24
    apart = abs(np.roll(colours, 12, axis=0) - colours).sum(1)
    near = abs(np.roll(colours, 1, axis=0) - colours).sum(1)
    assert apart.min() > near.max(), "opposite directions differ more than neighbours"


def test_the_circle_closes() -> None:
    a, b = offset_colours(np.array([[-1e-6, 1e-6], [-1.0, -1.0]])).astype(int)
    assert abs(a - b).max() <= 8


def test_length_is_brightness() -> None:
    for direction in ring(8, 1).T:
        lengths = direction[:, None] * np.linspace(0, 12, 13)
        light = offset_colours(lengths, 10).astype(int).sum(1)
        assert (np.diff(light)[:10] > 0).all()
        assert (light[10:] == light[10]).all()
    assert offset_colours(np.zeros((2, 4))).max() < 30


def test_in_a_volume_the_plane_counts() -> None:
    flat = np.random.default_rng(0).normal(0, 5, (2, 4, 6, 5))
    deep = np.concatenate([flat[:1] * 3, flat])
    assert offset_colours(deep).shape == (4, 6, 5, 3)
    assert offset_colours(deep).dtype == np.uint8
    np.testing.assert_array_equal(offset_colours(deep), offset_colours(flat))


@settings(max_examples=50)
@given(
    npst.arrays(
        np.int32,
        npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
        elements=st.integers(0, 12),
    )
)
def test_objects_that_touch_differ(labels: NDArray[np.int32]) -> None:
    colours = instance_colours(labels)
    assert not colours[0].any()
    present = [i for i in np.unique(labels) if i]
    assert all(tuple(colours[i]) in set(map(tuple, PALETTE)) for i in present)
    if len(present) > len(PALETTE):
        return  # scattered labels may all touch each other
    for axis in range(2):
        lines = labels.swapaxes(0, axis)
        a, b = lines[:-1].ravel(), lines[1:].ravel()
        meet = (a != b) & (a > 0) & (b > 0)
        assert (colours[a[meet]] != colours[b[meet]]).any(1).all()


def test_a_plane_of_cells_never_runs_out_of_colours() -> None:
    """Cells without gaps, many neighbours each."""
    from scipy.spatial import cKDTree

    points = np.random.default_rng(0).uniform(0, 200, (400, 2))
    y, x = np.mgrid[:200, :200]
    _, nearest = cKDTree(points).query(np.stack([y, x], -1))
    labels = nearest + 1
    colours = instance_colours(labels)[labels].astype(int)
    for axis in range(2):
        same = (np.diff(colours, axis=axis) == 0).all(-1)
        assert (same == (np.diff(labels, axis=axis) == 0)).all()
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == len(PALETTE)
