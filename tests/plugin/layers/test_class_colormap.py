"""Colours of labels, by the class of their objects."""

from __future__ import annotations

import numpy as np

from napari_spatial_embeddings.plugin.layers.class_colormap import GREY, class_colour, colours
from napari_spatial_embeddings.training.annotation import BACKGROUND


def test_colours_tell_classes_apart() -> None:
    classes = {1: "a", 2: "b", 3: BACKGROUND, 70: "b"}
    found = colours(classes, ("a", "b"), "b", 70)
    assert len(found) > 70
    assert not found[0].any()
    assert np.allclose(found[3], GREY)
    hues = {k: min((0, 1), key=lambda c: distance(found[k], c)) for k in (1, 2, 70, 71)}
    assert hues == {1: 0, 2: 1, 70: 1, 71: 1}
    assert len({tuple(row) for row in found[4:20].tolist()}) == 16


def distance(colour: np.ndarray[tuple[int, ...], np.dtype[np.float32]], index: int) -> float:
    shades = [class_colour(index, shade) for shade in np.linspace(0, 1, 21)]
    return float(min(np.abs(colour - np.array(shade)).max() for shade in shades))
