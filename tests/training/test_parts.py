"""Images that stay in their files: only what lies around annotations is read of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules
from counted import Counted, Huge
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.inference.normalisation import (
    SAMPLE_PIXELS,
    normalisation,
    normalise,
)
from napari_spatial_embeddings.training.annotation import AnnotationError, annotate, summarise
from napari_spatial_embeddings.training.parts import (
    MIN_EDGE,
    annotated_parts,
    annotated_windows,
)
from napari_spatial_embeddings.training.preparation import normalised
from napari_spatial_embeddings.training.validation import choose_images

SETTINGS = ModelSettings()


@given(data=st.data(), ndim=st.sampled_from([2, 3]), coarse=st.sampled_from([1.0, 4.0]))
def test_windows_hold_what_is_known_with_a_margin(
    data: st.DataObject, ndim: int, coarse: float
) -> None:
    shape = {2: (1500, 2000), 3: (40, 400, 300)}[ndim]
    spacing = (coarse, *[1.0] * (ndim - 1))
    known = np.zeros(shape, bool)
    points = st.tuples(*(st.integers(0, n - 1) for n in shape))
    places = data.draw(st.lists(points, min_size=1, max_size=6))
    for place in places:
        known[place] = True
    windows = annotated_windows(known, known.astype(np.int32), spacing)
    covered = np.zeros(shape, np.uint8)
    for window in windows:
        covered[window] += 1
        assert known[window].any()
    assert covered.max() == 1, "no window overlaps another"
    margins = [int(MIN_EDGE[ndim] / unit) for unit in spacing]
    for place in places:
        around = tuple(
            slice(max(0, i - m), min(n, i + m + 1))
            for i, m, n in zip(place, margins, shape, strict=True)
        )
        assert covered[around].all()


def far_apart(shape: tuple[int, int], dtype: Any = np.int32) -> NDArray[Any]:
    """Return objects in two corners of an image."""
    labels = np.zeros(shape, dtype)
    labels[:80, :90] = capsules((80, 90), count=5)
    other = capsules((80, 90), 1, count=5)
    labels[-80:, -90:] = np.where(other > 0, other + 5, 0)
    return labels


def test_far_annotations_of_a_huge_image() -> None:
    shape = (6000, 7000)
    huge = Huge((1, *shape), np.uint16, most=600**2)
    labels = far_apart(shape)
    parts = annotated_parts(huge, labels, unlabelled="ignore", class_names=("cell",))
    assert huge.read <= 2 * 600**2
    assert [part.n_objects for part in parts] == [5, 5]
    assert summarise(parts).images == 1
    for part in parts:
        assert part.whole is huge
        assert (part.labels == IGNORE).any()
        assert part.image.shape[1:] == part.labels.shape
    before = huge.read
    (scaled,) = normalised(parts[:1], SETTINGS)
    assert huge.read - before <= SAMPLE_PIXELS
    expected = normalise(parts[0].image, normalisation(huge, SETTINGS))
    np.testing.assert_array_equal(scaled.image, expected)


@pytest.mark.parametrize("regions", [False, True])
def test_parts_are_what_annotate_makes_of_the_whole(regions: bool) -> None:
    shape = (1500, 1600)
    labels = far_apart(shape)
    image = np.random.default_rng(0).random((2, *shape), np.float32)
    region = np.zeros(shape, bool)
    region[700:720, 100:130] = True
    how: dict[str, Any] = {"unlabelled": "ignore", "region": region if regions else None}
    whole = annotate(image, labels, **how)
    (same,) = annotated_parts(image, labels, **how)
    np.testing.assert_array_equal(same.labels, whole.labels)
    assert same.whole is None
    counted = Counted(image)
    parts = annotated_parts(counted, labels, **how)
    assert counted.read == sum(part.image.size for part in parts) < image.size
    assert sum(part.n_objects for part in parts) == whole.n_objects
    for kind in (0, IGNORE):
        known = sum(int((part.labels == kind).sum()) for part in parts)
        assert known <= int((whole.labels == kind).sum())
    background = sum(int((part.labels == 0).sum()) for part in parts)
    assert background == int((whole.labels == 0).sum()) or not regions


def test_what_is_annotated_everywhere_is_read_as_a_whole() -> None:
    image = np.random.default_rng(0).random((1, 600, 700), np.float32)
    counted = Counted(image)
    (part,) = annotated_parts(counted, far_apart((600, 700)))
    assert counted.read == image.size
    assert (part.labels == 0).any()
    assert not (part.labels == IGNORE).any()


def test_refusals_read_nothing() -> None:
    nothing = Huge((1, 900, 800), np.float32, most=0)
    kinds: list[tuple[NDArray[Any], str]] = [
        (np.zeros((900, 800), np.int32), "nothing is annotated"),
        (np.ones((80, 90), np.int32), "must cover the same pixels"),
        (np.ones((900, 800)), "expected whole numbers"),
    ]
    for labels, says in kinds:
        with pytest.raises(AnnotationError, match=says):
            annotated_parts(nothing, labels, name="a", unlabelled="ignore")


def test_validation_is_normalised_as_prediction_is() -> None:
    """By the whole image, though only a part of it is scored."""
    image = np.random.default_rng(0).random((1, 500, 600), np.float32)
    image[:, 450:] += 5
    labels = np.zeros((500, 600), np.int32)
    labels[:80, :90] = capsules((80, 90), count=5)
    (part,) = choose_images([annotate(image, labels)])
    assert part.image.shape < image.shape
    scale = normalisation(image, SETTINGS)
    (scaled,) = normalised([part], SETTINGS)
    np.testing.assert_array_equal(scaled.image, normalise(part.image, scale))
