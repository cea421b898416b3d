"""Outlines painted into labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.files.annotations import painting
from napari_spatial_embeddings.files.annotations.outlines import Outline, ellipse, ring
from napari_spatial_embeddings.files.annotations.painting import paint
from outlined import Labels, contours, label_images, objects
from strategies import relaxed


def box(label: int, top: float, left: float, bottom: float, right: float) -> Outline:
    return Outline(label, (ring([(left, top), (right, top), (right, bottom), (left, bottom)]),))


def painted(shape: tuple[int, int], *outlines: Outline) -> tuple[Labels, painting.Painted]:
    labels = np.zeros((1, *shape), np.int32)
    return labels[0], paint(labels, outlines, [0] * len(outlines))


@relaxed
@given(label_images(), st.integers(1, 50))
def test_outlines_of_masks_give_the_masks(labels: Labels, at_once: int) -> None:
    outlines = [Outline(n, tuple(map(ring, contours(mask)))) for n, mask in objects(labels).items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painting, "MAX_AT_ONCE", at_once)
        found, what = painted(labels.shape, *outlines)
    np.testing.assert_array_equal(found, labels)
    assert what.labels == objects(labels).keys()
    assert not (what.shared | what.covered | what.small | what.outside)


@relaxed
@given(label_images())
def test_boxes_of_pixels_and_masks_give_the_pixels(labels: Labels) -> None:
    pixels = [
        box(int(labels[y, x]), y, x, y + 1, x + 1) for y, x in zip(*np.nonzero(labels), strict=True)
    ]
    np.testing.assert_array_equal(painted(labels.shape, *pixels)[0], labels)
    masks = [Outline(n, mask=mask) for n, mask in objects(labels).items()]
    np.testing.assert_array_equal(painted(labels.shape, *masks)[0], labels)


@relaxed
@given(label_images(), st.integers(-5, 5), st.integers(-5, 5))
def test_what_lies_outside_is_cut_off(labels: Labels, down: int, right: int) -> None:
    outlines, masks = [], []
    for n, mask in objects(labels).items():
        rings = [one + np.array([right, down]) for one in contours(mask)]
        outlines.append(Outline(n, tuple(map(ring, rings))))
        masks.append(Outline(n, mask=mask, corner=(down, right)))
    height, width = labels.shape
    wide = np.pad(labels, 5)
    expected = wide[5 - down :, 5 - right :][:height, :width]
    for pieces in (outlines, masks):
        found, what = painted(labels.shape, *pieces)
        np.testing.assert_array_equal(found, expected)
        assert what.labels == set(np.unique(expected).tolist()) - {0}
        assert what.outside >= objects(labels).keys() - what.labels - what.small


@relaxed
@given(st.lists(st.floats(-3, 12), min_size=6, max_size=30).filter(lambda x: len(x) % 2 == 0))
def test_any_polygon_holds_the_middles_that_a_ray_finds(numbers: list[float]) -> None:
    points = np.array(numbers).reshape(-1, 2)
    found, _ = painted((9, 9), Outline(1, (ring(points),)))
    ends = np.roll(points, -1, 0)
    for y, x in np.ndindex(9, 9):
        crossed = 0
        for (x0, y0), (x1, y1) in zip(points, ends, strict=True):
            if min(y0, y1) <= y + 0.5 < max(y0, y1):
                crossed += x0 + (y + 0.5 - y0) * ((x1 - x0) / (y1 - y0)) <= x + 0.5
        assert bool(found[y, x]) == bool(crossed % 2)


def test_shared_borders_share_no_pixel() -> None:
    """Along the middles of pixels, where it is a matter of rules."""
    found, what = painted((4, 6), box(1, 0.5, 0.5, 2.5, 2.5), box(2, 0.5, 2.5, 2.5, 4.5))
    assert found.tolist() == [[1, 1, 2, 2, 0, 0]] * 2 + [[0] * 6] * 2
    assert not what.shared_pixels


def test_the_first_owner_keeps_what_is_shared() -> None:
    found, what = painted(
        (6, 6), box(5, 0, 0, 3, 3), box(2, 2, 2, 5, 5), box(9, 0, 0, 2, 2), box(5, 2, 2, 4, 4)
    )
    assert (found[2, 2], found[3, 3], found[4, 4]) == (5, 2, 2)
    assert what.labels == {2, 5}
    assert what.shared == {2, 5}
    assert what.shared_pixels == 1 + 4 + 3, "one of 2, four of 9, three of the second piece of 5"
    assert what.covered == {9}


def test_objects_without_a_pixel_are_known() -> None:
    _, what = painted(
        (4, 4), box(1, 0, 0, 2, 2), box(2, 0.6, 0.6, 0.9, 0.9), box(3, 4, 0, 6, 2), Outline(4)
    )
    assert (what.labels, what.small, what.outside) == ({1}, {2}, {3, 4})


def test_unknown_pixels_are_painted_like_others() -> None:
    found, what = painted((2, 2), box(1, 0, 0, 1, 2), box(IGNORE, 0, 0, 2, 2))
    assert found.tolist() == [[1, 1], [IGNORE, IGNORE]]
    assert what.labels == {1, IGNORE}


def test_planes_are_apart() -> None:
    labels = np.zeros((3, 4, 4), np.int32)
    square = box(1, 0, 0, 2, 2)
    what = paint(labels, [square, square, box(2, 0, 0, 2, 2)], [0, 2, None])
    assert labels.sum((1, 2)).tolist() == [4, 0, 4]
    assert what.outside == {2}


@pytest.mark.parametrize(("height", "width"), [(1.0, 1.0), (5.0, 9.0), (40.5, 33.25), (300, 120)])
def test_an_ellipse_holds_the_middles_within_it(height: float, width: float) -> None:
    top, left = 2.25, 3.1
    shape = int(height) + 8, int(width) + 8
    found, _ = painted(shape, Outline(1, (ellipse(top, left, height, width),)))
    y, x = np.indices(shape) + 0.5
    far = np.hypot((y - top - height / 2) / height * 2, (x - left - width / 2) / width * 2)
    slack = 4 * 0.005 / min(height, width)
    assert (found[far < 1 - slack] == 1).all()
    assert not found[far > 1 + slack].any()


def test_many_objects_are_painted_at_once() -> None:
    """What one object costs must not be a call: 40,000 of them are done in a moment."""
    labels = np.arange(1, 40_001, dtype=np.int32).reshape(200, 200)
    squares = [box(int(n), y, x, y + 1, x + 1) for (y, x), n in np.ndenumerate(labels)]
    np.testing.assert_array_equal(painted(labels.shape, *squares)[0], labels)
