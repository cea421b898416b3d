"""Views of large images of any kind: colours, channels, volumes; what is refused of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from plugin.owners import Owners

LARGE = 2**21
"""Pixels above which images of these tests are large."""


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_data, "MAX_PIXELS", LARGE)


def begin(owners: Owners, *at: float) -> Labels:
    """Annotate where the camera looks, one pixel of the image on each of the screen."""
    camera(owners.viewer).center, camera(owners.viewer).zoom = (0, *at), 1.5
    strokes = owners.actions.begin()
    assert owners.viewer.layers.selection.active is strokes.layer
    return strokes.layer


def numbers(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 250, shape, np.uint8)


def test_colours(owners: Owners) -> None:
    pixels = numbers(2000, 1800, 4)
    owners.images.choose(owners.viewer.add_image(pixels, rgb=True, name="stained"))
    owners.images.choose(owners.images.layer, grey="inverted")
    labels = begin(owners, 1200, 900)
    view, image = owners.images.layer, owners.images.image_data()
    assert isinstance(view, Image)
    assert view.rgb
    assert owners.images.grey == "inverted"
    assert image.channels == 1
    assert image.whole is not None
    assert image.whole.shape == (1, 2000, 1800)
    start = [int(x) for x in labels.translate]
    box = tuple(slice(s, s + n) for s, n in zip(start, labels.data.shape, strict=True))
    assert np.array_equal(np.asarray(image.data)[0], np.asarray(image.whole[(0, *box)]))


def test_channels_of_several_layers(owners: Owners) -> None:
    pixels = numbers(2, 2000, 1800)
    scale = {"scale": (2.0, 2.0), "translate": (-30.0, 8.0), "blending": "additive"}
    layers = [owners.viewer.add_image(one, name=f"c{c}", **scale) for c, one in enumerate(pixels)]
    owners.images.choose(layers[0], channels=(layers[1],))
    labels = begin(owners, 2000, 1500)
    image = owners.images.image_data()
    first = np.asarray(layers[0].world_to_data(labels.data_to_world((0, 0)))).round().astype(int)
    assert (first % 512 == 0).all()
    box = tuple(slice(s, s + n) for s, n in zip(first, labels.data.shape, strict=True))
    assert np.array_equal(np.asarray(image.data), pixels[:, *box])
    assert image.whole is not None
    assert image.whole.shape == pixels.shape


def test_a_volume_is_seen_with_the_slices_around(owners: Owners) -> None:
    owners.images.choose(owners.viewer.add_image(numbers(200, 256, 300), name="volume"))
    owners.viewer.dims.set_point(0, 100)
    labels = begin(owners, 128, 150)
    assert labels.data.shape[0] == 64
    assert labels.translate[0] == 64
    assert owners.images.image_data().shape == labels.data.shape


def test_a_large_image_is_not_worked_on_as_a_whole(owners: Owners) -> None:
    layer = owners.viewer.add_image(numbers(2000, 1800), name="slide")
    owners.images.choose(layer)
    with pytest.raises(InputError, match="too large to be annotated as a whole"):
        owners.actions.strokes_in_background()
    assert len(owners.viewer.layers) == 1


def test_a_copy_of_a_view_is_no_view(owners: Owners) -> None:
    owners.images.choose(owners.viewer.add_image(numbers(2000, 1800), name="slide"))
    begin(owners, 1000, 900)
    view = owners.images.layer
    assert isinstance(view, Image)
    copy = owners.viewer.add_image(np.asarray(view.data), name="copy", metadata=view.metadata)
    assert tag_of(copy) is None
    owners.viewer.layers.remove("slide")
    assert owners.images.layer is view
    owners.images.enter_view(all_seen=True)
    assert owners.images.layer is view
