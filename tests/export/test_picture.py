"""The overview works for every kind of image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture, random_maps
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export.picture import MAX_PIXELS, _choose, overview
from napari_spatial_embeddings.files import FileError


def draw(labels: NDArray[np.int32], channels: int = 1, **options: Any) -> NDArray[np.uint8]:
    maps = ideal_maps(labels, n_classes=options.pop("n_classes", 1), sigma=4)
    image = picture(labels, channels=channels)
    return overview(None, image, options.pop("annotations", labels), maps, labels, **options)


def test_the_file_is_the_picture(tmp_path: Path) -> None:
    labels = capsules((60, 70))
    path = tmp_path / "new" / "a.png"
    shown = overview(path, picture(labels), labels, ideal_maps(labels), labels, title="Rods")
    assert shown.dtype == np.uint8
    assert shown.shape[2] == 3
    np.testing.assert_array_equal(imagecodecs.png_decode(path.read_bytes())[..., :3], shown)
    with pytest.raises(FileError, match="cannot be written"):
        overview(path / "b.png", picture(labels), labels, ideal_maps(labels), labels)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 40), (90, 3), (60, 70), (1, 20, 30), (5, 30, 20)], ids=str
)
def test_any_shape(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=3)
    shown = draw(labels, pixel_size=(0.3, 0.1, 0.1)[-len(shape) :], unit="um")
    assert shown.std() > 0
    assert max(shown.shape) < 4000


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_and_classes(channels: int) -> None:
    labels = capsules((40, 50))
    one = draw(labels, channels)
    several = draw(labels, channels, n_classes=channels, class_names=("a", "b"))
    assert (one == several).all() == (channels == 1)


def test_nothing_annotated_and_nothing_found() -> None:
    labels = capsules((40, 50))
    empty = np.zeros_like(labels)
    maps = ideal_maps(labels)
    nothing = overview(None, picture(labels), None, maps, empty)
    assert (nothing != draw(labels)).any()
    constant = overview(None, np.zeros((1, 40, 50)), empty, ideal_maps(empty), empty)
    assert constant.shape == nothing.shape


def test_what_is_unknown_is_dark() -> None:
    labels = capsules((40, 50))
    unknown = np.where(labels == 0, -1, labels)
    assert draw(labels, annotations=unknown).mean() < draw(labels).mean()


def test_each_input_is_seen() -> None:
    labels = capsules((40, 50))
    image, rng = picture(labels), np.random.default_rng(0)
    maps = random_maps((40, 50), rng, sigma_components=2)
    first = overview(None, image, labels, maps, labels)
    other = capsules((40, 50), 1)
    for changed in (
        overview(None, image[:, ::-1], labels, maps, labels),
        overview(None, image, other, maps, labels),
        overview(None, image, labels, maps, other),
        overview(None, image, labels, maps, labels, title="New"),
        overview(None, image, labels, maps, labels, pixel_size=(1, 1), unit="um"),
        overview(None, image, labels, random_maps((40, 50), rng), labels),
    ):
        assert changed.shape != first.shape or (changed != first).any()


def test_the_most_crowded_slice_is_shown() -> None:
    labels = np.zeros((6, 30, 20), np.int32)
    labels[1:4, 2:9, 2:9] = 1
    labels[3, 12:20, 2:9] = 2
    shown = _choose(picture(labels), None, ideal_maps(labels), labels)
    assert shown.note == "slice 4 of 6"
    np.testing.assert_array_equal(shown.labels, labels[3])
    labels[:] = 0
    assert _choose(picture(labels), None, ideal_maps(labels), labels).note == "slice 4 of 6"


def test_large_images_are_thinned_out() -> None:
    labels = np.zeros((10, 2 * MAX_PIXELS + 1), np.int32)
    shown = _choose(picture(labels), labels, ideal_maps(labels), labels)
    assert shown.step == 3
    sizes = {shown.labels.shape, shown.image.shape[1:], shown.seed.shape[1:]}
    assert sizes == {(4, (2 * MAX_PIXELS + 3) // 3)}


def test_no_global_state() -> None:
    """Drawing neither loads pyplot nor needs a display; the rest of the exports loads little."""
    script = """
import sys
from napari_spatial_embeddings import export, files
heavy = {"torch", "numba", "scipy", "skimage", "matplotlib", "tifffile", "zarr", "PIL"}
print(sorted(heavy & set(sys.modules)))
import numpy as np
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export.picture import overview
labels = np.ones((4, 4), np.int32)
overview(None, np.ones((1, 4, 4)), labels, ideal_maps(labels), labels)
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "False"]
