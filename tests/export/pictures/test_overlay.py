"""The overlay shows the image and the outline of each object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from builders import capsules, picture
from counted import Counted
from napari_spatial_embeddings.core.outlines.masks import masks_of
from napari_spatial_embeddings.export import image_colours, write_picture
from napari_spatial_embeddings.export.pictures import overlay as pictures
from napari_spatial_embeddings.export.pictures.overlay import MAX_PIXELS, MIN_PIXELS, overlay
from napari_spatial_embeddings.export.pictures.scale_bar import placed, scale_bar
from napari_spatial_embeddings.export.pictures.spots import spot_of
from napari_spatial_embeddings.files import FileError, find_images


def coloured(shown: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture of a grey image is not grey."""
    return np.asarray(np.ptp(shown.astype(int), axis=-1) > 0)


def test_lines_are_where_objects_end() -> None:
    labels = capsules((MIN_PIXELS, MIN_PIXELS + 7), count=9, radius=40)
    shown = overlay(picture(labels), labels)
    assert shown.shape == (*labels.shape, 3)
    lines = coloured(shown)
    for label in range(1, 10):
        inside = labels == label
        line = lines & inside
        assert 0 < line.sum() < 0.2 * inside.sum()
        assert len(np.unique(shown[line], axis=0)) == 1
    assert not (lines & (labels == 0)).any()


def test_the_image_shows_through() -> None:
    labels = np.zeros((MIN_PIXELS, MIN_PIXELS), np.int32)
    image = picture(labels, channels=3)
    np.testing.assert_array_equal(
        overlay(image, labels), (255 * image_colours(image)).round().astype(np.uint8)
    )
    assert not overlay(None, labels).any()


def test_limits_say_what_is_dark_and_bright() -> None:
    image = np.linspace(0, 100, MIN_PIXELS**2).reshape(1, MIN_PIXELS, MIN_PIXELS)
    shown = overlay(image, np.zeros(image.shape[1:], np.int32), limits=[(20, 60)])
    assert (shown[image[0] <= 20] == 0).all()
    assert (shown[image[0] >= 60] == 255).all()
    assert shown[np.isclose(image[0], 40, atol=0.01)].max() == pytest.approx(127.5, abs=1)


