"""Linking of a label series over time, in a worker thread."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.errors import extra

from .link_actions import LinkChange

if TYPE_CHECKING:
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections
    from napari_spatial_embeddings.tracking.detections import Detections
    from napari_spatial_embeddings.tracking.tracks import Tracks


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """Labels to be linked.

    Parameters
    ----------
    labels : whole numbers (T, *S)
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis, in ``unit``.
    unit : str, optional
    settings : TrackingSettings
    corrections : LinkCorrections, optional
        Those that hold; those of the file if None.
    file : path, optional
        Where corrections were saved, if there are any.
    detections : Detections, optional
        The objects of the labels, if they are known.
    like : Tracks, optional
        Tracks that are the same as in these keep their ids.
    change : callable, optional
        Corrects the links of ``like`` first.
    solved : mapping
        What the last linking of these detections has solved.
    """

    labels: PixelArray
    pixel_size: Lengths | None
    unit: str | None
    settings: TrackingSettings
    corrections: LinkCorrections | None = None
    file: Path | None = None
    detections: Detections | None = None
    like: Tracks | None = None
    change: LinkChange | None = None
    solved: Mapping[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkResult:
    """What a linking found.

    Parameters
    ----------
    tracks : Tracks
    corrections : LinkCorrections
        Those that it was made with.
    stored : LinkCorrections, optional
        Those that were read from the file.
    sentence : str
        About the correction that was made.
    solved : mapping
        For the next linking of the same detections.
    """

    tracks: Tracks
    corrections: LinkCorrections
    stored: LinkCorrections | None
    sentence: str
    solved: Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """Progress of a linking, and with the last report its result."""

    message: str
    done: int
    total: int
    result: LinkResult | None = None


def link_series(request: LinkRequest) -> Iterator[LinkReport]:
    """Measure the objects of the frames, unless they are known, and link them.

    Raises
    ------
    InputError
        If the labels are no series of labels, a package is missing, or the correction cannot be.
    """
    yield LinkReport("Preparing …", 0, 1)
    with extra("tracking"):  # before the pixels are read, which takes its time
        importlib.import_module("laptrack")
    from napari_spatial_embeddings.tracking.corrections import NONE
    from napari_spatial_embeddings.tracking.detections import detect
    from napari_spatial_embeddings.tracking.linking import link_by_parts

    corrections, stored, sentence = request.corrections, None, ""
    if corrections is None:
        corrections = stored = _stored(request.file)
    corrections = NONE if corrections is None else corrections
    if request.change is not None and request.like is not None:
        corrections, sentence = request.change(corrections, request.like)
    found = request.detections
    if found is None:
        for measured in detect(request.labels, request.pixel_size, request.unit):
            found = measured.result
            frame = f"Frame {min(measured.done + 1, measured.total)} of {measured.total}"
            yield LinkReport(frame, measured.done, 2 * measured.total)
    assert found is not None
    solved = request.solved if request.detections is not None else {}
    for report in link_by_parts(found, request.settings, corrections, request.like, solved):
        yield LinkReport("Linking", report.total + report.done, 2 * report.total)
        if report.result is not None:
            result = LinkResult(report.result, corrections, stored, sentence, report.solved)
            yield LinkReport(counts(report.result), 1, 1, result)


def counts(tracks: Tracks) -> str:
    """Return how many tracks, divisions, and objects that are linked to nothing there are."""
    parts = [
        plural(len(tracks.ids), "track"),
        plural(tracks.divisions, "division"),
        f"{plural(tracks.alone, 'object')} linked to nothing",
    ]
    return ", ".join(parts)


def _stored(file: Path | None) -> LinkCorrections | None:
    from napari_spatial_embeddings.export.links import read_links

    return None if file is None or not file.exists() else read_links(file)
