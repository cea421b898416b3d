"""The network on a processor: the maps of the plain one, whole or in part, by any threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from builders import network
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.network import decoded, multiple
from napari_spatial_embeddings.inference.cpu.network import CpuNetwork

CASES: list[dict[str, Any]] = [
    {},
    {"in_channels": 3, "classes": ("a", "b", "c"), "convolutions": 2},
    {"levels": 1, "sigma_per_axis": False},
    {"levels": 6, "convolutions": 3},
    {"spacing": (1.0, 2.5), "levels": 3},
    {"ndim": 3, "convolutions": 2},
    {"ndim": 3, "spacing": (2.5, 1.0, 1.0), "in_channels": 2, "levels": 3},
    {"width": 24, "levels": 3, "convolutions": 2},
    {"in_channels": 9},
    {"in_channels": 3, "mixtures": 1},
    {"in_channels": 1, "mixtures": 3, "ndim": 3},
    {"in_channels": 2, "mixtures": 0},
    {"width": 24, "ndim": 3, "spacing": (2.5, 1.0, 1.0)},
]


def settings_of(changes: dict[str, Any]) -> ModelSettings:
    ndim = changes.get("ndim", 2)
    own = {"spacing": (1.0,) * ndim, "width": 8, "levels": 2, **changes}
    return ModelSettings.model_validate(own)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """torch's threads; as they were afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("changes", CASES)
def test_the_maps_are_those_of_the_plain_network(threads: int, changes: dict[str, Any]) -> None:
    settings = settings_of(changes)
    net = network(settings)
    step = multiple(settings)
    edges = [max(n, (192 if settings.ndim == 2 else 32) // n * n) for n in step]
    generator = torch.Generator().manual_seed(threads)
    image = torch.randn(1, settings.in_channels, *edges, generator=generator)
    whole = tuple(slice(0, n) for n in edges)
    part = tuple(slice(n // 4 + 1, n - n // 5) for n in edges)
    ours = CpuNetwork(net)
    with torch.no_grad():
        expected = net(image)
        size = float(expected.abs().max())
        for window in (whole, part, tuple(slice(0, 1) for _ in edges)):
            found = ours(image, window)
            wanted = expected[(..., *window)]
            assert found.is_contiguous()
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * size)
            torch.testing.assert_close(net(image, window), wanted, rtol=0, atol=1e-5 * size)


def test_it_has_the_weights_of_its_making() -> None:
    settings = settings_of({})
    net = network(settings)
    image, whole = torch.randn(1, 1, 16, 16), (slice(0, 16),) * 2
    before = CpuNetwork(net)(image, whole)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)
        after = net(image)
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(CpuNetwork(net)(image, whole), after, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("changes", CASES)
def test_decoders_work_on_little_more_than_what_is_wanted(changes: dict[str, Any]) -> None:
    settings = settings_of(changes)
    edges = tuple(64 * n for n in multiple(settings))
    window = tuple(slice(n // 2, n // 2 + n // 4) for n in edges)
    parts = decoded(settings, edges, window)
    assert len(parts) == settings.levels
    share = math.prod(p.stop - p.start for p in parts[0]) / math.prod(
        p.stop - p.start for p in window
    )
    one = math.prod(next(iter(_first_steps(settings))))
    assert 1 <= share * one < 4


def _first_steps(settings: ModelSettings) -> Iterator[tuple[int, ...]]:
    from napari_spatial_embeddings.core.network import strides

    yield strides(settings.spacing, settings.levels)[0]
