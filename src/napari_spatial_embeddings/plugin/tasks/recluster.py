"""Clustering of an image's maps with other settings, all of it or what is in view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.plugin.state.open_image import Box, PartialResult

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.core.instances import Corrections, Instances
    from napari_spatial_embeddings.core.local_clustering import Window
    from napari_spatial_embeddings.inference.segmentation import Segmentation


@dataclass(frozen=True, slots=True)
class ClusteringRequest:
    """A result to be clustered with other settings.

    Parameters
    ----------
    key : str
        Of the image.
    result : Segmentation
    settings : ClusteringSettings
    box : Box, optional
        The part that is in view, if only that is wanted.
    """

    key: str
    result: Segmentation
    settings: ClusteringSettings
    box: Box | None = None


def recluster(
    result: Segmentation, settings: ClusteringSettings, corrections: Corrections | None
) -> Segmentation:
    """Return a result with other settings and corrections; objects that stay keep their labels."""
    from napari_spatial_embeddings.inference.segmentation import reclustered

    return reclustered(result, settings, corrections)


class Reclusterer:
    """Clusters requests one after another; labels stay the same from one to the next.

    That holds for labels of parts, too, of which the session knows no result yet: they are kept
    here, and those of objects that a part left out.
    """

    def __init__(self) -> None:
        self._last: Segmentation | None = None
        self._newer: _NewerLabels | None = None
        self._part: _Part | None = None

    def __call__(self, request: ClusteringRequest) -> Segmentation | PartialResult:
        """Return the result of a request: a partial one if it asks for a part."""
        from napari_spatial_embeddings.inference.segmentation import reclustered

        last = self._last
        if last is None or request.result.clustering is not last.clustering:
            last = self._last = request.result
            self._newer = self._part = None
        if request.box is not None:
            return self._cluster_part(request, request.box, last)
        newer = None if self._newer is None else self._newer.instances(last.instances)
        self._last = reclustered(last, request.settings, last.corrections, newer)
        self._newer = None
        return self._last

    def _cluster_part(
        self, request: ClusteringRequest, box: Box, last: Segmentation
    ) -> PartialResult:
        from napari_spatial_embeddings.core.label_memory import LabelMemory, remembered
        from napari_spatial_embeddings.inference.segmentation import timed

        if self._part is None or not self._part.serves(box, request.settings):
            self._part = _Part.around(last, box, request.settings)
        window = self._part.window
        if self._newer is None:
            self._newer = _NewerLabels(last.instances.labels.copy(), last.instances.ids)
        like = window.of(self._newer.instances(last.instances))
        found, spent = timed(self._part.clustering, request.settings, like)
        corner = window.corner(last.maps.spacing)
        memory = LabelMemory.of(last.instances)
        if last.memory is not None:
            memory = memory.then(last.memory)
        found = remembered(found, like.ids, memory.moved(-corner).without(found.ids))
        own = LabelMemory.of(found).moved(corner)
        self._last = replace(last, memory=own if last.memory is None else last.memory.then(own))
        labels = window.inside(found.labels)
        self._newer.set(window.inner, labels, found.ids)
        count = len(np.unique(labels[labels > 0]))
        return PartialResult(box, labels, count, spent)


class _NewerLabels:
    """Labels of an image, of which some parts are newer than those of its last instances."""

    def __init__(self, labels: NDArray[np.int32], ids: NDArray[np.int32]) -> None:
        self._labels, self._ids = labels, ids

    def set(self, box: Box, labels: NDArray[np.int32], ids: NDArray[np.int32]) -> None:
        """Replace the labels of a part."""
        self._labels[box] = labels
        self._ids = np.union1d(self._ids, ids)

    def instances(self, last: Instances) -> Instances:
        """Return instances that the next labels are to be like, valid until labels are set.

        Nothing but labels and ids is read of them.
        """
        return replace(last, labels=self._labels, ids=self._ids)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that is clustered by itself while settings move."""

    window: Window
    clustering: Clustering
    widest: ClusteringSettings

    @classmethod
    def around(cls, result: Segmentation, box: Box, settings: ClusteringSettings) -> _Part:
        """Choose the window of a box, with some room for settings to move."""
        from napari_spatial_embeddings.core.local_clustering import Window

        widest = settings.updated(
            margin_factor=min(10.0, 1.3 * settings.margin_factor),
            foreground_threshold=max(0.0, settings.foreground_threshold - 0.1),
        )
        window = Window.around(result.maps, box, widest)
        part = window.clustering(result.maps, corrections=result.corrections)
        return cls(window, part, widest)

    def serves(self, box: Box, settings: ClusteringSettings) -> bool:
        """Return whether the window is that of the box, and wide enough."""
        return (
            box == self.window.inner
            and settings.margin_factor <= self.widest.margin_factor
            and settings.foreground_threshold >= self.widest.foreground_threshold
        )
