"""The overview works for every kind of image."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture, random_maps
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export.pictures.overview import MAX_PIXELS, _choose, overview
from napari_spatial_embeddings.export.pictures.scale_bar import scale_bar


def draw(labels: NDArray[np.int32], channels: int = 1, **options: Any) -> NDArray[np.uint8]:
    maps = ideal_maps(labels, n_classes=options.pop("n_classes", 1), sigma=4)
    image = picture(labels, channels=channels)
    return overview(image, options.pop("annotations", labels), maps, labels, **options)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 40), (90, 3), (60, 70), (1, 20, 30), (5, 30, 20)], ids=str
)
def test_any_shape(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=3)
    shown = draw(labels, bar=scale_bar(shape[-1], (0.1, 0.1), "um"), ids=True)
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
    nothing = overview(picture(labels), None, maps, empty)
    assert (nothing != draw(labels)).any()
    constant = overview(np.zeros((1, 40, 50)), empty, ideal_maps(empty), empty)
    assert constant.shape == nothing.shape


def test_what_is_unknown_is_dark() -> None:
    labels = capsules((40, 50))
    unknown = np.where(labels == 0, -1, labels)
    assert draw(labels, annotations=unknown).mean() < draw(labels).mean()


def test_each_input_is_seen() -> None:
    labels = capsules((40, 50))
    image, rng = picture(labels), np.random.default_rng(0)
    maps = random_maps((40, 50), rng, sigma_components=2)
    first = overview(image, labels, maps, labels)
    other = capsules((40, 50), 1)
    for changed in (
        overview(image[:, ::-1], labels, maps, labels),
        overview(image, other, maps, labels),
        overview(image, labels, maps, other),
        overview(image, labels, maps, labels, title="New"),
        overview(image, labels, maps, labels, bar=scale_bar(50)),
        overview(image, labels, maps, labels, ids=True),
        overview(image, labels, maps, labels, limits=[(0, 30)]),
        overview(image, labels, random_maps((40, 50), rng), labels),
    ):
        assert changed.shape != first.shape or (changed != first).any()


def test_the_most_crowded_slice_is_shown() -> None:
    labels = np.zeros((6, 30, 20), np.int32)
    labels[1:4, 2:9, 2:9] = 1
    labels[3, 12:20, 2:9] = 2
    shown = _choose(picture(labels), None, ideal_maps(labels), labels)
    assert shown.note == "slice 3 of 0 to 5"
    np.testing.assert_array_equal(shown.labels, labels[3])
    labels[:] = 0
    assert _choose(picture(labels), None, ideal_maps(labels), labels).note == "slice 3 of 0 to 5"


def test_large_images_are_thinned_out() -> None:
    labels = np.zeros((10, 2 * MAX_PIXELS + 1), np.int32)
    shown = _choose(picture(labels), labels, ideal_maps(labels), labels)
    assert shown.step == 3
    sizes = {shown.labels.shape, shown.image.shape[1:], shown.seed.shape[1:]}
    assert sizes == {(4, (2 * MAX_PIXELS + 3) // 3)}
    labels[0, 300] = 5  # between the pixels that are shown
    shown = _choose(picture(labels), labels - 1, ideal_maps(labels), labels)
    assert shown.annotations is not None
    assert (shown.labels[0, 100], shown.annotations[0, 100]) == (5, 4)
    assert {*np.unique(shown.annotations)} == {-1, 4}


@pytest.mark.parametrize("shape", [(90, 60), (400, 20)])
def test_the_scale_bar_is_as_long_as_it_says(shape: tuple[int, int]) -> None:
    """Also where the panel is wider than the image."""
    labels, white = np.zeros(shape, np.int32), np.ones((1, *shape))
    how: dict[str, Any] = {"limits": [(0.0, 1.0)], "spacing": (2.0, 1.0)}
    bar, maps = scale_bar(shape[1]), ideal_maps(labels)
    plain = overview(white, labels, maps, labels, **how)
    changed = (overview(white, labels, maps, labels, bar=bar, **how) != plain).any(-1)
    row = changed[changed.sum(1).argmax()]
    length = int(row[row.argmax() :].argmin())  # of the line; its text follows
    first = plain[len(plain) // 4, : plain.shape[1] // 3]
    width = int((first == 255).all(-1).sum())
    assert length == pytest.approx(bar.length / shape[1] * width, abs=3)


def test_no_global_state() -> None:
    """Drawing neither loads pyplot nor needs a display; the rest of the exports loads little."""
    script = """
import sys
from napari_spatial_embeddings import export, files
heavy = {"torch", "numba", "scipy", "skimage", "matplotlib", "tifffile", "zarr", "PIL"}
print(sorted(heavy & set(sys.modules)))
import numpy as np
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export.pictures.overview import overview
labels = np.ones((4, 4), np.int32)
overview(np.ones((1, 4, 4)), labels, ideal_maps(labels), labels)
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "False"]
