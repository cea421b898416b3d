"""Label images of other programs are used rightly, or refused with the reason."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture
from napari_spatial_embeddings.core.label_values import objects_of, whole_numbers
from napari_spatial_embeddings.errors import InputError


def squares(count: int) -> NDArray[np.int32]:
    """Return labels of squares that do not touch, in rows."""
    rows = int(np.ceil(np.sqrt(count)))
    labels = np.zeros((8 * rows, 8 * rows), np.int32)
    for k in range(count):
        y, x = 8 * (k // rows), 8 * (k % rows)
        labels[y + 1 : y + 7, x + 1 : x + 7] = k + 1
    return labels


def same_objects(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two label images show the same objects, whatever their ids."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(np.unique(ids)) == pairs.shape[1] for ids in pairs)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64"])
def test_whole_numbers_of_any_type(dtype: str) -> None:
    values = np.array([[0, 1], [1, 0]], dtype)
    found = whole_numbers(values, "a")
    assert found.dtype.kind in "iu"
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_true_and_false_are_a_mask(count: int) -> None:
    """Of two pieces, too, where a label of 1 may be an object that is torn."""
    labels = squares(count)
    found = objects_of(whole_numbers(labels > 0, "a"), "a")
    assert same_objects(found.labels, labels)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([0.0, 2.5]), "type float64 that are not whole, such as 2.5; expected a label"),
        (np.array([np.nan], "float32"), "such as nan"),
        (np.array([np.inf], "float32"), "such as inf"),
        (np.array([2.0**24 + 2], "float32"), "labels above 16777216, which the type float32 does"),
    ],
)
def test_other_floats_are_no_labels(values: NDArray[Any], says: str) -> None:
    with pytest.raises(InputError, match=f"a.tif holds .*{says}"):
        whole_numbers(values, "a.tif")


@pytest.mark.parametrize("shape", [(80, 90), (20, 40, 40)])
def test_label_images_stay_as_they_are(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=12, radius=6)
    torn = np.where(labels == 2, 1, labels)  # an object in two pieces
    for ids in (
        labels,
        torn,
        labels.astype(np.uint8),
        np.where(labels > 3, -1, labels),
        0 * labels,
    ):
        found = objects_of(ids, "a")
        assert not found.from_mask
        assert found.labels is ids


@pytest.mark.parametrize("white", [1, 255, 65_535])
@pytest.mark.parametrize("shape", [(80, 90), (20, 40, 40)])
def test_each_piece_of_a_mask_is_an_object(shape: tuple[int, ...], white: int) -> None:
    labels = capsules(shape, count=300, radius=2)
    found = objects_of(np.where(labels > 0, white, 0).astype(np.uint16), "a")
    assert found.from_mask
    assert same_objects(found.labels, labels)


def test_one_object_is_no_mask() -> None:
    """Not even one of two pieces, or one with debris, unless it is white."""
    for labels in (squares(1), np.minimum(squares(2), 1), (squares(9) > 8).astype(np.int32)):
        assert not objects_of(labels, "a").from_mask
    debris = squares(1).repeat(3, 1)
    debris[0, ::3] = 1
    assert not objects_of(debris, "a").from_mask
    assert objects_of(np.minimum(squares(2), 1) * 255, "a").from_mask


def test_white_around_the_objects_is_no_object() -> None:
    labels = np.pad(squares(30), 4)
    for white in (1, 255):
        with pytest.raises(InputError, match=r"encloses 30 dark pieces, .*; invert it"):
            objects_of(np.where(labels > 0, 0, white).astype(np.uint8), "a.tif")


def test_background_that_is_not_0_is_no_object() -> None:
    labels = np.pad(squares(30), 4) + 32_768
    with pytest.raises(InputError, match=r"has no 0, and its label 32768 covers \d\d% of it, as b"):
        objects_of(labels, "a.tif")
    assert objects_of(labels, "a", (32_768,)).labels is labels
    tissue = np.arange(16).repeat(9).reshape(12, 12) + 1  # without background
    assert objects_of(tissue, "a").labels is tissue


def test_strokes_of_background_are_no_objects() -> None:
    """Their label keeps its value, and its pixels belong to no piece."""
    labels = np.where(squares(30) > 9, 1, 0)
    assert objects_of(labels, "a", (1,)).labels is labels
    both = np.where(squares(30) > 20, 255, labels)
    found = objects_of(both, "a", (1,))
    assert found.from_mask
    np.testing.assert_array_equal(found.labels == 1, both == 1)
    assert len(np.unique(found.labels[both == 255])) == 10


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("blur", [0, 3])
def test_grey_values_are_no_objects(dtype: type, blur: float) -> None:
    from scipy import ndimage as ndi

    image = ndi.gaussian_filter(picture(capsules((90, 90), count=12))[0], blur)
    grey = (image - image.min()) / np.ptp(image) * np.iinfo(dtype).max
    with pytest.raises(InputError, match=r"a\.tif holds \d+ values .* do; expected a label image"):
        objects_of(grey.astype(dtype), "a.tif")


@pytest.mark.parametrize(
    "classes",
    [
        lambda k: np.where(
            k > 0, 1, 2
        ),  # of pixels, as a classifier of those gives: background too
        lambda k: np.where(k > 0, 2, 1),
        lambda k: np.where(k > 0, 255, 128),
        lambda k: np.where(k > 0, 1 + k % 3, 0),
        lambda k: np.where(k > 0, 1 + k % 3, 9),
    ],
)
def test_few_objects_of_some_classes(classes: Any) -> None:
    labels = classes(squares(9)).astype(np.uint8)
    for shape in ((1, *labels.shape), (5, *labels.shape)):
        for image in (labels, np.broadcast_to(labels, shape)):
            with pytest.raises(InputError, match=r"separate pieces, as grey values or classes are"):
                objects_of(image, "a.tif")


def test_objects_may_be_drawn_in_some_slices_alone() -> None:
    labels = np.zeros((31, *squares(9).shape), np.int32)
    labels[::2] = squares(9)
    assert objects_of(labels, "a").labels is labels


def test_classes_are_no_objects() -> None:
    labels = squares(60)
    with pytest.raises(InputError, match=r"2 values in 60 separate pieces, as .* classes are"):
        objects_of(np.where(labels > 0, 1 + labels % 2, 0), "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
@pytest.mark.parametrize(
    "cut", [lambda k: k % 256, lambda k: np.minimum(k, 255), lambda k: k * 255 // 400]
)
def test_ids_that_did_not_fit_into_8_bits(cut: Any, dtype: type) -> None:
    """Wrapped, clipped or scaled, and perhaps converted back afterwards."""
    labels = squares(400)
    assert objects_of(labels, "a").labels is labels
    with pytest.raises(InputError, match=r"ids above 255 do not fit into 8 bits; .* 16 bits"):
        objects_of(cut(labels).astype(dtype), "a.tif")
    without = np.where(labels % 256 == 255, 0, cut(labels))
    if cut(np.array([300])) == 44:
        with pytest.raises(InputError, match=r"has 144 labels .* ids above 255 do not fit"):
            objects_of(without.astype(dtype), "a.tif")
    full = squares(255).astype(np.uint8)
    assert objects_of(full, "a").labels is full, "as many objects as there are ids"


def test_ids_that_did_not_fit_beside_a_sign() -> None:
    says = r"down to -128: ids above 127 do not fit into 8 bits with a sign; .* with 16 bits"
    for count in (299, 200):  # shared by two objects each, or all of them different
        with pytest.raises(InputError, match=says):
            objects_of(squares(count).astype(np.int8), "a.tif")
    with pytest.raises(InputError, match=r"down to -32768: .* 32767 do not fit into 16 bits"):
        objects_of(np.repeat(squares(33_000), 2, 0).astype(np.int16), "a.tif")
    ignored = squares(90).astype(np.int8)
    ignored[0] = -1
    assert objects_of(ignored, "a.tif").labels is ignored


@pytest.mark.parametrize("other", [(), (7,)])
def test_the_check_takes_less_than_22_bytes_a_pixel(other: tuple[int, ...]) -> None:
    labels = squares(1024).astype(np.uint32)
    objects_of(labels, "a", other)  # what it imports is no part of it
    tracemalloc.start()
    found = objects_of(labels, "a", other)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.labels is labels
    assert peak < 22 * labels.size
