"""Annotations, resolved into objects, background and unknown pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage as ndi

from builders import capsules, picture
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.object_size import largest_reach, typical_diameter
from napari_spatial_embeddings.files.regions import region_mask
from napari_spatial_embeddings.training.annotation import (
    AnnotationError,
    TrainingImage,
    annotate,
    summarise,
)

Labels = NDArray[np.int32]


def drawn(*, dtype: Any = np.int32) -> NDArray[Any]:
    """Return two objects, 3 x 4 and 2 x 2 pixels, in 12 x 20."""
    labels = np.zeros((12, 20), dtype)
    labels[2:5, 3:7] = 7
    labels[8:10, 15:17] = 40
    return labels


def resolved(labels: NDArray[Any], **how: Any) -> TrainingImage:
    return annotate(np.zeros((1, *labels.shape), np.uint8), labels, **how)


def test_everything_else_is_background_by_default() -> None:
    found = resolved(drawn())
    assert found.labels.dtype == np.int32
    np.testing.assert_array_equal(found.labels, (drawn() == 7) + 2 * (drawn() == 40))
    assert found.n_objects == 2
    assert found.classes.tolist() == [0, 0, 0]
    assert not found.scribbled


def test_an_empty_image_is_an_annotation() -> None:
    found = resolved(np.zeros((5, 6), np.int32))
    assert found.n_objects == 0
    assert not found.labels.any()


def test_negative_labels_are_unknown() -> None:
    labels = drawn()
    labels[0] = -5
    found = resolved(labels)
    assert (found.labels[0] == IGNORE).all()
    assert (found.labels[1] == 0).all()


@pytest.mark.parametrize(
    "dtype",
    [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, ">u2"],
)
def test_labels_of_any_integer_type(dtype: Any) -> None:
    labels = drawn(dtype=dtype)
    labels[labels == 40] = np.iinfo(labels.dtype).max // 2
    np.testing.assert_array_equal(resolved(labels).labels, resolved(drawn()).labels)


def test_ids_too_large_for_int32_stay_apart() -> None:
    labels = np.array([[2**40, 2**40 + 1, 0, 5]], np.uint64)
    assert resolved(labels).labels.tolist() == [[2, 3, 0, 1]]


def test_an_object_in_pieces_is_one_object() -> None:
    labels = np.array([[3, 0, 3, 0, 9, 3]], np.int16)
    assert resolved(labels).labels.tolist() == [[1, 0, 1, 0, 2, 1]]


def test_a_ring_around_each_object_is_background_and_the_rest_unknown() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[25:35, 25:35] = 3
    found = resolved(labels, unlabelled="ignore").labels
    far = ndi.distance_transform_edt(labels == 0)
    np.testing.assert_array_equal(found == 1, labels == 3)
    ring = found == 0
    width = far[ring].max()
    np.testing.assert_array_equal(ring, (far > 0) & (far <= width))
    diameter = typical_diameter([labels], (1.0, 1.0))
    assert 2 <= width < diameter / 2
    assert (found[0] == IGNORE).all()


def test_the_ring_is_as_wide_along_a_coarse_axis() -> None:
    labels = np.zeros((21, 41, 41), np.int32)
    labels[8:13, 15:26, 15:26] = 1
    found = resolved(labels, unlabelled="ignore", spacing=(2.0, 1.0, 1.0)).labels
    ring = found == 0
    along = [int(ring[13:, 20, 20].sum()) * 2, int(ring[10, 26:, 20].sum())]
    assert along[1] >= 3
    assert abs(along[0] - along[1]) <= 1


def test_a_ring_never_covers_another_object_or_an_unknown_pixel() -> None:
    labels = np.zeros((9, 12), np.int32)
    labels[4, 4], labels[4, 6], labels[4, 5] = 1, 2, -1
    found = resolved(labels, unlabelled="ignore").labels
    assert found[4, 4:7].tolist() == [1, IGNORE, 2]
    assert (found[3:6, 3] == 0).all()


@pytest.mark.parametrize("unlabelled", ["background", "ignore"])
@pytest.mark.parametrize("scribbled", [False, True])
def test_inside_a_region_unlabelled_is_background_and_outside_unknown(
    unlabelled: Any, scribbled: bool
) -> None:
    region = np.zeros((12, 20), bool)
    region[:6] = True
    found = resolved(drawn(), unlabelled=unlabelled, region=region, scribbled=scribbled)
    np.testing.assert_array_equal(found.labels > 0, drawn() > 0)
    np.testing.assert_array_equal(found.labels == 0, region & (drawn() == 0))


def test_a_region_without_objects_is_empty_background() -> None:
    region = np.zeros((12, 20), bool)
    region[3:5] = True
    found = resolved(np.zeros((12, 20), np.int32), unlabelled="ignore", region=region)
    np.testing.assert_array_equal(found.labels == 0, region)
    assert found.n_objects == 0


@pytest.mark.parametrize("unlabelled", ["background", "ignore"])
def test_around_scribbles_nothing_is_known(unlabelled: Any) -> None:
    found = resolved(drawn(), unlabelled=unlabelled, scribbled=True, classes={40: BACKGROUND})
    assert found.scribbled
    np.testing.assert_array_equal(found.labels == 1, drawn() == 7)
    np.testing.assert_array_equal(found.labels == 0, drawn() == 40)
    assert found.n_objects == 1


@pytest.mark.parametrize("how", [{"scribbled": True}, {"unlabelled": "ignore"}])
def test_strokes_of_background_alone_are_an_annotation(how: dict[str, Any]) -> None:
    found = resolved(drawn(), classes={7: BACKGROUND, 40: BACKGROUND}, **how)
    assert found.n_objects == 0
    np.testing.assert_array_equal(found.labels == 0, drawn() > 0)
    np.testing.assert_array_equal(found.labels == IGNORE, drawn() == 0)


def test_classes_are_found_by_name() -> None:
    labels = drawn()
    labels[0, 0] = 50
    found = resolved(
        labels, classes={40: "round", 50: BACKGROUND, 1234: "round"}, class_names=("long", "round")
    )
    assert found.classes.tolist() == [0, 0, 1]
    assert found.labels[0, 0] == 0


@pytest.mark.parametrize(
    "how",
    [
        {"unlabelled": "ignore"},
        {"scribbled": True},
        {"unlabelled": "ignore", "scribbled": True},
        {"region": np.zeros((12, 20), bool)},
    ],
)
def test_nothing_annotated_is_an_error(how: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match="cells: nothing is annotated; annotate some objects"):
        resolved(np.zeros((12, 20), np.int32), name="cells", **how)


def test_only_unknown_pixels_are_no_annotation_either() -> None:
    with pytest.raises(AnnotationError, match="nothing is annotated"):
        resolved(np.full((4, 4), -1, np.int32))


@pytest.mark.parametrize(
    ("image", "labels", "how", "message"),
    [
        ((1, 4, 4), np.zeros((4, 4)), {}, "cells: the labels hold values of type float64"),
        ((1, 4, 4), np.zeros((4, 4), bool), {}, "whole numbers"),
        ((1, 4, 4), np.zeros((4, 4, 3)), {}, "the labels hold colours"),
        ((1, 4, 4), np.zeros((4, 5), int), {}, r"labels have shape \(4, 5\), the image \(4, 4\)"),
        (
            (1, 4, 4),
            np.ones((4, 4), int),
            {"region": np.ones((4, 3), bool)},
            r"the region has shape \(4, 3\), the image \(4, 4\)",
        ),
        ((1, 4, 4), np.ones((4, 4), int), {"classes": {1: "cat"}}, "label 1 has the class 'cat'"),
        ((1, 4, 4), np.full((4, 4), 2**63, np.uint64), {}, "ids above"),
    ],
)
def test_annotations_that_cannot_be_used_say_why(
    image: tuple[int, ...], labels: NDArray[Any], how: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnnotationError, match=message) as caught:
        annotate(np.zeros(image), labels, name="cells", **how)
    assert str(caught.value).startswith("cells: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_image_must_be_finite(bad: float) -> None:
    image = np.zeros((2, 12, 20))
    image[1, 3, 4] = bad
    with pytest.raises(AnnotationError, match="NaN or infinite values"):
        annotate(image, drawn())


def test_arguments_are_not_changed() -> None:
    labels, region = drawn(), np.ones((12, 20), bool)
    resolved(labels, region=region, classes={40: BACKGROUND})
    np.testing.assert_array_equal(labels, drawn())
    assert region.all()


def test_usage_counts_and_reads_well() -> None:
    whole = resolved(drawn())
    partial = resolved(drawn(), unlabelled="ignore", classes={40: BACKGROUND})
    found = summarise([whole, partial])
    assert (found.images, found.objects, found.object_pixels) == (2, 3, 12 + 4 + 12)
    total = found.object_pixels + found.background_pixels + found.ignored_pixels
    assert total == 2 * 12 * 20
    assert found.ignored_pixels == int((partial.labels == IGNORE).sum()) > 0
    assert str(summarise([resolved(drawn() * (drawn() == drawn().max()))])).startswith(
        "1 object in"
    )
    text = str(summarise([whole]))
    assert text == "2 objects in 1 image; pixels: 6.7% object, 93.3% background, 0.0% ignored"


def test_a_polygon_covers_the_pixels_in_it() -> None:
    box = np.array([[1.6, 2.6], [1.6, 8.4], [5.4, 8.4], [5.4, 2.6]])
    expected = np.zeros((10, 12), bool)
    expected[2:6, 3:9] = True
    np.testing.assert_array_equal(region_mask((10, 12), [box]), expected)
    np.testing.assert_array_equal(region_mask((10, 12), [box[::-1]]), expected)
    triangle = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    y, x = np.indices((10, 12))
    inside = region_mask((10, 12), [triangle])
    assert inside[(y > 0) & (x > 0) & (y + x < 9)].all()
    assert not inside[y + x > 9].any()
    np.testing.assert_array_equal(region_mask((10, 12), [box, triangle]), expected | inside)
    assert not region_mask((10, 12), []).any()


def test_a_polygon_may_hang_over_the_edge() -> None:
    everything = np.array([[-5.0, -5.0], [-5.0, 50.0], [50.0, 50.0], [50.0, -5.0]])
    assert region_mask((10, 12), [everything]).all()
    assert not region_mask((10, 12), [everything + 100]).any()


def test_a_polygon_in_a_volume_covers_its_slices() -> None:
    box = np.array([[1.6, 2.6], [1.6, 8.4], [5.4, 8.4], [5.4, 2.6]])
    flat = region_mask((10, 12), [box])

    def at(z: list[float]) -> NDArray[np.bool_]:
        return region_mask((6, 10, 12), [np.column_stack([z, box])])

    for z, slices in (([2.0] * 4, [2]), ([1.0, 1.0, 3.0, 3.0], [1, 2, 3]), ([-4.0] * 4, [])):
        found = at(z)
        for k in range(6):
            np.testing.assert_array_equal(found[k], flat if k in slices else False)


def test_typical_diameter_is_that_of_the_median_object() -> None:
    for shape, spacing in (((80, 80), (1.0, 1.0)), ((20, 40, 40), (2.0, 1.0, 1.0))):
        labels = capsules(shape, 3, radius=6, count=5, spacing=spacing)
        assert 9.6 <= typical_diameter([labels], spacing) <= 14.4
    assert typical_diameter([], (1.0, 1.0)) == 20
    assert typical_diameter([np.zeros((4, 4), np.int32)], (1.0, 1.0)) == 20


def test_largest_reach_is_half_the_largest_boxs_diagonal() -> None:
    labels = drawn()
    assert largest_reach([labels], (1.0, 1.0)) == pytest.approx(np.hypot(3, 4) / 2)
    assert largest_reach([labels], (5.0, 1.0)) == pytest.approx(np.hypot(15, 4) / 2)
    assert largest_reach([labels, np.ones((30, 40), np.int32)], (1.0, 1.0)) == pytest.approx(25)
    assert largest_reach([np.zeros((4, 4), np.int32)], (1.0, 1.0)) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_images_keep_their_channels_and_type(channels: int) -> None:
    labels = capsules((30, 30), 1)
    image = (picture(labels, channels=channels) * 100).astype(np.int16)
    found = annotate(image, labels)
    assert found.image.shape == (channels, 30, 30)
    assert found.image.dtype == np.int16
