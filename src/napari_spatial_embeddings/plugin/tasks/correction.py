"""Corrections applied to segmentations, in a worker thread."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.quality.calibration import consistency_for
from napari_spatial_embeddings.plugin.state.open_image import OpenImage

from .correction_actions import Change, Pixel, Scene
from .recluster import recluster

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project import Project


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """A change to be made to an image's corrections.

    Parameters
    ----------
    result : Segmentation
        The image's objects when the work starts.
    corrections : Corrections, optional
        As the user made them; None if there are none, or they are not loaded yet.
    settings : ClusteringSettings
        Under which the objects are to be found.
    work : callable
        Returns the new result; None if it stays as it is.
    """

    result: Segmentation
    corrections: Corrections | None
    settings: ClusteringSettings
    work: Callable[[CorrectionRequest], Segmentation | None]

    def run(self) -> Segmentation | None:
        """Return the new result, or None."""
        return self.work(self)

    def applied(self, corrections: Corrections) -> Segmentation:
        """Return the result with these corrections, clustered under the request's settings."""
        return recluster(self.result, self.settings, corrections)


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Frames of a time series that were corrected at once: this is undone at once, too.

    Parameters
    ----------
    frames : tuple of OpenImage
    """

    frames: tuple[OpenImage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A correction that was made by clicks.

    Parameters
    ----------
    tool : str
        Key of the tool in `TOOLS`.
    pixels : tuple
        What was clicked on; of the tool "class", the pixel and the index of the class.
    """

    tool: str
    pixels: tuple[Pixel | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """A correction by clicks, as it came out.

    Parameters
    ----------
    image : OpenImage
    made : Made
    before, after : Segmentation
        The image's objects.
    """

    image: OpenImage
    made: Made
    before: Segmentation
    after: Segmentation


@dataclass(frozen=True, slots=True)
class CorrectionState:
    """All that a correction changes, and the settings under which the instances were found.

    Parameters
    ----------
    corrections : Corrections
    instances : Instances
    settings : ClusteringSettings
    seed : weak reference
        To the seed maps that the instances were found in: later predictions replace them.
    joint : Joint, optional
        The step between this state and the next or the one before, if it changed several frames.
    """

    corrections: Corrections
    instances: Instances
    settings: ClusteringSettings
    seed: weakref.ref[Any]
    joint: Joint | None = None

    @classmethod
    def of(cls, result: Segmentation, joint: Joint | None = None) -> CorrectionState:
        """Return the state of a result."""
        return cls(
            corrections_of(result.corrections, result),
            result.instances,
            result.settings,
            weakref.ref(result.maps.seed),
            joint,
        )

    @property
    def size(self) -> int:
        """Bytes of its label images."""
        return self.corrections.labels.nbytes + self.instances.labels.nbytes


def corrections_of(corrections: Corrections | None, result: Segmentation) -> Corrections:
    """Return corrections; empty ones for the image of a result if there are none."""
    return Corrections.none(result.maps.shape) if corrections is None else corrections


def change(request: CorrectionRequest, what: Change) -> Segmentation:
    """Make a change to the corrections, and cluster again."""
    result = request.result
    known = corrections_of(request.corrections, result)
    return request.applied(what(Scene(known, result.instances, result.maps, request.settings)))


def restore(request: CorrectionRequest, state: CorrectionState) -> Segmentation:
    """Return to a state; exactly, unless maps or settings are others now."""
    result = request.result
    if state.settings != request.settings or state.seed() is not result.maps.seed:
        return request.applied(state.corrections)
    return replace(
        result,
        clustering=result.clustering.corrected(state.corrections),
        instances=state.instances,
        settings=state.settings,
        corrections=state.corrections,
        consistency=consistency_for(result.card, result.maps, state.instances),
    )


def reapply(request: CorrectionRequest) -> Segmentation | None:
    """Apply the image's own corrections to a result that was made without them."""
    known, result = request.corrections, request.result
    return None if known is result.corrections else request.applied(corrections_of(known, result))


def load(request: CorrectionRequest, project: Project, key: str) -> Segmentation | None:
    """Apply the corrections that are saved in a project."""
    saved = project.corrections(key) if project.card.find(key) is not None else None
    return None if saved is None else request.applied(saved)
