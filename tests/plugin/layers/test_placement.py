"""Labels of one layer on the pixels of another: what is seen at one place is at that place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from builders import capsules
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.image import image_data
from napari_spatial_embeddings.plugin.layers.placement import labels_on

UM: dict[str, Any] = {"scale": (0.5, 0.25), "units": ("um", "um"), "translate": (3, 4)}


def target(shape: tuple[int, ...] = (60, 70), **how: Any) -> Labels:
    return Labels(np.zeros(shape, np.int32), name="image", **how)


def copied_onto(image: Labels, source: Labels) -> tuple[Any, Any]:
    """Return where a source meets an image, and its labels there."""
    box, read = labels_on(image, source)
    return box, read()


def rotated(degrees: float) -> Any:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def assert_stays_in_place(image: Labels, source: Labels, at: float = 0.5) -> None:
    """Assert that each object is where it was seen, up to a share of a pixel of the image."""
    box, labels = copied_onto(image, source)
    copied = np.zeros(image.data.shape, np.int64)
    copied[box] = labels
    for label in np.unique(copied[copied > 0]):
        seen = np.asarray(source.data_to_world(np.argwhere(source.data == label).mean(0)))
        now = np.asarray(image.data_to_world(np.argwhere(copied == label).mean(0)))
        assert (np.abs(seen - now) <= at * np.abs(image.scale) + 1e-9).all()
    assert len(np.unique(copied)) > 3


@pytest.mark.parametrize("shift", [(0, 0), (20, 20), (-7, 3), (0.3, -0.4)])
@pytest.mark.parametrize("where", [{}, {"scale": (0.5, 0.25)}, UM, {**UM, "rotate": rotated(30)}])
def test_a_shifted_crop_stays_in_place(shift: tuple[float, float], where: dict[str, Any]) -> None:
    image, labels = target(**where), capsules((60, 70), count=15)
    crop = labels[10:55, 12:66]
    corner = np.array([10, 12]) + shift
    place = {**where, "translate": image.data_to_world(corner)}
    box, copied = copied_onto(image, Labels(crop, **place))
    first = np.round(corner).astype(int)
    expected = np.zeros_like(labels)
    for pixel in np.argwhere(crop):
        at = pixel + first
        if (at >= 0).all() and (at < labels.shape).all():
            expected[tuple(at)] = crop[tuple(pixel)]
    found = np.zeros_like(labels)
    found[box] = copied
    np.testing.assert_array_equal(found, expected)


def test_other_pixel_sizes_are_resampled() -> None:
    labels = capsules((60, 70), count=15, radius=6)
    image = target(scale=(0.5, 0.5), units="um")
    coarse = Labels(labels[::2, ::2], scale=(1, 1), units="um", translate=(0.25, 0.25))
    assert_stays_in_place(image, coarse, 1.0)
    fine = Labels(labels.repeat(3, 0).repeat(3, 1), scale=(1 / 6,) * 2, translate=(-1 / 6,) * 2)
    box, copied = copied_onto(image, fine)
    found = np.zeros_like(labels)
    found[box] = copied
    np.testing.assert_array_equal(found, labels)
    mirrored = Labels(labels[::-1], scale=(-0.5, 0.5), translate=(29.5, 0), units="um")
    np.testing.assert_array_equal(copied_onto(image, mirrored)[1], labels)


def test_a_volume_keeps_its_slices() -> None:
    labels = capsules((8, 30, 30), count=9, radius=4)
    image = target((8, 30, 30), scale=(2, 0.5, 0.5), units="um")
    source = Labels(labels[2:7], scale=(2, 0.5, 0.5), units="um", translate=(4, 0, 0))
    box, copied = copied_onto(image, source)
    assert box[0] == slice(2, 7)
    np.testing.assert_array_equal(copied, labels[2:7])


def test_a_mask_without_a_scale_is_of_the_images_pixels() -> None:
    labels = capsules((60, 70))
    for data in (labels, labels[None]):
        box, copied = copied_onto(target(**UM), Labels(data))
        assert box == (slice(0, 60), slice(0, 70))
        np.testing.assert_array_equal(copied, labels)


@pytest.mark.parametrize(
    ("shape", "how", "sentence"),
    [
        ((60, 71), {}, r"theirs has the shape \(60, 71\), the image \(60, 70\)"),
        ((20, 20), {}, r"must cover the same pixels"),
        ((2, 60, 70), {}, r"has the shape \(2, 60, 70\)"),
        ((60, 70), {"rotate": rotated(20)}, "theirs is rotated or sheared against the image"),
        ((60, 70), {"shear": [0.5]}, "rotated or sheared"),
        ((60, 70), {"translate": (500, 0)}, "theirs lies beside the image"),
    ],
)
def test_what_cannot_be_placed_is_a_sentence(
    shape: tuple[int, ...], how: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        labels_on(target(), Labels(np.ones(shape, np.int32), name="theirs", **how))


def test_channels_lie_on_one_another() -> None:
    def image(name: str, **how: Any) -> Image:
        return Image(np.zeros((20, 30), np.float32), name=name, **how)

    first = image("nuclei", **UM)
    nm = {"scale": (500, 250), "units": ("nm", "nm"), "translate": (3000, 4000)}
    for other in (image("plain"), image("same", **UM), image("nm", **nm)):
        assert image_data([first, other], "YX").channels == 2
    with pytest.raises(InputError, match="moved lies elsewhere than nuclei"):
        image_data([first, image("moved", **{**UM, "translate": (5, 4)})], "YX")
