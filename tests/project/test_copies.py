"""Pixels as copies have them."""

from __future__ import annotations

import numpy as np

from counted import Counted
from napari_spatial_embeddings.project.copies import converted


def test_a_type_is_converted_where_it_is_sliced() -> None:
    array = np.arange(24).reshape(2, 3, 4) % 3 > 0
    source = Counted(array)
    numbers = converted(source, np.uint8)
    block = np.asarray(numbers[:, 1, ::2])
    assert source.read == block.size
    assert block.dtype == numbers.dtype == np.uint8
    np.testing.assert_array_equal(block, array[:, 1, ::2])
    assert converted(numbers, np.uint8) is numbers
