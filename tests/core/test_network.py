"""The network: shapes, independence of the batch, and the grid it is equivariant on."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from builders import network
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import split
from napari_spatial_embeddings.core.network import BranchedNet, multiple, strides


def settings_of(ndim: int = 2, **changes: Any) -> ModelSettings:
    return ModelSettings.model_validate(
        {"ndim": ndim, "spacing": (1.0,) * ndim, "width": 4, "levels": 2, **changes}
    )


@pytest.mark.parametrize(
    ("spacing", "levels", "expected"),
    [
        ((1.0, 1.0), 2, [(2, 2), (2, 2)]),
        ((2.2, 1.0, 1.0), 3, [(1, 2, 2), (2, 2, 2), (2, 2, 2)]),
        ((4.0, 1.0, 1.0), 3, [(1, 2, 2), (1, 2, 2), (2, 2, 2)]),
        ((1.4, 1.0), 1, [(2, 2)]),
        ((1.0, 1.5), 2, [(2, 1), (2, 2)]),
    ],
)
def test_a_coarse_axis_waits_until_the_finer_ones_caught_up(
    spacing: tuple[float, ...], levels: int, expected: list[tuple[int, ...]]
) -> None:
    assert strides(spacing, levels) == expected


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.2, 1.0, 1.0), (7.0, 1.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("levels", [1, 3, 6])
def test_levels_become_isotropic_and_the_multiple_is_their_product(
    spacing: tuple[float, ...], levels: int
) -> None:
    steps = strides(spacing, levels)
    total = tuple(math.prod(axis) for axis in zip(*steps, strict=True))
    settings = settings_of(len(spacing), spacing=spacing, levels=levels)
    assert multiple(settings) == total
    assert min(min(step) for step in steps) >= 1
    before = max(spacing) / min(spacing)
    after = [s * t for s, t in zip(spacing, total, strict=True)]
    assert max(after) / min(after) <= max(before / 2**levels, 2)
    assert max(total) == 2**levels


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"in_channels": 3, "classes": ("a", "b", "c")},
        {"in_channels": 5, "sigma_per_axis": False},
        {"convolutions": 3},
        {"ndim": 3, "convolutions": 2},
        {"ndim": 3, "spacing": (2.5, 1.0, 1.0), "in_channels": 7, "width": 8},
        {"spacing": (1.0, 2.0)},
    ],
)
def test_output_has_the_inputs_shape_and_all_the_maps(levels: int, changes: dict[str, Any]) -> None:
    settings = settings_of(**{**changes, "levels": levels})
    shape = multiple(settings)
    image = torch.randn(2, settings.in_channels, *shape)
    raw = network(settings)(image)
    n = settings.ndim + settings.sigma_components + len(settings.classes)
    assert raw.shape == (2, n, *shape)
    assert bool(raw.isfinite().all())
    raw.sum().backward()


def test_an_untrained_pixel_points_at_itself() -> None:
    settings = settings_of(3, classes=("a", "b"))
    with torch.no_grad():
        raw = BranchedNet(settings)(torch.randn(1, 1, 8, 8, 8))
    offsets, log_sigma, _ = split(raw, settings)
    assert not bool(offsets.any())
    assert not bool(log_sigma.any())


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_crop_does_not_know_its_batch(ndim: int) -> None:
    settings = settings_of(ndim, in_channels=2, levels=3)
    net = network(settings).train()
    batch = torch.randn(3, 2, *[16] * ndim)
    batch[1] *= 100
    with torch.no_grad():
        together = net(batch)
        for image, expected in zip(batch, together, strict=True):
            torch.testing.assert_close(net(image[None])[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("spacing", "levels"), [((1.0, 1.0), 2), ((1.0, 1.0), 3), ((2.5, 1.0, 1.0), 2)]
)
def test_shifting_by_the_total_stride_commutes(spacing: tuple[float, ...], levels: int) -> None:
    settings = settings_of(len(spacing), spacing=spacing, levels=levels)
    net, step = network(settings), multiple(settings)
    image = torch.zeros(1, 1, *(16 * n for n in step))
    middle = tuple(slice(7 * n, 9 * n) for n in step)
    image[0, 0][middle] = torch.randn([2 * n for n in step])
    axes = list(range(2, image.dim()))
    with torch.no_grad():
        there = net(image.roll(step, axes))
        back = net(image).roll(step, axes)
        astray = net(image.roll([1] * len(step), axes)).roll([n - 1 for n in step], axes)
    inside = (..., *(slice(3 * n, -3 * n) for n in step))
    torch.testing.assert_close(there[inside], back[inside], rtol=1e-4, atol=1e-5)
    assert float((astray - back)[inside].abs().max()) > 1e-3


def test_width_and_levels_set_the_cost() -> None:
    def cost(**changes: Any) -> int:
        return sum(p.numel() for p in BranchedNet(settings_of(**changes)).parameters())

    assert cost(width=4) < cost(width=8) < cost(width=16)
    assert cost(levels=1) < cost(levels=2) < cost(levels=3)
