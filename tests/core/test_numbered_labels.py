"""Labels without gaps: those of any dtype, and any size of label."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatial_embeddings.core.label_values import MAX_TABLE, numbered


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("labels", [[[3, 0, 3], [9, 200, 9]], [[5, 5]], [[0, 0]], [[]]])
def test_places_lead_to_the_labels(dtype: type[np.integer], labels: list[list[int]]) -> None:
    assert_numbered(np.array(labels, dtype))


def test_labels_that_are_too_high_for_a_table_are_numbered() -> None:
    assert_numbered(np.array([[MAX_TABLE + 7, 3], [0, np.iinfo(np.int64).max]]))


def assert_numbered(labels: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> None:
    ids, places = numbered(labels)
    assert ids.dtype == labels.dtype
    assert places.shape == labels.shape
    assert sorted({0, *labels.ravel().tolist()}) == ids.tolist()
    np.testing.assert_array_equal(ids[places], labels)
