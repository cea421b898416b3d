"""The scores of a scene, as the dock has them, and ground truth for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.metrics import Scores
from napari_spatial_embeddings.plugin.controllers.tools.scoring import ScoringController
from napari_spatial_embeddings.plugin.layers.tags import tagged
from plugin.scenes import EditorBench, Scene

Ints = NDArray[np.int32]

PLACE = {"scale": (0.5, 0.5), "units": "um"}
"""Of a scene's image."""


class Scoring:
    """The controller as the dock has it, with its group open."""

    def __init__(self, bench: EditorBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.controller = ScoringController(bench.viewer, bench.session, bench.images)
        self.controller.set_seen(True)

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: not self.controller.busy, timeout=300_000)

    @property
    def scores(self) -> Scores:
        self.wait()
        assert self.controller.scores is not None, self.controller.report.problem
        return self.controller.scores

    @property
    def problem(self) -> str:
        self.wait()
        assert self.controller.scores is None
        return self.controller.report.problem

    def against(self, labels: NDArray[Any], **how: Any) -> Labels:
        """Open labels as a layer of the user's own, and choose it."""
        layer = self.bench.viewer.add_labels(labels, name="masks", **how)
        assert isinstance(layer, Labels)
        self.controller.choose(layer)
        return layer

    @property
    def errors(self) -> Any:
        """The layer of errors, if there is one; there are never two."""
        self.wait()
        found = list(tagged(self.bench.viewer, "errors"))
        assert len(found) <= 1
        return found[0] if found else None


def assert_same(found: Scores, expected: Scores) -> None:
    for name in ("tp", "fp", "fn", "split", "merged"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.iou, expected.iou)


def truth_of(scene: Scene) -> Ints:
    """Return ground truth of which the scene's objects merge two, and miss one; one is false."""
    labels = np.array(scene.instances.labels)
    merged, false = scene.some(2)
    below = np.arange(len(labels))[:, None] > scene.middle(merged)[0]
    labels[(labels == merged) & below] = 900
    labels[labels == false] = 0
    row, column = scene.empty()
    labels[row - 3 : row + 4, column - 3 : column + 4] = 901
    return labels
