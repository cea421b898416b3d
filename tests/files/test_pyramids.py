"""Levels of pyramidal TIFF: those of OME-TIFF, of slide scanners, and of plain pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_spatial_embeddings.files import read_image, stored
from napari_spatial_embeddings.inference.resampling import Pyramid, nearest_level

TILE: dict[str, Any] = {"tile": (16, 16), "photometric": "minisblack"}

KINDS = ("YX", "CYX", "ZYX", "TYX", "plain", "svs")


@pytest.fixture(autouse=True)
def _in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)


def numbers(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def pyramid(folder: Path, kind: str) -> tuple[Path, list[NDArray[np.uint8]]]:
    """Write one, as its programs do; return the levels."""
    if kind in ("plain", "svs"):
        colour = kind == "svs"
        fine = numbers((64, 96, 3) if colour else (64, 96))
        levels = [fine[::n, ::n] for n in (1, 2, 4)]
        path = folder / ("a.svs" if colour else "a.tif")
        about = "Aperio Image Library v1\r\n96x64 [0,0,96x64]"
        with tifffile.TiffWriter(path) as file:
            for k, level in enumerate(levels):
                if colour:
                    more = "|AppMag = 40|MPP = 0.25" if k == 0 else ""
                    options: dict[str, Any] = {"photometric": "rgb", "description": about + more}
                    file.write(level, tile=(16, 16), metadata=None, **options)
                else:
                    file.write(level, metadata=None, subfiletype=int(k > 0), **TILE)
                if colour and k == 0:
                    file.write(fine[::8, ::8], metadata=None, photometric="rgb", description=about)
            if colour:
                file.write(fine[:9, :9], subfiletype=1, metadata=None, photometric="rgb")
        return path, levels
    fine = numbers((*(3,) * (len(kind) - 2), 64, 96))
    levels = [fine[..., ::n, ::n] for n in (1, 2, 4)]
    path = folder / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(levels[0], subifds=2, metadata={"axes": kind}, **TILE)
        for level in levels[1:]:
            file.write(level, subfiletype=1, **TILE)
    return path, levels


def as_image(level: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    if kind == "svs":
        return np.moveaxis(level, -1, 0)
    if kind == "TYX":
        return level[:, None]
    return level if kind == "CYX" else level[None]


@pytest.mark.parametrize("kind", KINDS)
def test_levels_come_with_a_large_image(tmp_path: Path, kind: str) -> None:
    path, levels = pyramid(tmp_path, kind)
    image = read_image(path, time=True)
    for found, level in zip([image.data, *image.levels], levels, strict=True):
        assert not isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found[()], as_image(level, kind))
    for frame in range(image.frames or 0):
        own = image.frame(frame)
        for found, level in zip([own.data, *own.levels], levels, strict=True):
            np.testing.assert_array_equal(found[()], level[None, frame])
    if kind == "svs":
        assert (image.pixel_size, image.unit) == ((0.25, 0.25), "um")


def test_the_level_that_is_read_is_the_nearest(tmp_path: Path) -> None:
    image = read_image(pyramid(tmp_path, "YX")[0])
    for factor, read in ((0.7, 0), (0.5, 1), (0.3, 1), (0.25, 2), (0.1, 2)):
        level, (own, _) = nearest_level(Pyramid.of(image), (factor, factor))
        assert level.shape[1] == 64 // 2**read
        assert own == pytest.approx(factor * 2**read)


def test_damaged_levels_are_left_out(tmp_path: Path) -> None:
    path, levels = pyramid(tmp_path, "plain")
    with tifffile.TiffFile(path) as file:
        at = file.pages.get(2).aspage().tags["TileOffsets"].valueoffset
    content = bytearray(path.read_bytes())
    content[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    (level,) = read_image(path).levels
    np.testing.assert_array_equal(level[()], levels[1][None])


def test_small_images_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 2**20)
    path, levels = pyramid(tmp_path, "YX")
    image = read_image(path)
    assert not image.levels
    np.testing.assert_array_equal(image.data[0], levels[0])
