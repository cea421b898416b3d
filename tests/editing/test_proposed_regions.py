"""Regions to annotate next: which come first, which never come, and that they are many places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.editing import proposed_regions
from napari_spatial_embeddings.editing import uncertainty as uncertainty_module
from napari_spatial_embeddings.editing.proposed_regions import (
    ProposedRegion,
    ranked,
    region_shape,
    regions_in,
    similarity,
)
from napari_spatial_embeddings.editing.uncertainty import PARTS, UNSURE, Uncertainty, uncertainty
from napari_spatial_embeddings.errors import InputError

SETTINGS = ClusteringSettings()
SHAPES = {"image": (240, 260), "volume": (12, 120, 130)}


@pytest.fixture(params=SHAPES)
def labels(request: pytest.FixtureRequest) -> NDArray[np.int32]:
    shape = SHAPES[request.param]
    return capsules(shape, count=60 if len(shape) == 2 else 30, radius=5)


def sure_maps(labels: NDArray[np.int32]) -> EmbeddingMaps:
    return ideal_maps(labels, sigma=3.0)


def with_seed(maps: EmbeddingMaps, where: NDArray[np.bool_], seed: float) -> EmbeddingMaps:
    return replace(maps, seed=np.where(where, np.float32(seed), maps.seed))


def scattered(maps: EmbeddingMaps, where: NDArray[np.bool_]) -> EmbeddingMaps:
    """Let the pixels of an object, but for one, point to about its margin."""
    rng = np.random.default_rng(0)
    way = rng.normal(size=maps.offsets.shape).astype(np.float32)
    way *= 3.2 / np.linalg.norm(way, axis=0)
    way[:, *np.argwhere(where)[0]] = 0
    first = np.zeros_like(where)
    first[tuple(np.argwhere(where)[0])] = True
    seed = np.where(first, 1, np.where(where, 0.95, maps.seed)).astype(np.float32)
    return replace(maps, offsets=np.where(where, maps.offsets + way, maps.offsets), seed=seed)


def claimed(maps: EmbeddingMaps, where: NDArray[np.bool_]) -> EmbeddingMaps:
    """Let an object's pixels point along a line of two margins, with a seed at both ends."""
    along = (np.cumsum(where).reshape(where.shape) - 1) / (where.sum() - 1)
    offsets = maps.offsets.copy()
    offsets[-1][where] += 6 * along[where]
    sure = np.where(along == 0, 1, 0.9 + 0.05 * along).astype(np.float32)
    return replace(maps, offsets=offsets, seed=np.where(where, sure, maps.seed))


Doubt = Callable[[EmbeddingMaps, NDArray[np.bool_]], EmbeddingMaps]

DOUBTS: dict[str, Doubt] = {
    "score": lambda maps, where: with_seed(maps, where, 0.82),
    "spread": scattered,
    "claims": claimed,
    "nearly found": lambda maps, where: with_seed(maps, where, 0.78),
}