@pytest.mark.parametrize("edge", [1, 7, MIN_PIXELS - 1, MAX_PIXELS, MAX_PIXELS + 1, 3 * MAX_PIXELS])
def test_any_size_is_shown_at_a_good_size(edge: int) -> None:
    labels = np.zeros((2, edge), np.int32)
    labels[:, edge // 2 :] = 1
    shown = overlay(None, labels)
    assert MIN_PIXELS <= max(shown.shape) <= MAX_PIXELS
    assert coloured(shown).any() == (edge > 1)


def test_large_images_are_shown_by_means_and_no_object_is_lost() -> None:
    image = np.arange(4 * 3 * MAX_PIXELS, dtype=np.uint16).reshape(1, 4, -1)
    labels = np.zeros(image.shape[1:], np.int32)
    labels[0, 300] = 4  # between the pixels that are shown
    labels[:3, 3000:6000] = 7
    limits = [(0.0, 65535.0)]
    plain = overlay(image, np.zeros_like(labels), limits=limits)
    assert plain.shape == (2, MAX_PIXELS, 3)
    means = image[0, :3].reshape(3, -1, 3).mean((0, 2)) / 65535 * 255
    np.testing.assert_allclose(plain[0, :, 0], means, atol=0.51)
    np.testing.assert_allclose(plain[1, :, 0], image[0, 3].reshape(-1, 3).mean(1) / 257, atol=0.51)
    lines = coloured(overlay(image, labels, limits=limits))
    assert lines[0, 100]
    assert lines[0, 1000]
    assert not lines[:, :100].any()
    assert not lines[:, 2000:].any()


@pytest.mark.parametrize("spacing", [(2.5, 1.0), (1.0, 3.2)])
@pytest.mark.parametrize("edge", [60, 300, 1700])
def test_pixels_that_are_not_square_keep_their_proportion(
    spacing: tuple[float, float], edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 2000
    monkeypatch.setattr(pictures, "MAX_PIXELS", most)
    labels = np.zeros((edge, edge), np.int32)
    first, last = edge // 4, edge // 2
    labels[first:last, first:last] = 3
    bar = scale_bar(edge)
    shown = overlay(None, labels, spacing=spacing)
    height, width = shown.shape[:2]
    assert height / width == pytest.approx(spacing[0] / spacing[1], rel=0.01)
    assert MIN_PIXELS <= max(shown.shape) <= most
    for axis, n in enumerate((height, width)):
        seen = np.flatnonzero(coloured(shown).any(1 - axis))
        assert seen[0] == pytest.approx(first / edge * n, abs=2)
        assert seen[-1] + 1 == pytest.approx(last / edge * n, abs=2)
    marked = overlay(None, labels, spacing=spacing, bar=bar)
    lowest = np.flatnonzero((marked == 255).all(-1).any(1))[-1]
    assert (marked[lowest] == 255).all(-1).sum() == pytest.approx(bar.length / edge * width, abs=1)


def test_of_a_volume_one_slice() -> None:
    labels = np.zeros((4, MIN_PIXELS, MIN_PIXELS), np.int32)
    labels[1, 5:30, 5:30] = 1
    labels[2, 5:30, 5:30] = 1
    labels[2, 50:90, 50:90] = 2
    image = picture(labels)
    np.testing.assert_array_equal(overlay(image, labels), overlay(image, labels, at=2))
    np.testing.assert_array_equal(overlay(image, labels, at=1), overlay(image[:, 1], labels[1]))


def test_what_is_shown_is_read() -> None:
    volume = picture(capsules((6, 40, 50)), channels=2)
    labels = capsules((6, 40, 50))
    source = Counted(volume)
    np.testing.assert_array_equal(overlay(source, labels, at=2), overlay(volume, labels, at=2))
    assert source.read == volume[:, 2].size


def test_file(tmp_path: Path) -> None:
    labels = capsules((60, 70))
    shown = overlay(picture(labels), labels)
    path = write_picture(tmp_path / "new" / "a.overlay.png", shown)
    with Image.open(path) as file:
        np.testing.assert_array_equal(np.asarray(file), shown)
    with pytest.raises(FileError, match="cannot be written"):
        write_picture(path / "b.png", shown)
    with pytest.raises(FileError, match="no file of a known kind"):  # it is no image to be used
        find_images([path.parent])


def test_ids_are_on_their_objects_and_the_bar_has_its_length() -> None:
    labels = capsules((MIN_PIXELS, MIN_PIXELS), count=9, radius=40)
    plain = overlay(None, labels)
    changed = (overlay(None, labels, ids=True) != plain).any(-1)
    assert {*np.unique(labels[changed])} == {*range(1, 10)}
    bar = scale_bar(MIN_PIXELS, (0.5, 0.5), "um")
    marked = overlay(None, labels, bar=bar)
    x, y, width, height = placed(bar, *labels.shape).bar
    row = marked[round(y + height / 2)] == 255
    assert row.all(-1).sum() == pytest.approx(bar.length, abs=1)
    assert width == bar.length
    assert x + width < MIN_PIXELS


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (3, 5000), (40, 30)])
def test_text_in_pictures_of_any_size(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, np.int32)
    labels[:, shape[1] // 2 :] = 7
    shown = overlay(None, labels, bar=scale_bar(shape[1]), ids=True)
    assert shown.shape == overlay(None, labels).shape


def test_spots_lie_within_their_objects() -> None:
    y, x = np.mgrid[:300, :300] - 150
    ring = (np.hypot(y, x) < 140) & (np.hypot(y, x) > 120)
    labels = np.where(ring, 1, capsules((300, 300), count=5, radius=8) + 1) * (y < 100)
    labels[::3, 299] = 9  # thin, in pieces, and large
    for one in masks_of(labels.astype(np.int32)):
        a, b = spot_of(one)
        assert labels[int(b), int(a)] == one.label
