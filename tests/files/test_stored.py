"""Large images stay in their files: the same pixels, read where they are sliced."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from counted import Counted
from label_files import TIFFS, in_files, numbers, ome_zarr, tiff
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import FileError, read_image, read_labels, stored


@pytest.fixture(autouse=True, scope="module")
def large() -> Iterator[None]:
    """Treat every image as a large one."""
    with in_files():
        yield


def pixels(image: ImageData) -> NDArray[Any]:
    assert not isinstance(image.data, np.ndarray)
    return np.asarray(image.data)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *itertools.product(TIFFS, ["uint8", "float32"]),
        *itertools.product(["shaped", "zlib", "tiles"], ["bool", "int16", "float64"]),
    ],
)
def test_tiff(tmp_path: Path, kind: str, dtype: str) -> None:
    array = numbers((5, 50, 70), dtype)
    path = tiff(tmp_path / "a.tif", array, **TIFFS[kind])
    image = read_image(path)
    assert (image.axes, image.data.shape) == ("CZYX", (1, 5, 50, 70))
    assert image.data.dtype == dtype
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(pixels(image), array[None])
    part = image.data[0, 1:5:2, 3:40, 60:2:-3]
    np.testing.assert_array_equal(part, array[1:5:2, 3:40, 60:2:-3])
    assert part.dtype.isnative
    if array.dtype.kind != "f":
        labels = np.where(array, 255, 0) if dtype == "bool" else array
        np.testing.assert_array_equal(read_labels(path), labels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_colours(tmp_path: Path, planar: str, options: dict[str, Any]) -> None:
    array = numbers((40, 50, 4), "uint8")
    written = array if planar == "contig" else np.moveaxis(array, -1, 0)
    path = tiff(tmp_path / "a.tif", written, photometric="rgb", planarconfig=planar, **options)
    image = read_image(path)
    np.testing.assert_array_equal(pixels(image), np.moveaxis(array[..., :3], -1, 0))
    chosen = image.with_channels([2, 0]).data[:, 5:9]
    np.testing.assert_array_equal(chosen, np.moveaxis(array[5:9, :, [2, 0]], -1, 0))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_apart_and_a_pyramid(tmp_path: Path, compression: str | None) -> None:
    array = numbers((4, 64, 48))
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for page in array:
            file.write(page, compression=compression, contiguous=False, metadata=None)
    np.testing.assert_array_equal(pixels(read_image(tmp_path / "pages.tif")), array[None])
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        options: dict[str, Any] = {"compression": compression, "tile": (16, 16)}
        file.write(array, subifds=1, metadata={"axes": "ZYX"}, **options)
        file.write(array[:, ::2, ::2], subfiletype=1, **options)
    np.testing.assert_array_equal(pixels(read_image(tmp_path / "a.ome.tif")), array[None])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path: Path, version: str) -> None:
    array = numbers((2, 5, 50, 70))
    image = read_image(ome_zarr(tmp_path / "a.zarr", array, "CZYX", version))
    np.testing.assert_array_equal(pixels(image), array)
    np.testing.assert_array_equal(image.data[1, :, 20:30:2], array[1, :, 20:30:2])
    next(p for p in (tmp_path / "a.zarr" / "0").rglob("*0") if p.is_file()).write_bytes(b"no")
    with pytest.raises(FileError, match=r"a\.zarr is damaged"):
        np.asarray(image.data)


@pytest.mark.parametrize("kind", ["shaped", "zlib", "tiles"])
def test_a_file_may_be_replaced_or_deleted(tmp_path: Path, kind: str) -> None:
    path = tiff(tmp_path / "a.tif", numbers((5, 50, 70)), **TIFFS[kind])
    image = read_image(path)
    image.data[0, 0]
    tiff(path, numbers((3, 20, 30)), **TIFFS[kind])
    with pytest.raises(FileError, match=r"a\.tif was changed while it was in use; open it again"):
        image.data[0, 0]
    path.unlink()
    with pytest.raises(FileError, match="there is no file"):
        image.data[0, 0]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux")
@pytest.mark.parametrize("kind", ["shaped", "zlib", "tiles"])
def test_no_file_is_left_open(tmp_path: Path, kind: str) -> None:
    def held() -> list[str]:
        maps = Path("/proc/self/maps").read_text().splitlines()
        links = [str(p.readlink()) for p in Path("/proc/self/fd").iterdir() if p.is_symlink()]
        return [line for line in maps + links if str(path) in line]

    path = tiff(tmp_path / "a.tif", numbers((5, 50, 70)), **TIFFS[kind])
    image = read_image(path)
    image.data[0, 0]
    assert not held()


@given(data=st.data(), cache=st.sampled_from([0, 500, 10_000]))
def test_the_cache_shows_in_no_pixel(data: st.DataObject, cache: int) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 30), min_size=2, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, 12)) for _ in shape)
    source = Counted(numbers(shape))
    cached = stored.ChunkCache(source, chunks)
    before, stored.CACHE_BYTES = stored.CACHE_BYTES, cache
    try:
        for _ in range(5):
            index: list[slice | int] = []
            for n in shape:
                start = data.draw(st.integers(0, n - 1))
                stop, step = data.draw(st.integers(start + 1, n)), data.draw(st.integers(1, 3))
                index.append(slice(start, stop, step) if data.draw(st.booleans()) else start)
            wanted = tuple(index)
            np.testing.assert_array_equal(cached.read(wanted), source.array[wanted])
    finally:
        stored.CACHE_BYTES = before


def test_a_row_of_tiles_decodes_each_chunk_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "CACHE_BYTES", 1000)
    source = Counted(numbers((20, 100, 100), "uint8"))
    cached = stored.ChunkCache(source, (1, 100, 100))  # a page each: 20 times the cache
    for x in range(0, 100, 10):
        cached.read((slice(0, 10, 1), slice(20, 25, 1), slice(x, x + 10, 1)))
    assert source.read == 10 * 100 * 100
