"""Tracks in the formats of other programs: Cell Tracking Challenge, CSV, GEFF, a label series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.tracking.tracks import Tracks

from .label_series import write_frames
from .objects import Table, write_objects
from .places import check_folder, check_place
from .record import check_table, record, write_record
from .track_files.ctc import write_ctc
from .track_files.geff_file import write_geff


@dataclass(frozen=True, slots=True)
class TrackFormat:
    """A format of tracks.

    Parameters
    ----------
    name : str
        As users choose it.
    ending : str
        Of the file or folder, behind the name of the labels.
    about : str
        What it holds.
    group : str
        Heading under which it is offered; none.
    """

    name: str
    ending: str
    about: str
    group: str = ""


TRACK_FORMATS = {
    "labels": TrackFormat(
        "Label series",
        ".tracks.ome.tif",
        "The labels, in which a cell has the same id in all frames.",
    ),
    "csv": TrackFormat(
        "Table (CSV)",
        ".tracks.csv",
        "A row for each object: track, parent, frame, label, centre and size.",
    ),
    "ctc": TrackFormat(
        "CTC folder",
        ".ctc",
        "A folder of the Cell Tracking Challenge: masks, and a table of the tracks.",
    ),
    "geff": TrackFormat("Graph (GEFF)", ".geff", "A graph of the objects and their links."),
}
"""The formats, by the names that the command line has for them."""


def write_tracks(
    kind: str,
    folder: Path,
    name: str,
    labels: PixelArray,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write tracks in one of `TRACK_FORMATS`; return the path of the file or folder.

    Parameters
    ----------
    kind : str
    folder : path
    name : str
        Of the labels.
    labels : whole numbers (T, *S)
        Those that were linked.
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``.
    unit : str, optional
    made : mapping, optional
        How they were made, see `tracks_record`.

    Raises
    ------
    FileError
        If it cannot be written, or takes the place of what is not ours.
    InputError
        If a package is not installed.
    """
    check_folder(folder)
    path = folder / f"{name}{TRACK_FORMATS[kind].ending}"
    if kind == "csv":
        return write_tracks_csv(path, tracks, pixel_size, unit, made)
    if kind == "ctc":
        return write_ctc(path, labels, tracks, made)
    if kind == "geff":
        return write_geff(path, tracks, pixel_size, unit, made)
    return write_label_series(path, labels, tracks, pixel_size, unit, made)


def tracks_record(
    about: Mapping[str, Any],
    settings: TrackingSettings,
    corrections: int,
    source: Path | None = None,
) -> dict[str, Any]:
    """Return how tracks were made, as each file of them keeps it.

    Parameters
    ----------
    about : mapping
        What is known of the labels, such as `label_record.about_labels` returns.
    settings : TrackingSettings
    corrections : int
        Number of links that were corrected.
    source : path, optional
        The file of the labels' images.
    """
    linked = {"tracking": settings.model_dump(mode="json"), "corrected_links": corrections}
    return record({**about, **linked}, source)


def tracks_table(
    tracks: Tracks, pixel_size: Lengths | None = None, unit: str | None = None
) -> Table:
    """Return one row per object, sorted by track and frame.

    Parameters
    ----------
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``.
    unit : str, optional

    Returns
    -------
    dict of lists
        ``track``, ``parent`` (empty for none), ``frame`` from 0, ``label``; per axis
        ``centre_<axis>_px``, an index into the image, and ``centre_<axis>_<unit>`` where the size
        is known; ``size_px``.
    """
    found = tracks.detections
    order = np.lexsort((found.frame, tracks.track))
    ids = tracks.track[order].tolist()
    table: Table = {
        "track": ids,
        "parent": [tracks.parents.get(track, "") for track in ids],
        "frame": found.frame[order].tolist(),
        "label": found.label[order].tolist(),
    }
    axes, index = "zyx"[-len(found.spacing) :], found.centre[order] / np.array(found.spacing)
    for d, axis in enumerate(axes):
        table[f"centre_{axis}_px"] = index[:, d].tolist()
    for d, (axis, size) in enumerate(zip(axes, pixel_size or (), strict=False)):
        if size is not None and unit:
            table[f"centre_{axis}_{unit}"] = (index[:, d] * size).tolist()
    table["size_px"] = found.size[order].tolist()
    return table


def write_tracks_csv(
    path: str | Path,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write the table of `tracks_table` as CSV, and how they were made beside it.

    Each file is written whole or not at all.

    Raises
    ------
    FileError
        If a file cannot be written, or takes the place of one that is not ours.
    """
    path = Path(path)
    check_table(path)
    write_objects(path, tracks_table(tracks, pixel_size, unit))
    if made:
        write_record(path, made)
    return path


def write_label_series(
    path: str | Path,
    labels: PixelArray,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write a series in which a cell keeps its id as OME-TIFF, whole or not at all.

    Parameters
    ----------
    path : path
        By custom ``<name>.ome.tif``.
    labels : whole numbers (T, *S)
        Those that were linked; read frame by frame.
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``.
    unit : str, optional
    made : mapping, optional
        How they were made.

    Raises
    ------
    FileError
        If the file cannot be written, or takes the place of one that is not ours.
    """
    path, highest = Path(path), int(tracks.track.max(initial=0))
    check_place(path)
    frames, shape = tracks.relabelled(labels), tuple(labels.shape)
    return write_frames(path, frames, shape, highest, pixel_size, unit, about=made)
