"""Export of the labels of all frames of a time series as one file."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.files import stem

from .export import ExportReport

if TYPE_CHECKING:
    from napari_spatial_embeddings.export import ExportStep
    from napari_spatial_embeddings.export.objects import Table
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.tracking.tracks import Tracks


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
    results : mapping of Segmentation
        Those of the frames that were predicted, by their numbers; the others have no objects.
    settings : ClusteringSettings
        Those that are set: objects of frames that were made with others are mentioned.
    protected : sequence of paths
        Files that are never replaced: the images themselves.
    formats : tuple of keys of `export.FORMATS`
        A table of the objects and outlines are written as well, if they are among them.
    tracks : Tracks, optional
        Of these objects, for two columns of the table.
    outlines : ExportSettings
        How outlines are written.
    source : path, optional
        The series' file.
    """

    path: Path
    series: ImageData
    labels: NDArray[np.int32]
    results: Mapping[int, Segmentation]
    settings: ClusteringSettings
    protected: Sequence[Path]
    formats: tuple[str, ...] = ()
    tracks: Tracks | None = None
    outlines: ExportSettings = ExportSettings()
    source: Path | None = None


def made_by_all(results: Collection[Segmentation]) -> dict[str, Any]:
    """Return how the objects of frames were made: lists where frames differ.

    Parameters
    ----------
    results : collection of Segmentation
    """
    from napari_spatial_embeddings.export.record import common
    from napari_spatial_embeddings.prediction.segmented import how_made

    return common(how_made(one) for one in results)


def export_series(request: SeriesExport) -> Iterator[ExportReport]:
    """Write the labels of all frames, as TIFF with an axis of time, and what else is wanted.

    A file that cannot be written does not stop the others.

    Raises
    ------
    InputError, OSError
        If nothing can be written: files are images' own or not ours, or the folder lies in one of
        Zarr.
    Failure
        If the system refuses.
    """
    from napari_spatial_embeddings.export import FORMATS

    parts = [_write_labels(request)]
    keys = [key for key in request.formats if FORMATS[key].series]
    parts += [_write_format(request, key) for key in sorted(keys, key=lambda key: key != "objects")]
    written, problems = list[str](), list[str]()
    for part in parts:
        try:
            written.append((yield from part))
        except (InputError, OSError) as error:
            problems.append(to_message(error))
    problems = [*dict.fromkeys(problems)]
    if not written:
        raise InputError("; ".join(problems))
    others = [t for t, one in request.results.items() if one.settings != request.settings]
    if others:
        problems.append(
            f"{plural(len(others), 'frame')} had not followed the sliders, such as frame"
            f" {min(others)}: wait until all have, or predict them again, and export once more"
        )
    message = "; ".join([f"Wrote {', and '.join(written)}", *problems])
    yield ExportReport(message, "warning" if problems else "info")


def _check(request: SeriesExport, path: Path) -> None:
    """Refuse to write where there is an image or a file that is not ours, or into a Zarr."""
    from napari_spatial_embeddings.export.places import check_folder, check_place

    if path.resolve() in {other.resolve() for other in request.protected}:
        raise InputError(f"{path} is the image itself: choose another folder")
    check_folder(path.parent)
    check_place(path)


def _write_labels(request: SeriesExport) -> Generator[ExportReport, None, str]:
    """Write the labels of all frames; return what was written."""
    from napari_spatial_embeddings.export.label_series import write_frames
    from napari_spatial_embeddings.export.record import record

    path, labels, series = request.path, request.labels, request.series
    _check(request, path)
    highest = 0
    for t in sorted(request.results):
        highest = max(highest, int(labels[t].max(initial=0)))
        yield ExportReport(f"Looking through frame {t} of {series.name} …")
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = (np.array(frame) for frame in labels)
    size, interval = series.pixel_size, series.frame_interval
    write_frames(
        path,
        planes,
        labels.shape,
        highest,
        size,
        series.unit,
        interval,
        record(made_by_all(request.results.values()), request.source),
    )
    count, every = len(request.results), len(labels)
    message = f"the objects of {plural(count, 'frame')} to {path}"
    if count < every:
        message += f"; {plural(every - count, 'frame')} without a prediction are empty"
    return message


def _write_format(request: SeriesExport, key: str) -> Generator[ExportReport, None, str]:
    """Write the objects of all frames in a format; return what was written."""
    from napari_spatial_embeddings.export.formats import FORMATS, OUTLINES

    for step in _steps(request, key):
        yield ExportReport(f"Writing {step.path.name}: frame {step.done} …")
    what = "their outlines" if FORMATS[key].group == OUTLINES else "a table of them"
    return f"{what} to {step.path.name}"


def _steps(request: SeriesExport, key: str) -> Iterator[ExportStep]:
    """Write the objects of all frames, and report often; rows of linked ones have their track."""
    from napari_spatial_embeddings.export import Segmented, SegmentedSeries, export_steps
    from napari_spatial_embeddings.prediction.segmented import segmented

    series, results, name = request.series, request.results, stem(request.path)

    def frame(t: int) -> Segmented:
        found = segmented(f"{name}, frame {t}", results[t], series.frame(t))
        return replace(found, lead=_track_columns(request, t, results[t]))

    numbers = tuple(sorted(results))
    classes = results[numbers[0]].classes if numbers else ()
    about, frames = made_by_all(results.values()), series.frames or 1
    found = SegmentedSeries(
        name, numbers, frame, frames, series.shape, classes, about, request.source
    )
    folder, spare = request.path.parent, request.protected
    return export_steps(folder, found, [key], spare=spare, settings=request.outlines)


def _track_columns(request: SeriesExport, t: int, found: Segmentation) -> Table:
    """Return the track of each object, and that track's parent; empty where there is none."""
    tracks = request.tracks
    if tracks is None:
        return {}
    known, ids = tracks.detections.index, found.instances.ids.tolist()
    at = [known.get((t, label)) for label in ids]
    own = [None if i is None else int(tracks.track[i]) for i in at]
    return {
        "track": ["" if track is None else track for track in own],
        "parent": ["" if track is None else tracks.parents.get(track, "") for track in own],
    }
