"""Every object has one owner among the blocks, and is the one that the whole image gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules, random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.inference.blocks import (
    Blocks,
    find_objects,
    in_core,
    owned_objects,
    room_around,
)

Labels = NDArray[np.int32]
SETTINGS = ClusteringSettings(seed_threshold=0.5, min_size=1)


def crop(maps: EmbeddingMaps, outer: tuple[slice, ...]) -> EmbeddingMaps:
    every = (slice(None), *outer)
    return EmbeddingMaps(maps.offsets[every], maps.sigma[every], maps.seed[every], maps.spacing)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_cores_part_the_image_and_every_centre_is_in_one(data: st.DataObject) -> None:
    ndim = data.draw(st.sampled_from([2, 3]))
    numbers = st.integers(1, 30)
    blocks = Blocks(
        tuple(data.draw(numbers) for _ in range(ndim)),
        tuple(data.draw(numbers) for _ in range(ndim)),
    )
    count = np.zeros(blocks.shape, int)
    for k in range(len(blocks)):
        count[blocks.core(k)] += 1
    assert (count == 1).all()
    # Halfway between two pixels, on a border of cores, and outside the image.
    centre = np.random.default_rng(0).integers(-8, 70, (50, ndim)) / 2
    owners = [in_core(centre, blocks, k) for k in range(len(blocks))]
    assert (np.sum(owners, 0) == 1).all()


def test_neighbours_are_those_that_touch() -> None:
    blocks = Blocks((50, 70), (16, 16))
    for k in range(len(blocks)):
        grown = blocks.outer(k, (1, 1))
        touching = [
            j
            for j in range(len(blocks))
            if all(
                a.start < b.stop and b.start < a.stop
                for a, b in zip(grown, blocks.core(j), strict=True)
            )
        ]
        assert blocks.around(k) == touching


@pytest.mark.parametrize(
    ("shape", "spacing"), [((90, 120), (1.0, 1.0)), ((14, 60, 70), (2.0, 1.0, 1.0))]
)
@pytest.mark.parametrize("edge", [16, 37, 64])
@pytest.mark.parametrize("length", [0.0, 12.0])
def test_blocks_give_the_objects_of_the_whole(
    shape: tuple[int, ...], spacing: tuple[float, ...], edge: int, length: float
) -> None:
    labels = capsules(shape, edge, count=30, radius=4, length=length, spacing=spacing)
    maps = ideal_maps(labels, spacing=spacing, sigma=3)
    whole = cluster(maps, SETTINGS)
    assert len(whole) == labels.max()
    blocks = Blocks(shape, tuple(max(1, round(edge / s)) for s in spacing))
    seen: set[tuple[int, ...]] = set()
    for k in range(len(blocks)):
        outer = blocks.outer(k, tuple(round(50 / s) for s in spacing))
        objects, enough, cut = find_objects(crop(maps, outer), blocks, k, outer, SETTINGS)
        assert enough
        assert not len(cut)
        full = np.zeros(shape, np.int32)
        full[blocks.core(k)] = objects.core
        full.reshape(-1)[objects.rim_pixels] = objects.rim_labels
        for n, (pixel, size) in enumerate(zip(objects.seed_pixel, objects.size, strict=True), 1):
            at = tuple(pixel.tolist())
            np.testing.assert_array_equal(full == n, whole.labels == whole.labels[at])
            assert size == (full == n).sum()
            assert at not in seen
            seen.add(at)
    assert len(seen) == len(whole)


def one_object(box: tuple[slice, ...], shape: tuple[int, ...]) -> Instances:
    labels = np.zeros(shape, np.int32)
    labels[box] = 1
    return cluster(ideal_maps(labels, sigma=20), SETTINGS)


def test_a_halo_is_wide_enough_where_the_widest_object_fits_beside_each() -> None:
    outer, image = (slice(40, 80), slice(0, 60)), (200, 60)
    own = np.ones(1, np.bool_)
    for start, expected in ((10, True), (9, False), (1, False), (0, False)):
        found = one_object((slice(start, start + 10), slice(0, 8)), (40, 60))
        enough, cut = room_around(found, own, outer, image)
        assert (enough, cut.tolist()) == (expected, [start == 0]), start
    # The image's own edge is no edge of the halo.
    found = one_object((slice(0, 10), slice(0, 8)), (40, 60))
    enough, cut = room_around(found, own, (slice(0, 40), slice(0, 60)), image)
    assert enough
    assert not cut.any()


def test_what_a_block_does_not_own_is_left_out() -> None:
    maps = random_maps((60, 60), np.random.default_rng(3))
    found = cluster(maps, SETTINGS)
    blocks, outer = Blocks((60, 60), (60, 60)), (slice(0, 60), slice(0, 60))
    own = np.arange(len(found)) % 2 == 0
    centre = np.zeros((len(found), 2))
    objects = owned_objects(found, own, centre, blocks, 0, outer)
    np.testing.assert_array_equal(objects.core > 0, np.isin(found.labels, found.ids[own]))
    assert not len(objects.rim_pixels)
    assert len(objects) == own.sum()


def test_no_object() -> None:
    maps = ideal_maps(np.zeros((20, 30), np.int32))
    blocks, outer = Blocks((20, 30), (20, 30)), (slice(0, 20), slice(0, 30))
    objects, enough, cut = find_objects(maps, blocks, 0, outer, SETTINGS)
    assert (len(objects), enough, len(cut)) == (0, True, 0)
