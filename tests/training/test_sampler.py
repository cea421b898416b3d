"""Batches: a function of (seed, step), with one transform for image and labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage as ndi

from builders import capsules, training_image
from napari_spatial_embeddings.config import LossSettings, ModelSettings
from napari_spatial_embeddings.core.maps import IGNORE, coordinates
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.sampler import Batch, Sampler

MODEL = ModelSettings()


def telltale(labels: NDArray[np.int32], name: str = "image") -> TrainingImage:
    """Return an image that says where it is labelled: 1 in objects, 0 elsewhere."""
    classes = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    return TrainingImage(name, (labels > 0).astype(np.float32)[None], labels, classes)


def sampler(
    *images: TrainingImage, augment: bool = True, seed: int = 0, model: ModelSettings = MODEL
) -> Sampler:
    return Sampler(list(images), model, LossSettings(), augment, seed)


def assert_equal(a: Batch, b: Batch) -> None:
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.target.owner.numpy(), b.target.owner.numpy())
    np.testing.assert_array_equal(a.target.centre.numpy(), b.target.centre.numpy())


def volume_settings(*spacing: float) -> ModelSettings:
    return ModelSettings(ndim=3, spacing=spacing)


@pytest.mark.parametrize("augment", [False, True])
def test_a_batch_is_a_function_of_seed_and_step(augment: bool) -> None:
    images = [training_image(capsules((50, 60), k), k) for k in range(3)]
    one, same = (sampler(*images, augment=augment, seed=5) for _ in range(2))
    same.batch(11, 2, (16, 16), 0.5)  # what was drawn before does not matter
    assert_equal(one.batch(3, 4, (32, 32), 0.9), same.batch(3, 4, (32, 32), 0.9))
    other = sampler(*images, augment=augment, seed=6)
    for strange in (one.batch(4, 4, (32, 32), 0.9), other.batch(3, 4, (32, 32), 0.9)):
        assert not np.array_equal(strange.image, one.batch(3, 4, (32, 32), 0.9).image)


def test_making_batches_ahead_changes_nothing() -> None:
    source = sampler(training_image(capsules((50, 60), 1)))
    ahead = source.batches(7, 2, (16, 24), 0.9)
    for step, (batch,) in zip(range(7, 15), ahead, strict=False):
        assert_equal(batch, source.batch(step, 2, (16, 24), 0.9))
    ahead.close()  # type: ignore[attr-defined]


def test_the_parts_of_a_batch_are_its_crops() -> None:
    source = sampler(training_image(capsules((50, 60), 1)))
    how = 3, 5, (16, 24), 0.9
    whole, parts = source.batch(*how), source.parts(*how, 3)
    assert [len(part.labels) for part in parts] == [1, 2, 2]
    np.testing.assert_array_equal(np.concatenate([part.image for part in parts]), whole.image)
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), whole.labels)
    shares = np.concatenate([part.target.weight.numpy() for part in parts])
    np.testing.assert_allclose(shares, whole.target.weight.numpy())


@pytest.mark.parametrize(
    ("shape", "crop", "spacing"),
    [((60, 70), (32, 48), (1.0, 1.0)), ((14, 40, 44), (8, 24, 32), (2.5, 1.0, 1.0))],
)
def test_shapes_and_types(
    shape: tuple[int, ...], crop: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    model = ModelSettings.model_validate({"ndim": len(shape), "spacing": spacing})
    labels = capsules(shape, 2, spacing=spacing)
    source = sampler(training_image(labels, channels=3), model=model)
    for step in range(6):
        batch = source.batch(step, 5, crop, 0.9)
        assert batch.image.shape == (5, 3, *crop)
        assert batch.labels.shape == (5, *crop)
        assert batch.image.dtype == np.float32
        assert batch.labels.dtype == np.int32
        assert np.isfinite(batch.image).all()
        assert len(batch.target.owner) == batch.labels.size
        assert set(np.unique(batch.labels)) <= {IGNORE, *np.unique(labels)}


@pytest.mark.parametrize("shape", [(50, 60), (12, 30, 36)])
def test_without_augmentation_crops_are_cut_out_as_they_are(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.prod(shape)).reshape(shape).astype(np.int32) + 1
    source = TrainingImage(
        "unique", labels[None].astype(np.float32), labels, np.zeros(labels.size + 1, np.int64)
    )
    model = ModelSettings.model_validate({"ndim": len(shape), "spacing": (1.0,) * len(shape)})
    crop = tuple(n // 2 for n in shape)
    batch = sampler(source, augment=False, model=model).batch(0, 8, crop, 0.5)
    for image, found in zip(batch.image, batch.labels, strict=True):
        np.testing.assert_array_equal(image[0], found)
        corner = [int(i[0]) for i in np.nonzero(labels == found[(0,) * len(shape)])]
        window = tuple(slice(c, c + n) for c, n in zip(corner, crop, strict=True))
        np.testing.assert_array_equal(found, labels[window])


@pytest.mark.parametrize(
    ("shape", "spacing"), [((90, 90), (1.0, 1.0)), ((20, 50, 50), (2.0, 1.0, 1.0))]
)
def test_image_and_labels_move_together(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    labels = capsules(shape, 4, count=14, radius=7, spacing=spacing)
    model = ModelSettings.model_validate({"ndim": len(shape), "spacing": spacing})
    source = sampler(telltale(labels), model=model)
    crop = tuple(round(0.6 * n) for n in shape)
    coupled = []
    for step in range(12):
        batch = source.batch(step, 2, crop, 0.9)
        for image, found in zip(batch.image[:, 0], batch.labels, strict=True):
            known = found != IGNORE
            inside = (found > 0)[known]
            if 0.05 < inside.mean() < 0.95:
                coupled.append(np.corrcoef(image[known], inside)[0, 1])
    assert len(coupled) > 10
    assert min(coupled) > 0.7


def test_an_elongated_object_is_turned_into_every_direction() -> None:
    labels = np.zeros((80, 80), np.int32)
    labels[38:42, 20:60] = 1
    source = sampler(telltale(labels))
    angles = []
    for step in range(40):
        y, x = np.nonzero(source.batch(step, 1, (64, 64), 1.0).labels[0] == 1)
        values, vectors = np.linalg.eigh(np.cov(y, x))
        assert values[1] > 5 * values[0]
        angles.append(np.degrees(np.arctan2(*vectors[:, 1])) % 180)
    assert np.histogram(angles, 4, (0, 180))[0].all()


@pytest.mark.parametrize(
    ("diameter", "scale", "lowest", "highest"),
    [(20, 1.0, 20, 20), (20, 1.4, 14, 28), (20, 4.0, 8, 80), (40, 4.0, 10, 160), (6, 4.0, 4.3, 24)],
)
def test_objects_are_magnified_and_shrunk_but_not_to_nothing(
    diameter: int, scale: float, lowest: float, highest: float
) -> None:
    edge = 2 * diameter + 1
    x = coordinates((edge, edge), (1.0, 1.0)) - diameter
    labels = ((x**2).sum(0) <= (diameter / 2) ** 2).astype(np.int32)
    source = replace(sampler(telltale(labels)), scale=scale)
    crop = (round(2.5 * highest),) * 2
    areas = [(source.batch(k, 1, crop, 0.0).labels == 1).sum() for k in range(60)]
    found = np.sqrt(4 / np.pi * np.array(areas))
    # Each axis is stretched by up to a tenth more, and bending moves the outline.
    assert found.min() > 0.75 * lowest - 1
    assert found.max() < 1.3 * highest + 1
    if scale > 1:
        assert found.min() < np.sqrt(lowest * diameter)
        assert found.max() > np.sqrt(highest * diameter)


@pytest.mark.parametrize("spacing", [(1.0, 2.5), (3.0, 1.0, 1.0)])
def test_a_ball_stays_a_ball_however_it_is_turned(spacing: tuple[float, ...]) -> None:
    # In units of pixels it is no ball: turning it there would change its shape.
    ndim = len(spacing)
    shape = tuple(round(60 / s) for s in spacing)
    x = coordinates(shape, spacing) - 30
    labels = ((x**2).sum(0) <= 81).astype(np.int32)
    model = ModelSettings.model_validate({"ndim": ndim, "spacing": spacing})
    source = sampler(telltale(labels), model=model)
    whole = 0
    for step in range(30):
        found = source.batch(step, 1, tuple(round(48 / s) for s in spacing), 1.0).labels[0]
        found = np.pad(found, 1, constant_values=IGNORE)
        box = ndi.find_objects(np.maximum(found, 0))[0]
        around = found[tuple(slice(s.start - 1, s.stop + 1) for s in box)]
        if (around != IGNORE).all():
            whole += 1
            sides = np.array([s.stop - s.start for s in box]) * spacing
            assert sides.max() < 1.5 * sides.min() + max(spacing)
    assert whole > 5


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (5, 90), (20, 20), (1, 9, 9)])
def test_images_smaller_than_a_crop_are_padded_not_dropped(
    shape: tuple[int, ...], augment: bool
) -> None:
    labels = np.ones(shape, np.int32)
    model = ModelSettings.model_validate({"ndim": len(shape), "spacing": (1.0,) * len(shape)})
    crop = (32,) * len(shape)
    batch = sampler(telltale(labels), augment=augment, model=model).batch(0, 6, crop, 0.9)
    assert np.isfinite(batch.image).all()
    # A strong bend may carry a single slice away; that is the exception.
    assert sum((found == 1).any() for found in batch.labels) >= 4
    for found in batch.labels:
        assert (found == IGNORE).any()
        if not augment:
            size = np.prod([min(n, 32) for n in shape])
            assert (found == 1).sum() == size
            assert (found == IGNORE).sum() == found.size - size


def test_every_image_and_every_object_takes_part() -> None:
    small = telltale(np.ones((4, 4), np.int32), "small")
    crowded = telltale(capsules((100, 100), 3, count=20, radius=3), "crowded")
    empty = telltale(np.zeros((40, 40), np.int32), "empty")
    source = sampler(small, crowded, empty, augment=False)
    seen: set[int] = set()
    backgrounds = tiny = 0
    crops = (crop for step in range(80) for crop in source.batch(step, 5, (16, 16), 0.9).labels)
    for labels in crops:
        tiny += bool((labels == IGNORE).any())
        backgrounds += not labels.any()
        seen.update(np.unique(labels[labels > 0]).tolist())
    assert seen == set(range(1, crowded.n_objects + 1))
    assert tiny > 10
    assert backgrounds > 10


def test_centred_crops_have_an_object_in_the_middle() -> None:
    labels = np.zeros((200, 200), np.int32)
    labels[90:100, 120:130] = 1
    source = sampler(telltale(labels), augment=False)

    def share(centred: float) -> float:
        batch = source.batch(0, 60, (32, 32), centred)
        return float(np.mean([(crop[11:21, 11:21] == 1).any() for crop in batch.labels]))

    assert share(1.0) == 1
    assert share(0.0) < 0.3
    assert share(0.0) < share(0.5) < 1


def test_crops_stay_inside_the_image_where_they_can() -> None:
    source = sampler(telltale(capsules((40, 50), 5)), augment=False)
    for step in range(20):
        assert (source.batch(step, 4, (32, 48), 0.5).labels != IGNORE).all()


def test_classes_and_scribbles_reach_the_loss() -> None:
    labels = np.zeros((32, 32), np.int32)
    labels[2:8, 2:8], labels[20:28, 20:28] = 1, 2
    image = labels[None].astype(np.float32)
    source = TrainingImage("strokes", image, labels, np.array([0, 1, 0]), scribbled=True)
    target = sampler(source, augment=False).batch(0, 2, (32, 32), 0.5).target
    assert target.index.tolist() == [1, 0, 1, 0]
    assert target.learnable.tolist() == [True] * 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, bool])
def test_percentiles_are_taken_per_channel(dtype: Any) -> None:
    model = ModelSettings(low_percentile=0, high_percentile=100)
    ramp = np.arange(100).reshape(10, 10)
    image = np.stack([ramp, 50 + ramp // 2, 0 * ramp]).astype(dtype)
    scaled = normalise(image, normalisation(image, model))
    assert scaled.dtype == np.float32
    for channel in scaled[: 1 if dtype is bool else 2]:
        assert float(channel.min()) == pytest.approx(0, abs=1e-6)
        assert float(channel.max()) == pytest.approx(1, rel=1e-6)
    assert not scaled[2].any()


@hypothesis_settings(max_examples=40)
@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(0, 1000))
def test_normalising_undoes_gain_and_offset(offset: float, gain: float, seed: int) -> None:
    image = np.random.default_rng(seed).normal(0, 1, (2, 20, 30))
    moved = image * gain + offset
    plain, scaled = (normalise(a, normalisation(a, MODEL)) for a in (image, moved))
    np.testing.assert_allclose(scaled, plain, atol=1e-5)


@pytest.mark.parametrize(("kind", "offset"), [("f8", 1e9), ("u4", 2**31), ("i8", -(2**40))])
def test_a_large_offset_hides_no_difference(kind: str, offset: float) -> None:
    """As of signed values that a program reads as unsigned ones: float32 has no room for them."""
    image = np.random.default_rng(0).integers(0, 200, (1, 40, 40))
    moved = (image + int(offset)).astype(kind)
    plain, scaled = (normalise(a, normalisation(a, MODEL)) for a in (image, moved))
    np.testing.assert_allclose(scaled, plain, atol=1e-5)
    assert scaled.dtype == np.float32


def test_very_small_values_are_values() -> None:
    image = np.random.default_rng(0).random((1, 40, 40))
    tiny = image * 1e-200
    plain, scaled = (normalise(a, normalisation(a, MODEL)) for a in (image, tiny))
    np.testing.assert_allclose(scaled, plain, atol=1e-5)


def test_normalisation_is_of_the_whole_volume_not_of_a_slice() -> None:
    model = ModelSettings(ndim=3, spacing=(1, 1, 1), low_percentile=0, high_percentile=100)
    volume = np.stack([np.full((8, 8), v) for v in (0, 50, 100)])[None]
    scaled = normalise(volume, normalisation(volume, model))
    np.testing.assert_allclose(scaled[0, :, 0, 0], [0, 0.5, 1])


def test_a_few_bright_spots_are_not_taken_for_nothing() -> None:
    image = np.zeros((1, 100, 100), np.uint16)
    image[0, 50, 50:53] = 900
    scaled = normalise(image, normalisation(image, MODEL))
    assert scaled[0, 50, 51] == 1


def test_outliers_are_bounded() -> None:
    image = np.random.default_rng(0).random((1, 50, 50))
    image[0, 0, 0], image[0, 1, 1] = 1e9, -1e9
    scaled = normalise(image, normalisation(image, MODEL))
    assert (scaled.max(), scaled.min()) == (4, -4)


def test_a_large_image_is_sampled_evenly() -> None:
    image = np.broadcast_to(np.linspace(0, 1, 3000, dtype=np.float32), (1, 3000, 3000))
    bias, gain = normalisation(image, MODEL)[:, 0]
    # Blocks are sampled, so that a ramp is not hit everywhere.
    assert bias == pytest.approx(0.01, abs=0.005)
    assert 1 / gain == pytest.approx(0.988, abs=0.01)


def test_the_outer_slices_of_a_thin_volume_count_as_much_as_the_inner() -> None:
    labels = np.broadcast_to(np.array([1, 2, 3], np.int32)[:, None, None], (3, 20, 20)).copy()
    source = sampler(telltale(labels), model=volume_settings(2.0, 1.0, 1.0))
    found = np.stack([source.batch(step, 1, (8, 16, 16), 0.9).labels for step in range(60)])
    outer, inner, other = (int((found == k).sum()) for k in (1, 2, 3))
    assert min(outer, other) > 0.7 * inner
