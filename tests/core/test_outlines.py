"""Outlines lose nothing: filled, they are the objects again, by any rule, and they are valid."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from napari_spatial_embeddings.core.outlines import rings as rings_module
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.core.outlines.masks import ObjectMask, masks_of
from napari_spatial_embeddings.core.outlines.rings import Outline, outlines
from strategies import any_labels, relaxed

HOLES = """
#########..
#.......#..
#.#####.#.#
#.#...#.#..
#.#.#.#.#..
#.#...#.##.
#.#####...#
#.......##.
#########..
"""


def drawn(picture: str) -> NDArray[np.int32]:
    return np.array([[int(c == "#") for c in row] for row in picture.split()], np.int32)


def as_polygons(outline: Outline) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([(piece[0], piece[1:]) for piece in outline.pieces])


def painted(found: list[Outline], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the labels of the pixels in some outlines, which have to be free."""
    labels = np.zeros(shape, np.int64)
    for one in found:
        plane = labels if one.z is None else labels[one.z]
        mask = filled([ring for piece in one.pieces for ring in piece], plane.shape)
        assert not plane[mask].any()
        plane[mask] = one.label
    return labels


@relaxed
@given(any_labels(), st.integers(1, 200), st.booleans())
def test_filled_outlines_are_the_objects(
    labels: NDArray[np.int32], canvas: int, edges: bool
) -> None:
    before, rings_module.CANVAS = rings_module.CANVAS, canvas
    try:
        found = [*outlines(masks_of(labels), edges=edges)]
    finally:
        rings_module.CANVAS = before
    np.testing.assert_array_equal(painted(found, labels.shape), labels)
    order = [(one.label, one.z or 0) for one in found]
    assert order == sorted(set(order))


@relaxed
@given(any_labels(ndim=2))
def test_outlines_are_valid_and_as_large_as_their_objects(labels: NDArray[np.int32]) -> None:
    for one in outlines(masks_of(labels)):
        shape = checked(one)
        # A ring cuts off the corners of pixels, half a pixel in all; that of a hole adds some.
        outside = sum(1 if k == 0 else -1 for piece in one.pieces for k in range(len(piece)))
        diagonal = shape.area - np.count_nonzero(labels == one.label) + outside / 2
        assert diagonal == round(2 * diagonal) / 2


@relaxed
@given(any_labels(ndim=2))
def test_outlines_along_edges_enclose_the_pixels(labels: NDArray[np.int32]) -> None:
    for one in outlines(masks_of(labels), edges=True):
        shape = checked(one)
        assert shape.area == np.count_nonzero(labels == one.label)
        assert all((ring % 1 == 0).all() for piece in one.pieces for ring in piece)


def checked(one: Outline) -> shapely.MultiPolygon:
    """Return an outline as polygons, which are valid, of rings without needless points."""
    shape = as_polygons(one)
    assert shape.is_valid, shapely.is_valid_reason(shape)
    for piece in one.pieces:
        assert shapely.is_ccw(shapely.LinearRing(piece[0]))
        assert not any(shapely.is_ccw(shapely.LinearRing(hole)) for hole in piece[1:])
        for ring in piece:
            assert ring.dtype == np.float64
            assert len(ring) >= 4
            step = np.diff(ring, axis=0, append=ring[:1])
            turn = step[:, 0] * np.roll(step[:, 1], 1) - step[:, 1] * np.roll(step[:, 0], 1)
            assert turn.all(), "no point where it goes straight on"
    return shape


def test_holes_in_holes_and_corners() -> None:
    (found,) = outlines(masks_of(drawn(HOLES)))
    assert sorted(len(piece) for piece in found.pieces) == [1, 1, 2, 2]
    np.testing.assert_array_equal(painted([found], drawn(HOLES).shape), drawn(HOLES))


def test_one_pixel_and_a_diagonal() -> None:
    (one,) = outlines([ObjectMask(7, (3, 5), np.ones((1, 1), np.bool_))])
    assert one.label == 7
    assert {tuple(p) for p in one.pieces[0][0]} == {(5, 3.5), (5.5, 3), (6, 3.5), (5.5, 4)}
    (line,) = outlines(masks_of(np.eye(20, dtype=np.int32)))
    assert [len(piece) for piece in line.pieces] == [1]


def test_edges_that_touch_at_a_corner() -> None:
    (line,) = outlines(masks_of(np.eye(20, dtype=np.int32)), edges=True)
    assert [len(piece) for piece in line.pieces] == [1] * 20
    (one,) = outlines(masks_of(drawn("### #.# ##.")), edges=True)
    assert [len(piece) for piece in one.pieces] == [2], "a hole that is open at a corner is one"
    assert checked(one).area == 7


@pytest.mark.parametrize("shape", [(9, 11), (1, 1), (4, 30)], ids=str)
def test_another_way_to_fill_gives_the_same(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        ring = rng.uniform(-2, max(shape) + 2, (5, 2))
        ours = filled([ring], shape)
        np.testing.assert_array_equal(ours, polygon2mask(shape, ring[:, ::-1] - 0.5))
        part = filled([ring, ring + 100], (2, 1), (1, 0)) if shape[0] > 2 else ours[1:3, :1]
        np.testing.assert_array_equal(part, ours[1:3, :1])


def test_no_ring_is_nothing() -> None:
    assert not filled([], (3, 4)).any()
    assert not list(outlines(masks_of(np.zeros((5, 0), np.int32))))
