"""Time series whose objects are known, in a viewer: what predictions of their frames leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from plugin.fake_results import segmentation
from plugin.scenes import Rig, maps_of

Labels = NDArray[np.int32]


class Film:
    """A time series of label images, open and predicted.

    Parameters
    ----------
    rig : EditorBench or dock
    labels : sequence of int32 (Y, X)
        The objects of each frame.
    predicted : sequence of ints, optional
        The frames that are predicted; all if not given.
    maps : callable
        Returns the maps of a frame's objects.
    """

    def __init__(
        self,
        rig: Rig,
        labels: Sequence[Labels],
        predicted: Sequence[int] | None = None,
        maps: Callable[[Labels], EmbeddingMaps] = maps_of,
        name: str = "film",
    ) -> None:
        self.rig = rig
        pixels = np.stack([(x > 0).astype(np.float32) + 0.1 * k for k, x in enumerate(labels)])
        layer = rig.viewer.add_image(pixels, name=name)
        rig.images.choose(layer, "TYX")
        self.go(0)
        for t in range(len(labels)) if predicted is None else predicted:
            record = rig.images.frame(self.series, t)
            rig.session.set_result(record.key, segmentation(rig.session, maps(labels[t])))
        self.go(0)

    @property
    def series(self) -> Series:
        series = self.rig.images.series
        assert series is not None
        return series

    def frame(self, t: int) -> OpenImage:
        return self.series.records[t]

    def go(self, t: int) -> None:
        """Move the slider to a frame."""
        self.rig.images.show_frame(t)
        assert self.series.frame == t

    @property
    def found(self) -> Labels:
        """The objects that are shown of all frames."""
        layer = find_layer(self.rig.viewer, "instances", str(self.rig.session.image))
        shown: Labels = layer.data
        return shown

    def objects(self, t: int) -> Any:
        """Return the objects of a frame."""
        result = self.frame(t).result
        assert result is not None
        return result.instances

    def corrected(self) -> list[int]:
        """Return how many objects are locked in each frame."""
        corrections = [record.corrections for _, record in sorted(self.series.records.items())]
        return [0 if known is None else len(known) for known in corrections]
