"""Lazy views equal NumPy, and read what is sliced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counted import Counted
from napari_spatial_embeddings.core.image_data import (
    ImageData,
    PixelArray,
    arranged,
    in_memory,
    sliced,
    stacked,
)
from napari_spatial_embeddings.core.sampling import all_blocks, sample_blocks
from napari_spatial_embeddings.errors import InputError


def any_index(draw: st.DrawFn, shape: tuple[int, ...], *, forwards: bool = False) -> Any:
    """Return a basic index, perhaps of fewer than all axes."""
    index: list[slice | int] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        if draw(st.booleans()):
            index.append(draw(st.integers(-n, n - 1)))
        else:
            part = draw(st.slices(n))
            step = abs(part.step or 1) if forwards else part.step
            index.append(slice(part.start, part.stop, step))
    return tuple(index)


def letters(draw: st.DrawFn) -> str:
    """Return the axes of an array, in any order."""
    kept = [*"YX", *(a for a in "TCZ" if draw(st.booleans()))]
    return "".join(draw(st.permutations(kept)))


@given(data=st.data())
def test_a_view_is_as_that_of_numpy(data: st.DataObject) -> None:
    axes = letters(data.draw)  # type: ignore[arg-type]
    shape = tuple(data.draw(st.integers(1, 5)) for _ in axes)
    array = np.random.default_rng(0).integers(0, 999, shape, np.uint16)
    image, lazy = arranged(array, axes), arranged(Counted(array), axes)
    assert isinstance(image, np.ndarray)
    assert np.shares_memory(image, array)
    assert (lazy.shape, lazy.dtype, lazy.ndim) == (image.shape, image.dtype, image.ndim)
    np.testing.assert_array_equal(np.asarray(lazy), image)
    for _ in range(3):
        index = any_index(data.draw, image.shape)  # type: ignore[arg-type]
        np.testing.assert_array_equal(lazy[index], image[index])
    before = any_index(data.draw, image.shape, forwards=True)  # type: ignore[arg-type]
    part, expected = sliced(lazy, before), image[before]
    assert part.shape == expected.shape
    if expected.ndim:
        index = any_index(data.draw, expected.shape) if expected.size else ()  # type: ignore[arg-type]
        np.testing.assert_array_equal(part[index], expected[index])


@given(data=st.data())
def test_stacked_channels_are_concatenated(data: st.DataObject) -> None:
    space = tuple(data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=3)))
    counts = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    kinds = data.draw(st.lists(st.sampled_from(["u1", "u2", "f4"]), min_size=3, max_size=3))
    rng = np.random.default_rng(0)
    parts = [
        rng.integers(0, 99, (c, *space)).astype(kind)
        for c, kind in zip(counts, kinds, strict=False)
    ]
    lazy, expected = stacked([Counted(part) for part in parts]), np.concatenate(parts)
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(lazy[()]), expected)
    for _ in range(3):
        index = any_index(data.draw, expected.shape)  # type: ignore[arg-type]
        found = np.asarray(lazy[index])
        np.testing.assert_array_equal(found, expected[index])
        assert found.dtype == expected.dtype


def test_a_view_reads_what_is_sliced() -> None:
    source = Counted(np.zeros((50, 60, 3), np.uint8))
    image = stacked([arranged(source, "YXC"), arranged(Counted(np.zeros((50, 60))), "YX")])
    assert image.shape == (4, 50, 60)
    assert source.read == 0
    image[3]
    assert source.read == 0
    image[1:2, 10:12, :5]
    assert source.read == 10
    image[0, 40:10:-10, 7]
    assert source.read == 13
    image[:, 5:5]
    assert source.read == 13


@pytest.mark.parametrize("index", [(0, 0, 0, 0), 9, np.array([1, 2]), None, ..., ([0],)])
def test_other_indices_are_errors(index: Any) -> None:
    image = arranged(Counted(np.zeros((5, 6))), "YX")
    with pytest.raises((IndexError, TypeError)):
        image[index]


@pytest.mark.parametrize(
    ("shape", "axes"), [((5, 6), "Y"), ((5, 6), "YXC"), ((5, 6), "YY"), ((5, 6, 3), "YXS")]
)
def test_letters_that_do_not_name_the_axes(shape: tuple[int, ...], axes: str) -> None:
    for array in (np.zeros(shape), Counted(np.zeros(shape))):
        with pytest.raises(InputError, match=f"axes={axes}: expected one letter for each axis"):
            arranged(array, axes)


def test_channels_of_other_shapes() -> None:
    with pytest.raises(InputError, match=r"\(5, 6\) and \(5, 7\); .* must cover the same pixels"):
        stacked([np.zeros((1, 5, 6)), np.zeros((2, 5, 7))])


def test_frames_and_channels_of_a_time_series() -> None:
    array = np.random.default_rng(0).integers(0, 99, (6, 2, 3, 4, 5))
    for data in (array, arranged(Counted(array), "TCZYX")):
        image = ImageData(data, "TCZYX", (2.0, 0.5, 0.5), "um", "a")
        assert (image.shape, image.ndim, image.channels, image.frames) == ((3, 4, 5), 3, 2, 6)
        assert image.spacing == (4.0, 1.0, 1.0)
        frame = image.frame(4)
        assert (frame.axes, frame.frames, frame.frame(0)) == ("CZYX", None, frame)
        np.testing.assert_array_equal(np.asarray(frame.data), array[4])
        chosen = image.with_channels([1, 0, 1])
        np.testing.assert_array_equal(np.asarray(chosen.data), array[:, [1, 0, 1]])
        with pytest.raises(IndexError):
            image.frame(6)
    with pytest.raises(ValueError, match="axes CYX"):
        ImageData(array, "CYX", None, None, "a")


def test_channels_are_chosen_without_reading() -> None:
    source = Counted(np.arange(4 * 5 * 6).reshape(4, 5, 6))
    data: PixelArray = arranged(source, "CYX")
    chosen = ImageData(data, "CYX", None, None, "a").with_channels([3, 0])
    assert (chosen.shape, chosen.spacing, source.read) == ((5, 6), (1.0, 1.0), 0)
    np.testing.assert_array_equal(np.asarray(chosen.data), source.array[[3, 0]])


@given(
    shape=st.lists(st.integers(1, 3000), min_size=2, max_size=3),
    edge=st.integers(1, 300),
    most=st.integers(1, 100),
)
def test_sampled_blocks(shape: list[int], edge: int, most: int) -> None:
    blocks = sample_blocks(tuple(shape), edge, most)
    assert 1 <= len(blocks) <= most
    corners = {tuple(part.start for part in block) for block in blocks}
    assert len(corners) == len(blocks), "none twice"
    for block in blocks:
        assert all(
            part.stop - part.start == min(n, edge) and part.stop <= n
            for part, n in zip(block, shape, strict=True)
        )


def test_blocks_are_spread_over_flat_volumes() -> None:
    blocks = sample_blocks((8, 5000, 5000), 64, 16)
    assert len(blocks) == 16
    assert {block[1].start for block in blocks} == {0, 1645, 3290, 4936}


def test_what_is_in_memory(tmp_path: Path) -> None:
    array = np.memmap(tmp_path / "a", np.uint8, "w+", shape=(3, 4))
    assert in_memory(np.zeros(3)[::2])
    assert not in_memory(array)
    assert not in_memory(np.asarray(array[1:]).T)
    assert not in_memory(Counted(np.zeros(3)))


def test_blocks_cover_an_image_once() -> None:
    times = np.zeros((5, 33, 16))
    for block in all_blocks(times.shape, 16):
        times[block] += 1
    assert (times == 1).all()


def test_a_window_keeps_the_levels_that_cover_the_same_ground() -> None:
    levels = [Counted(np.zeros((1, 1000 >> k, 999 >> k))) for k in range(4)]
    image = ImageData(levels[0], "CYX", None, None, "a", levels=tuple(levels[1:]))
    assert len(image.part((slice(16, 80), slice(8, 40))).levels) == 3
    part = image.part((slice(4, 70), slice(8, 999)))
    assert [level.shape for level in part.levels] == [(1, 33, 495), (1, 17, 247)]
    assert part.frame(0) is part
