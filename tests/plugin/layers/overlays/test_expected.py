"""Colours of objects by their predicted IoU, where scores are calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.quality.calibration import Calibration
from napari_spatial_embeddings.plugin.layers.overlays.expected import (
    NO_RESULT,
    NOT_CALIBRATED,
    RAMP,
    ExpectedColours,
)
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from plugin.fake_results import Bench, add_image, discs, new_bench, segmentation, uncertain_maps

KNOWN = Calibration(scores=(0.3, 0.9), ious=(0.0, 1.0), right=(0.0, 1.0), objects=40, source="")


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


@pytest.fixture
def expected(bench: Bench) -> Iterator[ExpectedColours]:
    made = ExpectedColours(bench.viewer, bench.session, bench.parent)
    yield made
    made.close()


def predict(bench: Bench, key: str, *, calibrated: bool = True, seed: int = 0) -> Labels:
    """Leave a result in the session; return the layer of its objects."""
    card = {"calibration": KNOWN.model_dump(mode="json")} if calibrated else {}
    result = segmentation(bench.session, uncertain_maps(discs(seed=seed), seed))
    bench.session.set_result(key, replace(result, card=card))
    bench.wait()
    layer = find_layer(bench.viewer, "instances", key)
    assert isinstance(layer, Labels)
    return layer


def assert_coloured(bench: Bench, layer: Labels) -> None:
    """Assert that each object has the colour of the IoU that is to be expected of it."""
    result = bench.session.result
    assert result is not None
    found = result.instances
    places = np.linspace(0, 1, len(RAMP))
    for label, iou in zip(found.ids, KNOWN.predicted_iou(found.score), strict=True):
        wanted = [np.interp(iou, places, line) for line in zip(*RAMP, strict=True)]
        np.testing.assert_allclose(layer.colormap.map(int(label))[:3], wanted, atol=0.01)
    assert layer.colormap.map(0)[3] == 0


def test_objects_have_the_colour_of_their_predicted_iou(
    bench: Bench, expected: ExpectedColours
) -> None:
    assert expected.problem == NO_RESULT
    key = add_image(bench, discs())
    expected.switch(True)
    layer = predict(bench, key)
    assert not expected.problem
    assert_coloured(bench, layer)
    bench.session.tune(seed_threshold=0.4)
    bench.wait()
    assert_coloured(bench, layer)
    usual = Labels(np.zeros((4, 4), int)).colormap
    expected.switch(False)
    assert layer.colormap == usual or len(layer.colormap.colors) == len(usual.colors)
    expected.switch(True)
    assert_coloured(bench, layer)


def test_without_a_calibration_the_colours_stay(bench: Bench, expected: ExpectedColours) -> None:
    key = add_image(bench, discs())
    layer = predict(bench, key, calibrated=False)
    before = layer.colormap
    assert expected.problem == NOT_CALIBRATED
    expected.switch(True)
    assert layer.colormap is before
    predict(bench, key)
    assert_coloured(bench, layer)
    predict(bench, key, calibrated=False)
    assert layer.colormap is before
