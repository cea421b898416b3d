"""Drawing of explanations in a plane."""

from __future__ import annotations

import numpy as np
import pytest

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.editing.explanation import Ellipse, explain
from napari_spatial_embeddings.plugin.layers.overlays.explanation import MAX_ARROWS, cut, draw
from plugin.scenes import default_labels, maps_of


def test_a_plane_cuts_an_ellipsoid() -> None:
    ball = Ellipse(np.array([5.0, 20.0, 30.0]), np.array([2.0, 4.0, 6.0]))
    for z in (3.5, 5.0, 6.0):
        box = cut(ball, (1, 2), [0], np.array([z, 0.0, 0.0]))
        assert box is not None
        assert (box[:, 0] == z).all()
        np.testing.assert_allclose(box[:, 1:].mean(0), (20, 30))
        # A corner of the cut's middle line lies on the ellipsoid.
        on = np.array([z, box[:, 1].max(), 30.0])
        assert (((on - ball.centre) / ball.half_axes) ** 2).sum() == pytest.approx(1)
    assert cut(ball, (1, 2), [0], np.array([7.0, 0.0, 0.0])) is None


def test_a_drawing_lies_in_the_plane() -> None:
    maps, settings = maps_of(default_labels()), ClusteringSettings()
    found = cluster(maps, settings)
    explanation = explain(found, maps, settings, found.seed_pixel[0] + 1)
    whole = draw(explanation, (0, 1), explanation.pixel)
    assert 0 < len(whole.arrows) <= MAX_ARROWS
    assert len(whole.points) == len(whole.point_colours) == 2
    assert len(whole.ellipses) == len(whole.ellipse_colours) == 2


def test_what_lies_in_other_planes_is_left_out() -> None:
    maps, settings = maps_of(capsules((9, 40, 50), count=8, radius=5)), ClusteringSettings()
    found = cluster(maps, settings)
    pixel = found.seed_pixel[0]
    explanation = explain(found, maps, settings, pixel)
    drawing = draw(explanation, (1, 2), explanation.pixel)
    assert (drawing.arrows[:, 0, 0] == pixel[0]).all()
    assert (drawing.arrows[:, 1, 0] == 0).all()
    beyond = draw(explanation, (1, 2), (100, 0, 0))
    assert not len(beyond.points)
    assert not len(beyond.arrows)
    assert not beyond.ellipses
