"""Explanations are true: the values that they name have the effects that they name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import capsules, random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, coordinates, ideal_maps
from napari_spatial_embeddings.editing.corrections import accept, delete
from napari_spatial_embeddings.editing.explanation import MAX_ARROWS, Explanation, explain
from napari_spatial_embeddings.errors import InputError
from strategies import any_maps, any_settings, relaxed

SETTINGS = ClusteringSettings(seed_threshold=0.7, foreground_threshold=0.4, min_size=12)


def cells(
    *centres: tuple[float, float], radius: float = 6, best: float = 0.9, sigma: float = 3
) -> EmbeddingMaps:
    """Round cells whose pixels point nearly at their centre, less surely towards the border."""
    maps = ideal_maps(np.zeros((40, 60), np.int32), sigma=sigma)
    x = coordinates(maps.shape, maps.spacing)
    for k, centre in enumerate(centres):
        away = np.array(centre).reshape(2, 1, 1) - x
        far = np.sqrt((away**2).sum(0))
        disc = far <= radius
        maps.offsets[:, disc] = 0.8 * away[:, disc]
        maps.seed[0, disc] = (best - 0.05 * k) * (1 - 0.08 * far[disc])
    return maps


def moved(
    maps: EmbeddingMaps, settings: ClusteringSettings, before: Instances, said: Explanation, n: int
) -> Instances:
    """Do what a change says."""
    change = said.changes[n]
    return Clustering(maps)(settings.updated(**{change.setting: change.value}), like=before)


def effects(said: Explanation) -> dict[str, int]:
    """Return the number of each change by its setting and effect."""
    return {f"{c.setting}: {c.effect}": n for n, c in enumerate(said.changes)}


@relaxed
@given(any_maps(), any_settings, st.integers(0, 10**6))
def test_what_is_said_is_so(maps: EmbeddingMaps, settings: ClusteringSettings, seed: int) -> None:
    found = cluster(maps, settings)
    rng = np.random.default_rng(seed)
    pixel = tuple(int(rng.integers(n)) for n in maps.shape)
    said = explain(found, maps, settings, pixel)
    assert said.label == found.labels[pixel]
    assert said.sentences
    for change in said.changes:
        settings.updated(**{change.setting: change.value})
        assert any(f"{change.value:g}"[:4] in s for s in said.sentences)
    assert said.arrows.shape[1:] == (2, maps.ndim)
    assert said.arrows[0, 0].tolist() == list(pixel)
    assert len(said.arrows) <= MAX_ARROWS
    if said.label == 0:
        assert (said.ellipse, said.score, said.phi) == (None, None, None)
        return
    k = int(np.flatnonzero(found.ids == said.label)[0])
    assert (said.score, said.size, said.index) == (
        found.score[k],
        found.size[k],
        found.class_index[k],
    )
    assert said.phi is not None
    assert said.phi > 0.5 - 1e-5
    assert (found.labels[tuple(said.arrows[:, 0].astype(int).T)] == said.label).all()
    assert (said.rival is None) == (len(found) == 1)
    if said.rival is not None:
        assert said.rival.label != said.label
        assert said.rival.label in found.ids
    # What is exact whatever else is there.
    for effect, n in effects(said).items():
        if effect == "seed_threshold: the object vanishes":
            assert said.label not in moved(maps, settings, found, said, n).ids
        if effect == "foreground_threshold: the pixel leaves":
            assert moved(maps, settings, found, said, n).labels[pixel] == 0


def test_inside_an_object() -> None:
    maps = cells((20, 15), (20, 40))
    found = cluster(maps, SETTINGS)
    assert len(found) == 2
    said = explain(found, maps, SETTINGS, (20, 12))
    assert said.seed_pixel == (20, 15)
    assert said.ellipse is not None
    np.testing.assert_allclose(said.ellipse.centre, [20, 15])
    np.testing.assert_allclose(said.ellipse.half_axes, 3 * math.sqrt(2 * math.log(2)), rtol=1e-6)
    assert said.rival is not None
    assert said.rival.label == 2
    assert said.rival.distance == pytest.approx(25 / 3.532, rel=1e-3)
    assert said.score == pytest.approx(0.9)
    assert said.sentences[0].startswith("It started from the pixel (20, 15).")
    assert "0.6 px beside its centre, within the margin of 3.5 px" in said.sentences[0]
    for n, change in enumerate(said.changes):
        after = moved(maps, SETTINGS, found, said, n)
        if change.effect == "the pixel leaves":
            assert after.labels[20, 12] != 1
            nearly = {
                change.setting: change.value
                + (0.02 if change.setting == "margin_factor" else -0.02)
            }
            assert cluster(maps, SETTINGS.updated(**nearly)).labels[20, 12] == 1
        else:
            assert change.effect == "the object vanishes"
            assert 1 not in after.ids
            nearly = {change.setting: change.value - 0.02}
            assert cluster(maps, SETTINGS.updated(**nearly)).labels[20, 12] == 1


def test_merged_objects_are_parted_by_the_margin_that_is_named() -> None:
    """Two cells whose centres both lie within one margin."""
    maps = cells((20, 20), (20, 30), radius=4.9, sigma=10)
    found = cluster(maps, SETTINGS)
    assert len(found) == 1
    said = explain(found, maps, SETTINGS, (20, 30))
    n = effects(said)["margin_factor: the object falls apart"]
    assert 0.5 <= said.changes[n].value < 1
    after = moved(maps, SETTINGS, found, said, n)
    assert len(after) == 2
    assert after.labels[20, 20] != after.labels[20, 30]
    part = next(s for s in said.sentences if "split it" in s)
    for size in after.size:
        assert str(size) in part


def test_rivals_become_one_at_the_margin_that_is_named() -> None:
    maps = cells((20, 20), (20, 30), radius=4.9)
    found = cluster(maps, SETTINGS)
    assert len(found) == 2
    for pixel in ((20, 20), (20, 30)):
        said = explain(found, maps, SETTINGS, pixel)
        other = {1: 2, 2: 1}[said.label]
        n = effects(said)[f"margin_factor: object {other} joins"]
        after = moved(maps, SETTINGS, found, said, n)
        assert after.labels[20, 20] == after.labels[20, 30]


def test_below_the_foreground_threshold() -> None:
    maps = cells((20, 15))
    settings = SETTINGS.updated(foreground_threshold=0.6)
    found = cluster(maps, settings)
    pixel = (20, 20)  # seed value 0.54
    said = explain(found, maps, settings, pixel)
    assert said.label == 0
    why, change = said.sentences
    assert why == "Its seed value 0.54 is not above the foreground threshold 0.60."
    assert change.startswith("It points into the margin of object 1, and would join it")
    assert change.endswith("at a foreground threshold of 0.53.")
    assert moved(maps, settings, found, said, 0).labels[pixel] == 1
    nothing = explain(found, maps, settings, (0, 0))
    assert nothing.sentences[0].endswith("the network sees nothing here.")
    assert nothing.changes == ()
    assert len(nothing.arrows) == 1


def test_below_the_seed_threshold() -> None:
    maps = cells((20, 15), (20, 40), best=0.9)
    settings = SETTINGS.updated(seed_threshold=0.88)
    found = cluster(maps, settings)
    assert len(found) == 1
    said = explain(found, maps, settings, (20, 43))
    assert "0.85, below the seed threshold 0.88" in said.sentences[0]
    n = effects(said)["seed_threshold: an object starts here"]
    after = moved(maps, settings, found, said, n)
    assert after.labels[20, 43] == 2
    assert f"about {after.size[1]} pixels" in said.sentences[0]


def test_too_small_too_little_free_or_out_of_reach() -> None:
    maps = cells((20, 15), (20, 40))
    found = cluster(maps, SETTINGS.updated(min_size=500))
    said = explain(found, maps, SETTINGS.updated(min_size=500), (20, 40))
    assert "fewer than the minimum size 500" in said.sentences[0]
    assert len(moved(maps, SETTINGS, found, said, 0)) == 2

    maps = ideal_maps(np.zeros((1, 40), np.int32), sigma=5 / math.sqrt(2 * math.log(2)))
    maps.seed[:] = 0.5
    maps.seed[0, 0, 10], maps.seed[0, 0, 17] = 0.9, 0.8
    settings = SETTINGS.updated(min_size=1, min_free_fraction=0.9)
    found = cluster(maps, settings)
    assert len(found) == 1
    said = explain(found, maps, settings, (0, 18))
    assert "Of the 9 pixels that point here other objects own 2" in said.sentences[0]
    n = effects(said)["min_free_fraction: an object appears here"]
    assert moved(maps, settings, found, said, n).labels[0, 18] == 2
    assert "would reach it at a margin factor of about 1.6" in said.sentences[1]
    n = effects(said)["margin_factor: the pixel joins object 1"]
    assert moved(maps, settings, found, said, n).labels[0, 18] == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.5, 1.0, 1.0)])
def test_lengths_are_those_of_the_image(spacing: tuple[float, ...]) -> None:
    shape = (40, 40) if len(spacing) == 2 else (16, 40, 40)
    labels = capsules(shape, 2, count=3, spacing=spacing)
    maps = ideal_maps(labels, spacing=spacing, sigma=2.0)
    found = cluster(maps, SETTINGS)
    pixel = tuple(np.argwhere(found.labels == 1)[0])
    said = explain(found, maps, SETTINGS, pixel)
    middle = np.argwhere(found.labels == 1).mean(0)
    assert said.ellipse is not None
    np.testing.assert_allclose(said.ellipse.centre, middle, rtol=1e-5)
    tips = said.arrows.sum(1)  # start and vector
    np.testing.assert_allclose(tips, np.broadcast_to(middle, tips.shape), rtol=1e-4)
    assert said.ellipse.half_axes[0] * spacing[0] == pytest.approx(said.ellipse.half_axes[-1])


def test_what_a_person_settled() -> None:
    maps = cells((20, 15), (20, 40))
    clustering, none = Clustering(maps), Corrections.none(maps.shape)
    found = clustering(SETTINGS)
    made = delete(accept(none, found, [1]), found, 2)
    found = clustering.corrected(made)(SETTINGS)
    locked = explain(found, maps, SETTINGS, (20, 15), made)
    assert locked.locked
    assert locked.sentences[0].startswith("Object 1 is locked")
    deleted = explain(found, maps, SETTINGS, (20, 40), made)
    assert deleted.sentences[0].startswith("What was here was deleted")
    assert not locked.changes
    assert not deleted.changes


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_no_number_is_no_reason_to_fail(value: float) -> None:
    maps = random_maps((25, 25), np.random.default_rng(0), classes=2)
    rng = np.random.default_rng(1)
    for values in (maps.offsets, maps.sigma, maps.seed):
        values[rng.random(values.shape) < 0.2] = value
    maps.seed[:] = maps.seed.clip(None, 1)
    settings = SETTINGS.updated(foreground_threshold=0.1, min_size=3)
    found = cluster(maps, settings)
    for pixel in np.ndindex(*maps.shape):
        assert explain(found, maps, settings, pixel).sentences


def test_outside_the_image() -> None:
    maps = cells((20, 15))
    with pytest.raises(InputError, match="outside the image"):
        explain(cluster(maps), maps, SETTINGS, (40, 0))
