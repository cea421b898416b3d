"""Object size: images come to the model's scale, and maps come back to the image's pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage as ndi

from builders import capsules, network, picture, training_image
from counted import Counted
from napari_spatial_embeddings.config import (
    ClusteringSettings,
    ModelSettings,
    PredictionSettings,
    TrainingSettings,
)
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.resampling import TOLERANCE, Pyramid, Resampling
from napari_spatial_embeddings.inference.tiling import empty_maps, tiles
from napari_spatial_embeddings.training.dataset import resampled
from napari_spatial_embeddings.training.preparation import prepare
from small_trainings import discs, settings_for, small_model, trained

Spacing = tuple[float, ...]

CASES: list[tuple[tuple[int, ...], Spacing, Spacing, float]] = [
    # shape, spacing of the image, of the model, diameter of the image's objects (the model's is 20)
    ((70, 93), (1.0, 1.0), (1.0, 1.0), 40.0),
    ((70, 93), (1.0, 1.0), (1.0, 1.0), 9.3),
    ((1, 61), (1.0, 1.0), (1.0, 1.0), 33.0),
    ((40, 90), (2.0, 1.0), (1.0, 1.0), 20.0),
    ((9, 30, 37), (2.0, 1.0, 1.0), (2.0, 1.0, 1.0), 30.0),
    ((9, 40, 37), (3.0, 1.0, 1.0), (1.5, 1.0, 1.0), 14.0),
]


def settings_of(spacing: Spacing, **changes: Any) -> ModelSettings:
    ndim = len(spacing)
    return ModelSettings.model_validate(
        {"ndim": ndim, "spacing": spacing, "width": 4, "levels": 2 if ndim == 2 else 1, **changes}
    )


def model_of(spacing: Spacing = (1.0, 1.0), **facts: Any) -> SpatialEmbeddings:
    settings = settings_of(spacing)
    return SpatialEmbeddings(settings, network(settings), **facts)


def whole(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in shape)


def assert_same(a: EmbeddingMaps, b: EmbeddingMaps, tolerance: float = 0.0) -> None:
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), tolerance, tolerance)


@pytest.mark.parametrize(("shape", "own", "known", "diameter"), CASES)
def test_what_the_network_sees_does_not_depend_on_the_window(
    shape: tuple[int, ...], own: Spacing, known: Spacing, diameter: float
) -> None:
    resampling = Resampling.between(settings_of(known), diameter, own)
    image = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    grid = resampling.grid(shape)
    everything = resampling.read(image, whole(grid), np.asarray)
    assert everything.shape == (2, *grid)
    rng = np.random.default_rng(1)
    for _ in range(20):
        start = [int(rng.integers(n)) for n in grid]
        window = tuple(
            slice(s, int(rng.integers(s + 1, n + 1))) for s, n in zip(start, grid, strict=True)
        )
        part = resampling.read(image, window, np.asarray)
        np.testing.assert_allclose(part, everything[(slice(None), *window)], atol=1e-6)


@pytest.mark.parametrize(("shape", "own", "known", "diameter"), CASES)
def test_tiled_equals_whole(
    shape: tuple[int, ...], own: Spacing, known: Spacing, diameter: float
) -> None:
    model = model_of(known)
    image = picture(capsules(shape, 1, spacing=own))
    how = {"object_diameter": diameter}
    small = PredictionSettings.model_validate({"tile": 32, "halo": 48, **how})
    large = PredictionSettings.model_validate({"tile": 100_000, "halo": 0, **how})
    tiled = list(model.predicting(image, small, spacing=own))
    seen = np.zeros(shape, int)
    for report in tiled:
        seen[report.region] += 1
    assert (seen == 1).all()
    maps = model.predict_maps(image, large, own)
    assert maps.shape == shape
    assert maps.spacing == own
    assert_same(tiled[-1].maps, maps, 1e-4)
    # So does a window of the image, and the rest stays as it was.
    window = tuple(slice(n // 3, max(n // 3 + 1, n - 2)) for n in shape)
    out = empty_maps(shape, model.settings, own)
    for _ in model.predicting(image, small, window, out, own):
        pass
    inside = (slice(None), *window)
    np.testing.assert_allclose(out.seed[inside], maps.seed[inside], atol=1e-4)
    out.seed[inside] = 0
    assert not out.seed.any()


@pytest.mark.parametrize("factor", [1.0, 1.09, 1 / 1.09])
def test_about_the_same_size_changes_nothing(factor: float) -> None:
    model, image = model_of(), picture(capsules((60, 70)))
    given = PredictionSettings(object_diameter=model.settings.working_diameter * factor)
    assert factor < TOLERANCE
    assert_same(model.predict_maps(image, given), model.predict_maps(image))
    other = PredictionSettings(object_diameter=1.2 * model.settings.working_diameter)
    assert np.abs(model.predict_maps(image, other).seed - model.predict_maps(image).seed).max() > 0


@pytest.mark.parametrize(("shape", "own", "known", "diameter"), CASES)
def test_perfect_maps_of_the_grid_give_the_image_its_objects(
    shape: tuple[int, ...], own: Spacing, known: Spacing, diameter: float
) -> None:
    resampling = Resampling.between(settings_of(known), diameter, own)
    labels = capsules(shape, 3, count=6, radius=diameter / 2 if min(shape) > 9 else 4, spacing=own)
    source = replace(training_image(labels), spacing=own)
    seen = resampled(source, resampling)
    assert seen.labels.shape == seen.image.shape[1:] == resampling.grid(shape)
    grid = resampling.grid(shape)
    ideal = ideal_maps(seen.labels, spacing=known)
    parts = resampling.restore((ideal.offsets, ideal.sigma, ideal.seed), whole(grid), whole(shape))
    maps = EmbeddingMaps(*parts, own)
    truth = ideal_maps(labels, spacing=own)
    core = (labels > 0) & (maps.seed[0] > 0.9)
    # Centres agree as well as labels of either resolution allow.
    off = np.abs(maps.embeddings() - truth.embeddings())[:, core]
    assert float(np.median(off)) < 0.35 * max(1.0, diameter / 20) * max(own)
    np.testing.assert_allclose(maps.sigma, 1 / resampling.gain)
    found = cluster(
        maps, ClusteringSettings(foreground_threshold=0.5, min_size=1, margin_factor=4.0)
    )
    assert score(labels, found.labels).ap[0] > 0.65


def test_coarser_grids_show_no_patterns() -> None:
    resampling = Resampling.between(settings_of((1.0, 1.0)), 80.0)
    stripes = np.broadcast_to(np.arange(120) % 2, (1, 120, 120)).astype(np.float32)
    seen = resampling.read(stripes, whole(resampling.grid((120, 120))), np.asarray)
    assert seen.shape == (1, 30, 30)
    np.testing.assert_allclose(seen[:, :, 1:-1], 0.5, atol=0.01)


def test_images_of_another_anisotropy_come_to_the_models() -> None:
    labels = capsules((30, 60, 60), 2, radius=9)
    coarse = labels[::3]
    resampling = Resampling.between(settings_of((1.0, 1.0, 1.0)), None, (3.0, 1.0, 1.0))
    assert resampling.factors == (3.0, 1.0, 1.0)
    seen = resampled(replace(training_image(coarse), spacing=(3.0, 1.0, 1.0)), resampling)
    assert seen.labels.shape == labels.shape
    shifted = np.roll(seen.labels, -1, 0)
    assert (np.sign(shifted) == np.sign(labels))[3:-3].mean() > 0.95


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_tiles_on_the_grid_part_the_image(factor: float) -> None:
    settings = settings_of((1.0, 1.0))
    resampling = Resampling.between(settings, 20 / factor)
    for shape in ((1, 1), (3, 100), (77, 40)):
        count = np.zeros(shape, int)
        grid = resampling.grid(shape)
        for read, core in tiles(grid, settings, PredictionSettings(tile=16, halo=4)):
            assert all(r.start % m == 0 for r, m in zip(read, multiple(settings), strict=True))
            count[resampling.pixels(core, shape)] += 1
        assert (count == 1).all()


def test_a_model_that_has_learned_sees_other_images_at_its_own_scale(tmp_path: Path) -> None:
    known = discs(radius=5.0)
    start = trained(known, 5)
    assert start.image_diameter is None
    large = [training_image(capsules((160, 170), k, radius=15.0), k) for k in range(2)]
    trainer = prepare(large, TrainingSettings(device="cpu"), start, None)
    for image in trainer.sampler.images:
        assert image.labels.shape == pytest.approx((54, 57), abs=8)
    assert all(i.labels.shape == (160, 170) for i in trainer.validation)
    tuned = trained(large, 2, start)
    assert tuned.settings == start.settings
    assert tuned.image_diameter == pytest.approx(30, rel=0.15)
    # It is stored, and used where nothing else is given.
    again = SpatialEmbeddings.load(tuned.save(tmp_path))
    assert again.image_diameter == tuned.image_diameter
    pixels = large[0].image
    given = PredictionSettings(object_diameter=tuned.image_diameter)
    assert_same(again.predict_maps(pixels), tuned.predict_maps(pixels, given))
    own = PredictionSettings(object_diameter=start.settings.working_diameter)
    assert np.abs(again.predict_maps(pixels, own).seed - again.predict_maps(pixels).seed).max() > 0


def test_objects_of_about_its_size_it_learns_at_their_own_scale() -> None:
    start = trained(discs(radius=5.0), 5)
    larger = [training_image(capsules((80, 90), k, radius=8.0), k) for k in range(2)]
    trainer = prepare(larger, TrainingSettings(device="cpu"), start, None)
    assert all(i.labels.shape == (80, 90) for i in trainer.sampler.images)
    best = trainer.best
    assert best.settings.working_diameter == best.image_diameter == pytest.approx(16, rel=0.15)
    # Nothing is learned yet, and all is said as before; of such images, at their own scale.
    image = larger[0].image
    assert_same(best.predict_maps(image), start.predict_maps(image), 1e-4)
    given = PredictionSettings(object_diameter=2 * best.settings.working_diameter)
    assert best.resampling(given.object_diameter).factors == (0.5, 0.5)


def test_a_model_from_scratch_takes_images_as_they_are() -> None:
    images = discs(radius=8.0)
    model = small_model(images, working_diameter=30.0)
    trainer = prepare(images, TrainingSettings(device="cpu"), model, None)
    assert trainer.best.image_diameter is None
    assert all(i.labels.shape == (64, 64) for i in trainer.sampler.images)


def test_what_is_told_counts_more_than_what_is_measured_and_strokes_measure_nothing() -> None:
    start = trained(discs(radius=5.0), 2)
    images = discs(radius=8.0)
    settings = settings_for(1, images)
    given = prepare(images, settings.updated(object_diameter=20.0), start, None)
    assert given.best.image_diameter == 20.0
    strokes = [replace(image, scribbled=True) for image in images]
    not_given = prepare(strokes, settings, start, None)
    assert not_given.best.image_diameter is start.image_diameter


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        ((0.25, 0.25), "um", 40.0),
        ((250.0, 250.0), "nm", 40.0),
        ((1.0, 0.5), "um", 20.0),
        ((0.5, 0.5), None, None),
        ((0.5, 0.5), "inch", None),
        (None, None, None),
    ],
)
def test_pixel_sizes_tell_how_large_objects_are(
    size: Spacing | None, unit: str | None, expected: float | None
) -> None:
    model = model_of(pixel_size=(0.5, 0.5), unit="um")
    assert model.diameter_at(size, unit) == (expected and pytest.approx(expected))
    model.image_diameter = 30.0
    assert model.diameter_at((0.5, 0.5), "um") == 30.0
    assert model_of().diameter_at(size, unit) is None


@pytest.mark.parametrize("ndim", [2, 3])
def test_of_a_pyramid_the_level_nearest_to_the_grid_is_read(ndim: int) -> None:
    fine = ndi.gaussian_filter(np.random.default_rng(0).random((64,) * ndim), 6)
    levels = [fine]
    for _ in range(2):
        halves = [n // 2 for n in levels[-1].shape]
        blocks = levels[-1].reshape([n for half in halves for n in (half, 2)])
        levels.append(blocks.mean(tuple(range(1, 2 * ndim, 2))))
    counted = [Counted(level[None]) for level in levels]
    image = Pyramid(counted[0], counted[1:])

    def as_float(block: NDArray[np.generic]) -> NDArray[np.float32]:
        return block.astype(np.float32)

    window = (slice(2, 6),) * ndim
    for factor, read in ((1.0, 0), (0.7, 0), (0.5, 1), (0.3, 1), (0.25, 2), (0.1, 2)):
        for level in counted:
            level.read = 0
        grid = Resampling((factor,) * ndim, factor, (1.0,) * ndim)
        found = grid.read(image, window, as_float)
        assert [level.read > 0 for level in counted] == [k == read for k in range(3)]
        assert counted[read].read <= levels[read].size
        expected = grid.read(fine[None], window, as_float)
        # A level is a mean of pixels, and not the smoothing that the finest one is read with.
        assert np.abs(found - expected).max() < 0.15 * np.ptp(fine), factor
