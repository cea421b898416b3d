"""Hypothesis strategies: any maps, any settings."""

from __future__ import annotations

import numpy as np
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps

relaxed = hypothesis_settings(deadline=None, max_examples=60)
few = hypothesis_settings(relaxed, max_examples=25)


@st.composite
def any_maps(draw: st.DrawFn) -> EmbeddingMaps:
    ndim = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(1, 40 if ndim == 2 else 12)) for _ in range(ndim))
    coarse = draw(st.sampled_from([1.0, 1.5, 2.5]))
    return random_maps(
        shape,
        np.random.default_rng(draw(st.integers(0, 10**6))),
        sigma_components=draw(st.sampled_from([1, ndim])),
        classes=draw(st.integers(1, 3)),
        spacing=(coarse, *[1.0] * (ndim - 1)),
        ties=draw(st.booleans()),
    )


@st.composite
def any_labels(draw: st.DrawFn, *, ndim: int | None = None) -> NDArray[np.int32]:
    """Labels of noise: single pixels, diagonals, holes in holes, at any border, of any ids."""
    ndim = ndim or draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(1, 24 if ndim == 2 else 7)) for _ in range(ndim))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    count = draw(st.integers(0, 6))
    places = rng.integers(0, count + 1, shape)
    if draw(st.booleans()):  # each pixel takes the value of one nearby
        places = np.repeat(places, 3, -1)[..., : shape[-1]]
    ids = np.sort(rng.choice(draw(st.sampled_from([10, 70_000, 2**31 - 2])), count, replace=False))
    labels: NDArray[np.int32] = np.array([0, *(ids + 1)], np.int32)[places]
    return labels


tenths = st.integers(0, 10).map(lambda n: n / 10)
any_settings = st.builds(
    ClusteringSettings,
    seed_threshold=tenths,
    foreground_threshold=tenths,
    margin_factor=st.sampled_from([0.5, 0.9, 1.0, 1.3, 3.0]),
    min_size=st.sampled_from([1, 2, 5, 20]),
    min_free_fraction=tenths,
)
