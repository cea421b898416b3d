"""Tiles are a matter of memory: the maps do not show them, and symmetries average out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from builders import network, picture
from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.inference.symmetries import symmetries
from napari_spatial_embeddings.inference.tiling import (
    Progress,
    empty_maps,
    predict_tiles,
    tile_halo,
    tiles,
)

Image = NDArray[np.float32]
CPU = torch.device("cpu")
WHOLE = PredictionSettings(tile=100_000, halo=0)
IDENTITY = np.array([[0], [1]], np.float32)


def settings_of(ndim: int = 2, **changes: Any) -> ModelSettings:
    return ModelSettings.model_validate(
        {"ndim": ndim, "spacing": (1.0,) * ndim, "width": 4, "levels": 2, **changes}
    )


def image_of(shape: tuple[int, ...], seed: int = 0) -> Image:
    labels = (np.random.default_rng(seed).random(shape) < 0.1).astype(np.int32)
    return picture(labels, seed)


def reports(
    image: Image, settings: ModelSettings, prediction: PredictionSettings, **more: Any
) -> list[Progress]:
    net = network(settings)
    return list(predict_tiles(net, settings, image, IDENTITY, prediction, CPU, **more))


def predict(image: Image, settings: ModelSettings, prediction: PredictionSettings) -> EmbeddingMaps:
    return reports(image, settings, prediction)[-1].maps


def assert_same(a: EmbeddingMaps, b: EmbeddingMaps) -> None:
    for x, y in ((a.offsets, b.offsets), (a.sigma, b.sigma), (a.seed, b.seed)):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ((70, 93), {}),
        ((16, 130), {}),
        ((1, 1), {}),
        ((3, 101), {"spacing": (2.0, 1.0)}),
        ((90, 50), {"levels": 1}),
        ((70, 80), {"in_channels": 2, "classes": ("a", "b"), "sigma_per_axis": False}),
        ((5, 40, 33), {"ndim": 3, "levels": 1}),
        ((9, 30, 37), {"ndim": 3, "levels": 1, "spacing": (3.0, 1.0, 1.0)}),
    ],
)
def test_tiled_equals_whole(shape: tuple[int, ...], changes: dict[str, Any]) -> None:
    settings = settings_of(**changes)
    image = np.concatenate([image_of(shape, c) for c in range(settings.in_channels)])
    scale = np.array([[0.0], [1.0]], np.float32).repeat(settings.in_channels, 1)
    net = network(settings)

    def run(prediction: PredictionSettings) -> list[Progress]:
        return list(predict_tiles(net, settings, image, scale, prediction, CPU))

    # By default, the halo covers all that a network of two levels sees.
    tiled, whole = run(PredictionSettings(tile=32)), run(WHOLE)
    assert len(whole) == 1
    assert len(tiled) == np.prod([-(-n // 32) for n in shape]) or settings.ndim == 3
    assert whole[0].maps.shape == shape
    assert_same(tiled[-1].maps, whole[0].maps)


@pytest.mark.parametrize(
    ("name", "halo"), [("nuclei-2d", 160), ("cells-2d", 112), ("nuclei-3d", 48)]
)
def test_the_default_halo_is_what_the_network_sees_in_2d(name: str, halo: int) -> None:
    settings = find_model(name).settings
    assert set(tile_halo(settings, PredictionSettings())) == {halo}
    assert set(tile_halo(settings, PredictionSettings(halo=300))) == {304}


def test_without_a_halo_the_seams_show() -> None:
    settings, image = settings_of(), image_of((64, 64))
    bare = predict(image, settings, PredictionSettings(tile=32, halo=0))
    assert float(np.abs(bare.seed - predict(image, settings, WHOLE).seed).max()) > 0.01


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((100, 37), (1.0, 1.0)), ((30, 45, 20), (2.5, 1.0, 1.0)), ((1, 1), (1.0, 3.0))],
)
@pytest.mark.parametrize(("tile", "halo"), [(16, 0), (17, 5), (64, 20), (1000, 64)])
def test_cores_part_the_image_and_windows_hold_them(
    shape: tuple[int, ...], spacing: tuple[float, ...], tile: int, halo: int
) -> None:
    settings = settings_of(len(shape), spacing=spacing)
    count = np.zeros(shape, int)
    for read, core in tiles(shape, settings, PredictionSettings(tile=tile, halo=halo)):
        count[core] += 1
        for r, c, n, step, unit in zip(read, core, shape, multiple(settings), spacing, strict=True):
            assert r.start % step == (r.stop - r.start) % step == 0
            assert 0 <= r.start <= c.start < c.stop <= min(r.stop, n)
            assert r.stop < n + step
            context = min(c.start - r.start, r.stop - c.stop)
            assert context * unit >= halo or r.start == 0 or r.stop >= n
    assert (count == 1).all()


def test_progress_says_what_is_new() -> None:
    settings, image = settings_of(), image_of((40, 70))
    seen = np.zeros((40, 70), bool)
    for k, progress in enumerate(reports(image, settings, PredictionSettings(tile=32, halo=8)), 1):
        assert (progress.done, progress.total) == (k, 6)
        seen[progress.region] = True
    assert seen.all()


@pytest.mark.parametrize(
    ("shape", "window", "spacing"),
    [
        ((70, 93), (slice(13, 57), slice(30, 93)), (1.0, 1.0)),
        ((70, 93), (slice(0, 1), slice(92, 93)), (1.0, 1.0)),
        ((9, 40, 37), (slice(3, 5), slice(7, 31), slice(2, 36)), (3.0, 1.0, 1.0)),
    ],
)
def test_a_window_is_as_the_whole_and_the_rest_stays(
    shape: tuple[int, ...], window: tuple[slice, ...], spacing: tuple[float, ...]
) -> None:
    settings = settings_of(len(shape), spacing=spacing, levels=1)
    image = image_of(shape)
    whole = predict(image, settings, WHOLE)
    out = empty_maps(shape, settings)
    prediction = PredictionSettings(tile=32, halo=48)
    for progress in reports(image, settings, prediction, out=out, window=window):
        assert all(
            w.start <= r.start < r.stop <= w.stop
            for w, r in zip(window, progress.region, strict=True)
        )
    untouched = empty_maps(shape, settings)
    for name in ("offsets", "sigma", "seed"):
        expected = getattr(untouched, name)
        inside = (slice(None), *window)
        expected[inside] = getattr(whole, name)[inside]
        np.testing.assert_allclose(getattr(out, name), expected, rtol=1e-4, atol=1e-4)


def test_maps_may_live_elsewhere(tmp_path: Any) -> None:
    settings, image = settings_of(), image_of((40, 70))
    expected = predict(image, settings, WHOLE)
    offsets, sigma, seed = (
        np.memmap(tmp_path / name, np.float32, "w+", shape=getattr(expected, name).shape)
        for name in ("offsets", "sigma", "seed")
    )
    out = EmbeddingMaps(offsets, sigma, seed, settings.spacing)
    last = reports(image, settings, PredictionSettings(tile=32, halo=48), out=out)[-1]
    assert last.maps is out
    assert_same(out, expected)


def moved(maps: EmbeddingMaps, axes: tuple[int, ...], flips: tuple[int, ...]) -> EmbeddingMaps:
    """Return the maps of the image that is permuted to ``axes`` and then flipped.

    Written from what the maps mean: embeddings, as points in the image, move with it.
    """

    def pixels(a: Image) -> Image:
        turned = a.transpose(0, *(1 + i for i in axes))
        return np.flip(turned, tuple(1 + f for f in flips))

    offsets = pixels(maps.offsets)[list(axes)].copy()
    offsets[list(flips)] *= -1
    sigma = pixels(maps.sigma)
    return EmbeddingMaps(
        offsets, sigma[list(axes)] if len(sigma) > 1 else sigma, pixels(maps.seed), maps.spacing
    )


@pytest.mark.parametrize("per_axis", [True, False])
@pytest.mark.parametrize(
    ("shape", "spacing", "turns"),
    [
        ((24, 32), (1.0, 1.0), True),
        ((24, 32), (1.0, 2.0), False),
        ((8, 16, 12), (1.0, 1.0, 1.0), True),
        ((5, 16, 12), (4.0, 1.0, 1.0), True),
        ((8, 6, 16), (1.0, 2.0, 1.0), False),
    ],
)
def test_averaged_maps_commute_with_every_symmetry(
    per_axis: bool, shape: tuple[int, ...], spacing: tuple[float, ...], turns: bool
) -> None:
    settings = settings_of(len(shape), spacing=spacing, sigma_per_axis=per_axis, classes=("a", "b"))
    image = image_of(shape)
    flips = PredictionSettings(tile=100_000, halo=0, flips=True)
    maps = predict(image, settings, flips)
    axes = tuple(range(len(shape)))
    # Every other symmetry is one of these after another.
    moves: list[tuple[tuple[int, ...], tuple[int, ...]]] = [(axes, (a,)) for a in axes]
    if turns:
        moves.append(((*axes[:-2], axes[-1], axes[-2]), ()))
    for order, flipped in moves:
        there = np.flip(image[0].transpose(order), flipped)[None].copy()
        assert_same(predict(there, settings, flips), moved(maps, order, flipped))
    assert len(set(symmetries(settings))) == 2 ** len(moves)
    plain = predict(image, settings, WHOLE)
    assert float(np.abs(plain.offsets - maps.offsets).max()) > 0.01


def test_averaging_works_tile_by_tile() -> None:
    settings, image = settings_of(), image_of((64, 96))
    whole = predict(image, settings, PredictionSettings(tile=100_000, halo=0, flips=True))
    tiled = predict(image, settings, PredictionSettings(tile=32, halo=48, flips=True))
    assert_same(tiled, whole)
