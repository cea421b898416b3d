"""Sizes of convex hulls: in images as in any number of dimensions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from skimage.morphology import convex_hull_image

from napari_spatial_embeddings.core.measuring import hulls
from napari_spatial_embeddings.core.measuring.hulls import hull_size


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_exact_integers_find_what_planes_find(mask: NDArray[np.bool_]) -> None:
    mask[0, 0] = True
    labels, box = 7 * mask.astype(np.int32), (slice(0, mask.shape[0]), slice(0, mask.shape[1]))
    assert hull_size(labels, 7, box) == hulls._by_planes(labels, 7, box)


def test_it_is_that_of_skimage() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random(rng.integers(3, 30, 2)) < 0.2
        mask[1, 1] = True
        box = tuple(slice(0, n) for n in mask.shape)
        assert hull_size(mask.astype(np.uint8), 1, box) == convex_hull_image(mask).sum()
