"""Blocks are a matter of memory: the objects do not show them, whatever their size and order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from builders import network
from counted import Counted
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import (
    BlockSettings,
    ModelSettings,
    PredictionSettings,
)
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray
from napari_spatial_embeddings.core.network import channels_last, reach
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.inference import block_segmentation
from napari_spatial_embeddings.inference.block_run import BlockReport
from napari_spatial_embeddings.inference.block_segmentation import segment_blocks
from napari_spatial_embeddings.inference.block_work import blocks_of
from napari_spatial_embeddings.inference.cpu.network import CpuNetwork
from napari_spatial_embeddings.inference.found_blocks import FoundBlocks
from napari_spatial_embeddings.inference.map_tiles import OFFSET_STEPS
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model

Labels = NDArray[np.int32]


def image_of(data: PixelArray) -> ImageData:
    return ImageData(data, "CYX" if data.ndim == 3 else "CZYX", None, None, "image")


def labels_of(found: FoundBlocks) -> Labels:
    out = np.zeros(found.blocks.shape, np.int32)
    for k in range(len(found.blocks)):
        out[found.blocks.core(k)] = found.labels(k)
    return out


def found_in(report: BlockReport) -> FoundBlocks:
    assert report.found is not None
    return report.found


def run(
    model: SpatialEmbeddings,
    image: ImageData,
    folder: Path,
    tiles: PredictionSettings,
    blocks: BlockSettings,
    **more: Any,
) -> BlockReport:
    *_, last = segment_blocks(model, image, model.clustering, tiles, blocks, folder, **more)
    return last


def pairs(a: Labels, b: Labels) -> set[tuple[int, int]]:
    return set(zip(a[a > 0].tolist(), b[a > 0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("changes", "spacing"),
    [
        ({}, (1.0, 1.0)),
        ({"levels": 3, "convolutions": 2}, (1.0, 1.0)),
        ({"levels": 4}, (1.0, 1.0)),
        ({"levels": 3}, (3.0, 1.0)),
        ({"levels": 1}, (1.0, 1.0, 1.0)),
        ({"levels": 2}, (2.5, 1.0, 1.0)),
    ],
)
def test_the_network_sees_so_far_and_no_farther(
    changes: dict[str, Any], spacing: tuple[float, ...]
) -> None:
    settings = ModelSettings.model_validate(
        {"ndim": len(spacing), "spacing": spacing, "width": 4, "levels": 2, **changes}
    )
    net, sees = network(settings), reach(settings)
    for axis, far in enumerate(sees):
        shape = [16] * len(spacing)
        shape[axis] = 2 * far + 64
        image = torch.from_numpy(np.random.default_rng(0).random((1, 1, *shape), np.float32))
        edge = (slice(None),) * (axis + 2)
        other = image.clone()
        other[(*edge, slice(far + 32, None))] += 1.0
        with torch.inference_mode():
            a, b = (net(channels_last(x)) for x in (image, other))
        differs = (a != b).movedim(axis + 2, 0).flatten(1).any(1).numpy()
        assert not differs[:32].any()
        assert differs[32:96].any(), "it might be far narrower"


@pytest.fixture(scope="module")
def nuclei() -> tuple[SpatialEmbeddings, ImageData]:
    image = samples.crowded_nuclei(3, 272).image
    return find_model("nuclei-2d"), image_of(image.astype(np.float32))


@pytest.fixture(scope="module")
def volume() -> tuple[SpatialEmbeddings, ImageData]:
    image = samples.blobs(1, 64).image[:, :40, :56]
    return find_model("nuclei-3d"), image_of(image.astype(np.float32))


@pytest.mark.parametrize("kind", ["nuclei", "volume"])
def test_tiled_equals_whole(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model, image = request.getfixturevalue(kind)
    flat = kind == "nuclei"
    tiles = PredictionSettings(tile=192, halo=32 if flat else 8, device="cpu")
    maps = model.predict_maps(image.data, tiles)
    rounded = replace(maps, offsets=np.rint(maps.offsets * OFFSET_STEPS) / np.float32(OFFSET_STEPS))
    whole = cluster(rounded, model.clustering)
    assert len(whole) > (50 if flat else 5)
    as_predicted = cluster(maps, model.clustering)
    assert len(as_predicted) == len(whole)
    ties = np.mean((as_predicted.labels > 0) != (whole.labels > 0))
    assert ties < 1e-4, "what rounding changes"
    for edge in (64, 130, 512) if flat else (100, 300):
        blocks = BlockSettings(block=edge)
        report = run(model, image, tmp_path / f"{edge}", tiles, blocks)
        found = found_in(report)
        labels = labels_of(found)
        assert found.contested == len(report.cut) == 0
        assert report.done == report.total == len(blocks_of(image.shape, maps.spacing, edge))
        np.testing.assert_array_equal(np.unique(labels), np.arange(len(found) + 1))
        assert len(found) == len(whole) == len(pairs(labels, whole.labels)), "one to one"
        np.testing.assert_array_equal(labels > 0, whole.labels > 0)
        assert not list((tmp_path / f"{edge}").rglob("*.npy")), "no tile is left"


def test_ids_do_not_depend_on_the_order(
    nuclei: tuple[SpatialEmbeddings, ImageData], tmp_path: Path
) -> None:
    model, image = nuclei
    tiles, blocks = PredictionSettings(tile=128, halo=16, device="cpu"), BlockSettings(block=128)
    one = run(model, image, tmp_path / "a", tiles, blocks)
    order = np.random.default_rng(0).permutation(one.total).tolist()
    other = run(model, image, tmp_path / "b", tiles, blocks, order=order)
    np.testing.assert_array_equal(labels_of(found_in(one)), labels_of(found_in(other)))


def test_a_narrow_halo_grows(nuclei: tuple[SpatialEmbeddings, ImageData], tmp_path: Path) -> None:
    model, image = nuclei
    tiles = PredictionSettings(tile=192, halo=16, device="cpu")
    wide = run(model, image, tmp_path / "a", tiles, BlockSettings(block=128))
    narrow = run(model, image, tmp_path / "b", tiles, BlockSettings(block=128, block_halo=2))
    assert narrow.widened >= narrow.total - 1 > 0
    np.testing.assert_array_equal(labels_of(found_in(wide)), labels_of(found_in(narrow)))


def test_what_no_halo_holds_is_named(tmp_path: Path) -> None:
    image = samples.nuclei(0, 320).image.astype(np.float32)
    model = find_model("nuclei-2d")
    tiles = PredictionSettings(tile=192, halo=32, object_diameter=200, device="cpu")
    large = image_of(np.kron(image[:, :48, :48], np.ones((1, 8, 8), np.float32)))
    report = run(model, large, tmp_path, tiles, BlockSettings(block=64))
    assert report.cut
    assert all(0 <= p < n for pixel in report.cut for p, n in zip(pixel, large.shape, strict=True))


def test_what_is_known_to_be_empty_is_not_predicted(tmp_path: Path) -> None:
    model = find_model("nuclei-2d")
    image = np.zeros((1, 384, 384), np.float32)
    image[:, :100, :100] = samples.nuclei(0, 320).image[:, :100, :100]
    tiles = PredictionSettings(tile=64, halo=16, device="cpu")
    *_, last = segment_blocks(
        model, image_of(image), model.clustering, tiles, BlockSettings(block=128), tmp_path
    )
    whole = cluster(model.predict_maps(image, tiles), model.clustering)
    assert len(found_in(last)) == len(whole) > 3
    assert last.skipped > last.all_tiles / 2
    assert last.tiles == last.all_tiles


def test_reads_tiles_and_never_the_whole(
    nuclei: tuple[SpatialEmbeddings, ImageData], tmp_path: Path
) -> None:
    model, image = nuclei
    counted = Counted(np.asarray(image.data))
    tiles = PredictionSettings(tile=96, halo=16, device="cpu")
    run(model, image_of(counted), tmp_path, tiles, BlockSettings(block=96))
    sample = counted.array.size
    assert counted.read <= sample + (128 / 96) ** 2 * counted.array.size, "each tile once"


def test_stops_where_it_is(nuclei: tuple[SpatialEmbeddings, ImageData], tmp_path: Path) -> None:
    model, image = nuclei
    tiles = PredictionSettings(tile=96, halo=16, device="cpu")
    reports: list[BlockReport] = []
    work = segment_blocks(
        model,
        image,
        model.clustering,
        tiles,
        BlockSettings(block=96),
        tmp_path,
        cancelled=lambda: len(reports) >= 3,
    )
    for report in work:
        reports.append(report)  # noqa: PERF402 -- cancelled() counts them
    assert len(reports) == 3
    assert reports[-1].found is None


def test_where_memory_is_short_tiles_are_smaller(
    nuclei: tuple[SpatialEmbeddings, ImageData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = nuclei
    seen: list[int] = []
    forward = CpuNetwork.__call__

    def small(self: CpuNetwork, x: torch.Tensor, window: tuple[slice, ...]) -> torch.Tensor:
        seen.append(x.shape[-1])
        if x.shape[-1] > 200:
            raise MemoryError
        return forward(self, x, window)

    monkeypatch.setattr(CpuNetwork, "__call__", small)
    tiles = PredictionSettings(tile=272, halo=16, device="cpu")
    report = run(model, image, tmp_path, tiles, BlockSettings(block=128))
    assert max(seen) > 200 > seen[-1]
    assert len(found_in(report)) > 50
    monkeypatch.setattr(block_segmentation, "SMALLEST_TILE", 384)
    with pytest.raises(OutOfMemory):
        run(model, image, tmp_path / "b", tiles, BlockSettings(block=128))


def test_positions_and_ids_are_those_of_the_image(tmp_path: Path) -> None:
    model = find_model("nuclei-2d")
    image = image_of(samples.nuclei(1, 256).image.astype(np.float32))
    tiles = PredictionSettings(tile=128, halo=32, device="cpu")
    image = replace(image, pixel_size=(0.5, 0.5), unit="um")
    found = found_in(run(model, image, tmp_path, tiles, BlockSettings(block=96)))
    labels, ids = labels_of(found), []
    for k in range(len(found.blocks)):
        one = found.instances(k)
        if one is None:
            continue
        rows, window = one
        ids += rows.ids.tolist()
        assert (labels[tuple(rows.seed_pixel.T)] == rows.ids).all()
        for i, size in zip(rows.ids, rows.size, strict=True):
            assert (labels == i).sum() == size
        held = rows.labels > 0
        np.testing.assert_array_equal(rows.labels[held], labels[window][held])
    assert ids == list(range(1, len(found) + 1))
