"""The loss is the textbook's, forwards and backwards, and blind to what is ignored."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from torch import Tensor

from loss_cases import Case, any_settings, cases, crops
from napari_spatial_embeddings.config import LossSettings
from napari_spatial_embeddings.core.loss import spatial_embedding_loss, targets
from napari_spatial_embeddings.core.maps import IGNORE, coordinates


@hypothesis_settings(deadline=None, max_examples=80)
@given(cases(), any_settings)
def test_value_and_gradient_are_the_textbooks(case: Case, settings: LossSettings) -> None:
    case = case.tracked()
    precise = Case(
        case.model,
        case.labels,
        case.classes,
        tuple(  # type: ignore[arg-type]
            m.detach().double().requires_grad_() for m in case.maps
        ),
    )
    ours, theirs = case.loss(settings).total, precise.textbook(settings)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5, abs=1e-5)
    # In single precision, two errors that are nearly equal may change places in the sorted list,
    # and the slopes of their two pixels with them: either order's gradient is right there.
    exact = case.maps[0].dtype == torch.float64
    for a, b in zip(case.gradients(ours), precise.gradients(theirs), strict=True):
        assert (a.double() - b).norm().item() <= (1e-5 if exact else 1e-2) * b.norm().item() + 1e-9


@hypothesis_settings(deadline=None, max_examples=20)
@given(cases(), any_settings)
def test_the_losses_of_parts_add_up_to_that_of_the_batch(
    case: Case, settings: LossSettings
) -> None:
    case = case.tracked()
    whole = case.loss(settings)
    parts = []
    for b in range(len(case.labels)):
        part = slice(b, b + 1)
        target = targets(
            case.labels[part],
            case.classes[part],
            None,
            settings.centre,
            case.model.spacing,
            batch=case.labels,
        )
        offsets, log_sigma, seed = (m[part] for m in case.maps)
        parts.append(spatial_embedding_loss(offsets, log_sigma, seed, target, case.model, settings))
    total = torch.stack([part.total for part in parts]).sum()
    assert total.item() == pytest.approx(whole.total.item(), rel=1e-5, abs=1e-6)
    for one, other in zip(case.gradients(whole.total), case.gradients(total), strict=True):
        # In single precision, two errors that are nearly equal may change places.
        share = 1e-5 if one.dtype == torch.float64 else 1e-2
        assert (one - other).norm().item() <= share * one.norm().item() + 1e-6


@pytest.mark.parametrize("shape", [(5, 6), (2, 4, 5)])
@pytest.mark.parametrize("centre", ["centroid", "learnable"])
def test_the_gradient_is_that_of_finite_differences(
    shape: tuple[int, ...], centre: Literal["centroid", "learnable"]
) -> None:
    labels = np.zeros((1, *shape), np.int32)
    labels[0, 0, :4], labels[0, -1, 1:] = 5, 2
    labels[0, 0, 0] = IGNORE
    case = Case.of(labels, 3, n_classes=2)
    offsets, log_sigma, seed = (m.requires_grad_() for m in case.maps)
    settings = LossSettings(centre=centre)
    target = case.target(centre)

    def shape_terms(offsets: Tensor, log_sigma: Tensor) -> Tensor:
        maps = offsets, log_sigma, seed.detach()
        found = spatial_embedding_loss(*maps, target, case.model, settings)
        return found.instance + found.variance

    def seed_term(seed: Tensor) -> Tensor:
        maps = offsets.detach(), log_sigma.detach(), seed
        return spatial_embedding_loss(*maps, target, case.model, settings).seed

    # The seed's regression target is detached from offsets and sigma: two separate functions.
    assert torch.autograd.gradcheck(shape_terms, (offsets, log_sigma), fast_mode=True)
    assert torch.autograd.gradcheck(seed_term, (seed,), fast_mode=True)


def test_the_total_is_the_sum_of_its_weighted_parts() -> None:
    case = Case.of(crops((20, 20), 1))
    weights = LossSettings(instance_weight=2, variance_weight=3, seed_weight=5)
    ones = LossSettings(instance_weight=1, variance_weight=1, seed_weight=1)
    found, plain = case.loss(weights), case.loss(ones)
    assert found.instance.item() == pytest.approx(2 * plain.instance.item())
    assert found.variance.item() == pytest.approx(3 * plain.variance.item())
    assert found.seed.item() == pytest.approx(5 * plain.seed.item())
    parts = found.instance + found.variance + found.seed
    assert found.total.item() == pytest.approx(parts.item())


def test_perfect_maps_cost_nothing() -> None:
    labels = np.zeros((1, 30, 30), np.int32)
    labels[0, 2:9, 3:12], labels[0, 20:29, 18:27] = 1, 2
    case = Case.of(labels)
    x = coordinates((30, 30), (1.0, 1.0))
    offsets = np.zeros((1, 2, 30, 30))
    for k in (1, 2):
        own = labels[0] == k
        offsets[0, :, own] = (x[:, own].mean(1, keepdims=True) - x[:, own]).T
    case.maps = (
        torch.from_numpy(offsets),
        torch.full((1, 2, 30, 30), -0.5).double(),
        torch.from_numpy(np.where(labels > 0, 20.0, -20.0))[:, None],
    )
    assert case.loss().total.item() < 1e-6


@pytest.mark.parametrize("shape", [(24, 31), (6, 14, 13)])
def test_permuting_ids_leaves_the_loss_alone(shape: tuple[int, ...]) -> None:
    case = Case.of(crops(shape, 5), n_classes=3)
    before = case.loss().total
    new = np.random.default_rng(0).permutation(int(case.labels.max()) + 1) * 70_001 + 40_000
    labels = np.where(case.labels > 0, new[case.labels], case.labels).astype(np.int32)
    classes = [np.zeros(int(new.max()) + 1, np.int64) for _ in labels]
    for given_classes, renamed in zip(case.classes, classes, strict=True):
        renamed[new] = given_classes
    after = Case(case.model, labels, classes, case.maps).loss().total
    assert after.item() == pytest.approx(before.item(), rel=1e-12)


@pytest.mark.parametrize("shape", [(24, 31), (6, 14, 13)])
@pytest.mark.parametrize("step", [1, 3])
def test_translating_leaves_the_loss_alone(shape: tuple[int, ...], step: int) -> None:
    rim = [(0, 0)] + [(4, 4)] * len(shape)
    case = Case.of(np.pad(crops(shape, 6), rim, constant_values=IGNORE))
    moved = Case(
        case.model,
        np.roll(case.labels, step, range(1, case.labels.ndim)),
        case.classes,
        tuple(m.roll([step] * len(shape), list(range(2, m.dim()))) for m in case.maps),  # type: ignore[arg-type]
    )
    assert moved.loss().total.item() == pytest.approx(case.loss().total.item(), rel=1e-6)


@pytest.mark.parametrize("shape", [(24, 31), (6, 14, 13)])
@pytest.mark.parametrize("centre", ["centroid", "learnable"])
def test_ignored_pixels_have_no_say(
    shape: tuple[int, ...], centre: Literal["centroid", "learnable"]
) -> None:
    settings = LossSettings(centre=centre)
    case = Case.of(crops(shape, 7, ignore=0.3), n_classes=2).tracked()
    unknown = torch.from_numpy(case.labels == IGNORE)[:, None]
    assert bool(unknown.any())
    total = case.loss(settings).total
    for gradient in case.gradients(total):
        assert not bool((gradient * unknown).any())
        assert bool((gradient * ~unknown).any())
    generator = torch.Generator().manual_seed(0)
    other = Case(
        case.model,
        case.labels,
        case.classes,
        tuple(  # type: ignore[arg-type]
            torch.where(unknown, 1e3 * torch.randn(m.shape, generator=generator).to(m), m)
            for m in case.maps
        ),
    )
    assert other.loss(settings).total.item() == total.item()


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_crop_without_objects_only_lowers_its_seeds(ndim: int) -> None:
    case = Case.of(np.zeros((2, *[6] * ndim), np.int32)).tracked()
    found = case.loss()
    assert found.instance.item() == found.variance.item() == 0
    assert found.seed.item() == pytest.approx((case.maps[2].sigmoid() ** 2).mean().item())
    offsets, sigma, seed = case.gradients(found.total)
    assert not bool(offsets.any())
    assert not bool(sigma.any())
    assert bool((seed > 0).all())


def test_crops_that_are_all_ignored_cost_nothing() -> None:
    case = Case.of(np.full((2, 8, 8), IGNORE, np.int32)).tracked()
    total = case.loss().total
    assert total.item() == 0
    assert not any(bool(g.any()) for g in case.gradients(total))


def test_an_object_in_several_pieces_is_one_object() -> None:
    labels = np.zeros((1, 11, 21), np.int32)
    labels[0, 4:7, 1:4] = labels[0, 4:7, 17:20] = 9
    target = targets(labels, None, None, "centroid", (1.0, 1.0))
    assert target.centre.tolist() == [[5.0, 10.0]]
    case = Case.of(labels)
    settings = LossSettings()
    ours, theirs = case.loss(settings).total, case.textbook(settings)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9)


def test_three_hundred_objects_in_one_crop() -> None:
    y, x = np.indices((54, 54))
    labels = np.where((y % 3 > 0) & (x % 3 > 0), y // 3 * 18 + x // 3 + 1, 0)
    case = Case.of(labels[None].astype(np.int32))
    assert len(case.target().crop) == 18 * 18 > 300
    settings = LossSettings()
    ours, theirs = case.loss(settings).total, case.textbook(settings)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_the_mean_runs_over_objects_then_over_crops() -> None:
    labels = crops((24, 24), 11, ignore=0)
    labels[1, 2:5, 2:5] = 99
    case = Case.of(labels)
    alone = [
        Case(
            case.model,
            labels[b : b + 1],
            case.classes[b : b + 1],
            tuple(  # type: ignore[arg-type]
                m[b : b + 1] for m in case.maps
            ),
        ).loss()
        for b in (0, 1)
    ]
    together = case.loss()
    for part in ("instance", "variance", "seed"):
        mean = sum(getattr(a, part).item() for a in alone) / 2
        assert getattr(together, part).item() == pytest.approx(mean, rel=1e-9)


def test_scribbled_crops_have_learnable_centres_and_only_they() -> None:
    labels = crops((24, 24), 12)
    labels[1, 2:5, 2:5] = 1
    case = Case.of(labels)
    learnable = LossSettings(centre="learnable")
    everywhere = case.loss(scribbled=[True, True]).total
    assert everywhere.item() == pytest.approx(case.loss(learnable).total.item(), rel=1e-12)
    target = case.target(scribbled=[False, True])
    np.testing.assert_array_equal(target.learnable.numpy(), target.crop.numpy() == 1)


def test_a_stroke_does_not_tie_its_object_to_a_place() -> None:
    labels = np.full((1, 20, 20), IGNORE, np.int32)
    labels[0, 8, 5:15] = 1
    case = Case.of(labels)
    offsets, log_sigma, seed = case.maps
    moved = Case(case.model, labels, case.classes, (offsets + 2.5, log_sigma, seed))
    stroke, whole = [True], [False]
    before, after = (c.loss(scribbled=stroke).total.item() for c in (case, moved))
    assert after == pytest.approx(before, rel=1e-9)
    before, after = (c.loss(scribbled=whole).total.item() for c in (case, moved))
    assert abs(after - before) > 0.01


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0, 1.0)])
def test_centres(spacing: tuple[float, ...]) -> None:
    labels = crops(tuple(int(24 / s) for s in spacing), 13, ignore=0)
    x = coordinates(labels.shape[1:], spacing)
    centroid = targets(labels, None, None, "centroid", spacing)
    medoid = targets(labels, None, None, "medoid", spacing)
    k = 0
    for b, crop in enumerate(labels):
        for i in np.unique(crop[crop > 0]):
            points = x[:, crop == i]
            np.testing.assert_allclose(centroid.centre[k], points.mean(1), rtol=1e-5)
            is_own = (points == medoid.centre[k].numpy()[:, None]).all(0)
            assert is_own.sum() == 1
            assert int(centroid.crop[k]) == b
            k += 1
    assert k == len(centroid.crop) > 1
    assert float(centroid.weight[centroid.crop == 0].sum()) == pytest.approx(0.5)


def test_the_medoid_lies_in_an_object_whose_centroid_does_not() -> None:
    labels = np.ones((1, 21, 21), np.int32)
    labels[0, 4:17, 4:] = 0
    centre = targets(labels, None, None, "medoid", (1.0, 1.0)).centre[0]
    assert labels[0][tuple(int(c) for c in centre)] == 1


def test_the_gradient_is_the_same_however_many_threads_share_the_work() -> None:
    y, x = np.indices((128, 128))
    labels = np.where((y % 16 > 2) & (x % 16 > 2), y // 16 * 8 + x // 16 + 1, 0)
    case = Case.of(np.stack([labels] * 4).astype(np.int32), dtype=torch.float32).tracked()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        first, *others = (case.gradients(case.loss().total) for _ in range(4))
    finally:
        torch.set_num_threads(threads)
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(math.isfinite(float(g.norm())) for g in first)
