"""Labels in OME-Zarr are whole, where their image is, and listed only when they are complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from numpy.typing import NDArray

from label_files import ome_zarr
from napari_spatial_embeddings.export import label_store
from napari_spatial_embeddings.export.label_place import publish
from napari_spatial_embeddings.export.label_store import LabelGrid, LabelStore
from napari_spatial_embeddings.export.large_tiff import write_large_tiff
from napari_spatial_embeddings.files import FileError, read_image, read_labels
from napari_spatial_embeddings.files.ome_zarr import ome
from napari_spatial_embeddings.inference.blocks import Blocks

Labels = NDArray[np.int32]


def numbered(shape: tuple[int, ...]) -> Labels:
    """Return pixels that all have other labels, but for some background."""
    labels = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    labels[..., :3] = 0
    return labels


def write(
    folder: Path, grid: LabelGrid, labels: Labels, edges: tuple[int, ...], **more: Any
) -> LabelStore:
    store = LabelStore(folder, grid, edges, int(labels.max()), **more)
    blocks = Blocks(labels.shape, edges)
    for k in reversed(range(len(blocks))):
        store.write(blocks.core(k), labels[blocks.core(k)])
    return store


def finished(
    folder: Path,
    grid: LabelGrid,
    labels: Labels,
    edges: tuple[int, ...],
    source: str | None = "../../",
) -> Path:
    for _ in write(folder, grid, labels, edges).finish("cells", {"model": "m"}, source):
        pass
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "TCZYX"])
def test_labels_of_an_image(tmp_path: Path, version: str, axes: str) -> None:
    shape = {"T": 1, "C": 2, "Z": 6, "Y": 41, "X": 50}
    scale = [{"T": 1.0, "C": 1.0, "Z": 0.3, "Y": 0.2, "X": 0.1}[a] for a in axes]
    pixels = np.ones([shape[a] for a in axes], np.uint16)
    image = ome_zarr(tmp_path / "a.zarr", pixels, axes, version, scale)
    labels = numbered((6, 41, 50) if "Z" in axes else (41, 50))
    for name in ("nuclei", "cells", "nuclei"):
        grid = LabelGrid.like(image, labels.shape)
        edges = (16,) * labels.ndim
        path = image / "labels" / name
        publish(finished(tmp_path / "part", grid, labels, edges), path, image)
    assert ome(zarr.open_group(image / "labels", mode="r"))["labels"] == ["cells", "nuclei"]
    yaozarrs.validate_zarr_store(path)
    np.testing.assert_array_equal(read_labels(path), labels)
    found = read_image(path)
    assert found.pixel_size == ((0.3, 0.2, 0.1) if "Z" in axes else (0.2, 0.1))
    assert found.unit == "um"
    group: Any = zarr.open_group(path, mode="r")
    facts = ome(group)
    assert facts["image-label"]["source"] == {"image": "../../"}
    own = zarr.open_group(image, mode="r")
    pairs = zip(
        facts["multiscales"][0]["datasets"], ome(own)["multiscales"][0]["datasets"], strict=True
    )
    for level, (mine, its) in enumerate(pairs):
        place = mine["coordinateTransformations"][0]["scale"]
        assert place == its["coordinateTransformations"][0]["scale"][-labels.ndim :]
        step = 2**level
        np.testing.assert_array_equal(group[mine["path"]][...], labels[..., ::step, ::step])
    if version == "0.5":
        assert group["0"].metadata.dimension_names == tuple("zyx"[-labels.ndim :])
    assert group.metadata.zarr_format == (3 if version == "0.5" else 2)


def test_levels_are_written_with_the_blocks_that_hold_whole_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(label_store.CHUNK, 2, 8)
    labels, factors = numbered((41, 50)), ((1, 1), (2, 2), (4, 4))
    grid = replace(LabelGrid.of((41, 50), (1, 1), None, None), factors=factors)
    store = write(tmp_path / "a", grid, labels, (16, 16))
    assert [own for _, own in store.aligned] == [(1, 1), (2, 2)], "half a chunk is none"
    assert store.coarser_chunks == len([*store.finish("a", {})]) == 4
    group: Any = zarr.open_group(tmp_path / "a", mode="r")
    for level, (step, _) in enumerate(factors):
        np.testing.assert_array_equal(group[str(level)][...], labels[::step, ::step])


@pytest.mark.parametrize("step", ["written", "levels"])
def test_what_is_not_complete_is_not_listed(tmp_path: Path, step: str) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX")
    labels = numbered((40, 40))
    store = write(tmp_path / "part", LabelGrid.like(image, (40, 40)), labels, (16, 16))
    if step == "levels":
        next(store.finish("a", {}))
    assert not ome(zarr.open_group(tmp_path / "part", mode="r"))
    assert not (image / "labels").exists()
    with pytest.raises(FileError, match="no OME-Zarr image"):
        read_labels(tmp_path / "part")


def test_an_older_one_is_not_listed_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX")
    grid, path = LabelGrid.like(image, (40, 40)), image / "labels/n"
    publish(finished(tmp_path / "part", grid, numbered((40, 40)), (16, 16)), path, image)
    folder = finished(tmp_path / "part", grid, numbered((40, 40)), (16, 16))
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if self == folder:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RuntimeError, match="make room"):
        publish(folder, path, image)
    assert ome(zarr.open_group(image / "labels", mode="r"))["labels"] == []


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_a_copy_of_all_metadata_knows_the_labels(tmp_path: Path, version: str) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX", version)
    zarr.consolidate_metadata(image)
    grid = LabelGrid.like(image, (40, 40))
    folder = finished(tmp_path / "part", grid, numbered((40, 40)), (16, 16))
    publish(folder, image / "labels/n", image)
    assert "labels/n/0" in zarr.open_consolidated(image)


def test_an_image_of_one_level_gets_several(tmp_path: Path) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((1500, 1500), np.uint8), "YX")
    group = zarr.open_group(image)
    facts = ome(group)
    facts["multiscales"][0]["datasets"].pop()
    group.attrs["ome"] = facts
    assert LabelGrid.like(image, (1500, 1500)).factors == ((1, 1), (2, 2))


def test_an_image_of_another_kind_is_refused(tmp_path: Path) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX")
    with pytest.raises(FileError, match=r"has the shape \(40, 40\), but its labels \(40, 50\)"):
        LabelGrid.like(image, (40, 50))
    zarr.create_array(tmp_path / "b.zarr", shape=(4, 4), chunks=(4, 4), dtype="u1")
    with pytest.raises(FileError, match="no OME-Zarr image"):
        LabelGrid.like(tmp_path / "b.zarr", (4, 4))


def test_a_translated_image(tmp_path: Path) -> None:
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX", "0.5", [0.5, 0.5])
    group = zarr.open_group(image)
    facts = ome(group)
    moved = facts["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    moved.append({"type": "translation", "translation": [7.0, 8.0]})
    facts["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [2.0, 2.0]}]
    group.attrs["ome"] = facts
    grid = LabelGrid.like(image, (40, 40))
    assert (grid.scale, grid.translation) == ((1.0, 1.0), (14.0, 16.0))
    assert grid.factors == ((1, 1), (2, 2))
    path = finished(tmp_path / "part", grid, numbered((40, 40)), (16, 16), None)
    yaozarrs.validate_zarr_store(path)


@pytest.mark.parametrize(
    ("shape", "spacing", "factors"),
    [
        ((2100, 700), (1, 1), [(1, 1), (2, 2), (4, 4)]),
        ((40, 300, 300), (4, 1, 1), [(1, 1, 1), (1, 2, 2), (1, 4, 4)]),
        ((200, 50, 50), (1, 1, 1), [(1, 1, 1), (2, 2, 2)]),
        ((10, 20), (1, 1), [(1, 1)]),
    ],
)
def test_levels_of_a_store_of_its_own(
    shape: tuple[int, ...], spacing: tuple[float, ...], factors: list[tuple[int, ...]]
) -> None:
    assert list(LabelGrid.of(shape, spacing, None, None).factors) == factors


def test_a_store_of_its_own(tmp_path: Path) -> None:
    labels = numbered((1100, 70))
    grid = LabelGrid.of(labels.shape, (1.0, 1.0), (0.5, 0.25), "um")
    publish(finished(tmp_path / "part", grid, labels, (96, 96), None), tmp_path / "a.zarr")
    yaozarrs.validate_zarr_store(tmp_path / "a.zarr")
    found = read_labels(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == np.uint32, "there are more than 65535"
    assert read_image(tmp_path / "a.zarr").pixel_size == (0.5, 0.25)
    group: Any = zarr.open_group(tmp_path / "a.zarr", mode="r")
    np.testing.assert_array_equal(group["1"][...], labels[::2, ::2])


@pytest.fixture(params=[(600, 1100), (3, 520, 40)], ids=["2D", "3D"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Labels, LabelStore]:
    labels = numbered(request.param)
    grid = LabelGrid.of(labels.shape, (1.0,) * labels.ndim, None, None)
    return labels, write(tmp_path / "store", grid, labels, (64,) * labels.ndim, planes=True)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff(
    tmp_path: Path,
    stored: tuple[Labels, LabelStore],
    name: str,
    big: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, store = stored
    if big:
        monkeypatch.setattr("napari_spatial_embeddings.export.large_tiff.CLASSIC_LIMIT", 1)
    size, count = (0.5, 0.25, 0.25)[-labels.ndim :], []
    path = write_large_tiff(
        tmp_path / name, store.finest, size, "um", {"model": "m"}, lambda: count.append(1)
    )
    np.testing.assert_array_equal(read_labels(path), labels)
    found = read_image(path)
    assert found.pixel_size == pytest.approx(size)
    assert found.unit == "um"
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff == big
        assert file.is_ome == (name == "a.ome.tif")
        assert file.pages.first.is_tiled
        assert len(count) == sum(page.chunked[-1] * page.chunked[-2] for page in file.pages)
    assert [p.name for p in tmp_path.glob("*.tif")] == [name]
