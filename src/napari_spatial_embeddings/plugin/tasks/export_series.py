"""Export of the labels of all frames of a time series as one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError

from .export import ExportReport


@dataclass(frozen=True, slots=True, eq=False)
class SeriesExport:
    """Labels of a time series to be written.

    Parameters
    ----------
    path : path
        Of the file.
    series : ImageData
        With an axis of time.
    labels : int32 (T, *S)
        Those that are shown; read frame by frame.
    frames : sequence of int
        Numbers of those that were predicted; the others have no objects.
    protected : sequence of paths
        Files that are never replaced: the images themselves.
    """

    path: Path
    series: ImageData
    labels: NDArray[np.int32]
    frames: Sequence[int]
    protected: Sequence[Path]


def export_series(request: SeriesExport) -> Iterator[ExportReport]:
    """Write the labels of all frames, as TIFF with an axis of time.

    Raises
    ------
    InputError, Failure
        If the file is an image's own or not ours, its folder lies in one of Zarr, or the system
        refuses.
    """
    from napari_spatial_embeddings.export.label_series import write_frames
    from napari_spatial_embeddings.export.places import check_folder, check_place

    path, labels, series = request.path, request.labels, request.series
    if path.resolve() in {other.resolve() for other in request.protected}:
        raise InputError(f"{path} is the image itself: choose another folder")
    check_folder(path.parent)
    check_place(path)
    highest = 0
    for t in request.frames:
        highest = max(highest, int(labels[t].max(initial=0)))
        yield ExportReport(f"Looking through frame {t} of {series.name} …")
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = (np.array(frame) for frame in labels)
    size, interval = series.pixel_size, series.frame_interval
    write_frames(path, planes, labels.shape, highest, size, series.unit, interval)
    count, every = len(request.frames), len(labels)
    message = f"Wrote the objects of {plural(count, 'frame')} to {path}"
    if count < every:
        message += f"; {plural(every - count, 'frame')} without a prediction are empty"
    yield ExportReport(message)