def looked_through(
    maps: EmbeddingMaps, **known: NDArray[np.int32] | NDArray[np.bool_]
) -> tuple[Instances, Uncertainty, list[ProposedRegion]]:
    instances = cluster(maps, SETTINGS)
    found = uncertainty(maps, instances, SETTINGS)
    return instances, found, regions_in(found, instances, maps.spacing, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_the_region_of_an_ambiguous_object_comes_first(
    labels: NDArray[np.int32], doubt: str
) -> None:
    for label in (3, 17):
        where = labels == label
        maps = DOUBTS[doubt](sure_maps(labels), where)
        instances, found, regions = looked_through(maps)
        assert regions
        inside = np.zeros_like(where)
        inside[regions[0].box] = True
        assert (inside & where).any()
        unsure = np.isin(instances.labels, instances.ids[found.objects >= UNSURE])
        unsure |= found.nearly.labels > 0
        assert not (unsure & ~where).any(), "the others are sure"
        assert regions[0].nearly == (doubt == "nearly found")
        assert bool(regions[0].unsure) == (doubt != "nearly found")
        if doubt in PARTS:
            own = np.unique(instances.labels[where & (instances.labels > 0)])
            part = found.parts[np.isin(instances.ids, own), PARTS.index(doubt)].max()
            rest = found.parts[~np.isin(instances.ids, own), PARTS.index(doubt)]
            assert part > rest.max() + 0.2


@pytest.mark.parametrize("seed", range(4))
def test_nothing_overlaps_and_nothing_complete_is_proposed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (240, 260) if seed % 2 else (12, 150, 200)
    labels = capsules(shape, seed, count=60, radius=4)
    sure = rng.uniform(0.5, 1, int(labels.max()) + 1).astype(np.float32)
    maps = ideal_maps(labels, sigma=2.5)
    maps = replace(maps, seed=maps.seed * sure[labels])
    complete = np.zeros(shape, bool)
    complete[..., 20:90, 30:80] = True
    annotation = np.where(np.isin(labels, rng.choice(60, 15)), labels, 0)
    regions = looked_through(maps, annotation=annotation, complete=complete)[2]
    assert len(regions) > 2
    for k, region in enumerate(regions):
        assert not complete[region.box].any()
        assert region.unsure + region.nearly > 0
        assert all(
            0 <= part.start < part.stop <= n for part, n in zip(region.box, shape, strict=True)
        )
        assert not any(region.overlaps(other) for other in regions[:k])
    again = looked_through(maps, annotation=annotation, complete=complete)[2]
    assert [x.box for x in again] == [x.box for x in regions]
    named = [replace(x, image=i, series=i) for i in "ab" for x in regions]
    order = ranked(named, first="b")
    assert order[0].image == "b"
    assert all(not x.overlaps(y) for k, x in enumerate(order) for y in order[:k])
    assert [(x.image, x.box) for x in ranked(named, first="b")] == [(x.image, x.box) for x in order]
    gains = [x.gain for x in order[1:]]
    assert gains == sorted(gains, reverse=True)


def test_what_is_annotated_counts_no_more(labels: NDArray[np.int32]) -> None:
    where = np.isin(labels, [3, 17])
    maps = with_seed(sure_maps(labels), where, 0.81)
    assert looked_through(maps)[2]
    first = np.where(labels == 3, labels, 0)
    for region in looked_through(maps, annotation=first)[2]:
        assert (labels[region.box] == 17).any()
    assert not looked_through(maps, annotation=np.where(where, labels, 0))[2]
    assert not looked_through(maps, complete=np.ones(labels.shape, bool))[2]


def row_of_objects() -> NDArray[np.int32]:
    """Return the labels of 29 squares in a row."""
    labels = np.zeros((60, 900), np.int32)
    for k in range(1, 30):
        labels[25:35, 30 * k - 5 : 30 * k + 5] = k
    return labels


def test_more_unsure_objects_promise_more() -> None:
    labels = row_of_objects()
    for alone, pair in ((4, [24, 25]), (25, [4, 5])):
        maps = with_seed(sure_maps(labels), np.isin(labels, [alone, *pair]), 0.81)
        first, then = looked_through(maps)[2][:2]
        assert set(pair) <= set(np.unique(labels[first.box]).tolist())
        assert (labels[then.box] == alone).any()
        assert (first.unsure, then.unsure) == (2, 1)
        assert first.gain > 1.5 * then.gain


def test_sure_objects_around_an_unsure_one_are_work_that_promises_nothing() -> None:
    for alone, among in ((4, 25), (25, 4)):
        labels = row_of_objects()
        columns = slice(30 * among - 5, 30 * among + 5)
        labels[12:22, columns], labels[38:48, columns] = 40, 41
        maps = with_seed(sure_maps(labels), np.isin(labels, [alone, among]), 0.81)
        first, then = looked_through(maps)[2][:2]
        assert (labels[first.box] == alone).any()
        assert (labels[then.box] == among).any()
        assert first.gain > then.gain


def test_regions_suit_the_objects_but_not_specks() -> None:
    squares = row_of_objects()
    specks = np.zeros_like(squares)
    specks[2:22:5, 2:900:5] = 1 + np.arange(4 * 180).reshape(4, 180)
    none = Corrections.none(squares.shape).instances()
    for labels, edge in ((squares, 90), (specks, 48)):
        instances = cluster(sure_maps(labels), SETTINGS.updated(min_size=1))
        assert region_shape(instances, none, (2.0, 2.0)) == (edge // 2, edge // 2)


def test_near_what_is_annotated_a_region_promises_less() -> None:
    labels = row_of_objects()
    maps = with_seed(sure_maps(labels), np.isin(labels, [4, 25]), 0.81)
    for annotated, near, far in ((5, 4, 25), (24, 25, 4)):
        annotation = np.where(labels == annotated, 1, 0)
        regions = looked_through(maps, annotation=annotation)[2]
        assert (labels[regions[0].box] == far).any()
        assert (labels[regions[1].box] == near).any()
        assert regions[1].gain < regions[0].gain


def test_what_the_user_decided_is_sure(labels: NDArray[np.int32]) -> None:
    where = labels == 3
    maps = with_seed(sure_maps(labels), where, 0.81)
    instances, found, _ = looked_through(maps)
    unsure = instances.ids[found.objects >= UNSURE].tolist()
    locked = edit.accept(Corrections.none(labels.shape), instances, unsure)
    deleted = edit.delete(Corrections.none(labels.shape), instances, unsure[0])
    for corrections in (locked, deleted):
        new = Clustering(maps, corrections=corrections)(SETTINGS)
        found = uncertainty(maps, new, SETTINGS, corrections)
        assert not regions_in(found, new, maps.spacing)


def test_each_part_is_a_share_however_odd_the_maps(labels: NDArray[np.int32]) -> None:
    rng = np.random.default_rng(0)
    maps = sure_maps(labels)
    seed = maps.seed * rng.uniform(0, 1, maps.seed.shape).astype(np.float32)
    holes = rng.uniform(size=labels.shape) < 0.05
    odd = replace(
        maps,
        seed=np.where(holes, np.float32(np.nan), seed),
        offsets=np.where(holes, np.float32(np.nan), maps.offsets),
    )
    instances = cluster(odd, SETTINGS)
    found = uncertainty(odd, instances, SETTINGS)
    for values in (found.parts, found.objects, found.near):
        assert ((values >= 0) & (values <= 1)).all()
    assert (found.objects >= found.parts.max(1) - 1e-6).all()
    assert len(found.near) == len(found.nearly) == len(np.unique(found.nearly.labels)) - 1
    assert not (found.nearly.labels > 0)[instances.labels > 0].any()


def test_in_parts_the_result_is_the_same(
    labels: NDArray[np.int32], monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = with_seed(sure_maps(labels), np.isin(labels, [3, 17]), 0.81)
    _, whole, regions = looked_through(maps)
    monkeypatch.setattr(uncertainty_module, "PIXELS_AT_ONCE", 700)
    monkeypatch.setattr(proposed_regions, "PIXELS_AT_ONCE", 700)
    _, parts, again = looked_through(maps)
    np.testing.assert_allclose(parts.parts, whole.parts, atol=1e-6)
    assert [x.box for x in again] == [x.box for x in regions]
    np.testing.assert_allclose([x.gain for x in again], [x.gain for x in regions], rtol=1e-5)


def test_a_sample_of_the_pixels_gives_about_the_same(
    labels: NDArray[np.int32], monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = scattered(claimed(sure_maps(labels), labels == 17), labels == 3)
    _, every, regions = looked_through(maps)
    monkeypatch.setattr(uncertainty_module, "SAMPLED", int((labels > 0).sum()) // 3)
    monkeypatch.setattr(uncertainty_module, "PIXELS_AT_ONCE", 700)
    _, some, again = looked_through(maps)
    assert (some.parts != every.parts).any()
    np.testing.assert_allclose(some.parts, every.parts, atol=0.15)
    assert again[0].box == regions[0].box


def test_alike_and_near_regions_are_pushed_down() -> None:
    def region(
        x: int, gain: float, image: str = "a", frame: int = 0, kind: float = 0.0
    ) -> ProposedRegion:
        box = (slice(0, 10), slice(10 * x, 10 * x + 10))
        centre = np.array([0.5, x + 0.5])
        return ProposedRegion(box, gain, 1, 0, np.full(6, kind), centre, image, "s", frame)

    first, near, far = region(0, 3.0), region(1, 2.9), region(9, 2.0)
    assert [x.box for x in ranked([first, near, far])] == [x.box for x in (first, far, near)]
    elsewhere = replace(region(9, 1.9, "b"), series="b")
    order = ranked([first, far, elsewhere])
    assert [x.image for x in order] == ["a", "b", "a"], "another image comes before the same one"
    same, other = region(0, 2.9, "b", 1), region(0, 2.0, "c", 9)
    assert [x.image for x in ranked([first, same, other])] == ["a", "c", "b"]
    assert similarity(first, near) > similarity(first, region(1, 1.0, kind=2.0))
    assert similarity(first, far) > similarity(first, region(9, 1.0, kind=2.0))


def test_without_anything_unsure_a_sentence_says_so() -> None:
    empty = ideal_maps(np.zeros((40, 50), np.int32))
    assert not looked_through(empty)[2]
    with pytest.raises(InputError, match="nothing stands out"):
        ranked(looked_through(empty)[2])
