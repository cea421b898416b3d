"""Tracks in the formats of other programs: Cell Tracking Challenge, CSV, GEFF, a label series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.units import NGFF, Lengths
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.files.tables import TRACK_TABLES
from napari_spatial_embeddings.tracking.tracks import Tracks

from .folders import replacing
from .label_series import write_frames
from .objects import Table, write_objects
from .places import check_folder, check_place


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


MASK = re.compile(r"mask\d+\.tif")
"""Names of the frames in a CTC folder."""


def write_tracks(
    kind: str,
    folder: Path,
    name: str,
    labels: PixelArray,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
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
        return write_tracks_csv(path, tracks, pixel_size, unit)
    if kind == "ctc":
        return write_ctc(path, labels, tracks)
    if kind == "geff":
        return write_geff(path, tracks, pixel_size, unit)
    return write_label_series(path, labels, tracks, pixel_size, unit)


def write_ctc(folder: str | Path, labels: PixelArray, tracks: Tracks) -> Path:
    """Write tracks as the Cell Tracking Challenge has its results, whole or not at all.

    The folder gets ``mask000.tif`` and so on, in which a track has the same id in all frames, and
    ``res_track.txt`` with a line of id, first frame, last frame and parent for each track. As the
    format knows no gaps, a track is cut there, and its next piece descends from the one before.

    Parameters
    ----------
    folder : path
        An older result is replaced, if nothing else is in there.
    labels : whole numbers (T, *S)
        Those that were linked; read frame by frame.
    tracks : Tracks

    Raises
    ------
    FileError
        If the folder is there and holds something else too, or cannot be written.
    """
    import tifffile

    folder, cut = Path(folder), tracks.without_gaps()
    dtype = _dtype(cut)
    digits = max(3, len(str(cut.detections.frames - 1)))
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    own = folder.is_dir() and (not names or TRACK_TABLES[0] in names)
    own &= all(name == TRACK_TABLES[0] or MASK.fullmatch(name) for name in names)
    with replacing(folder, own=own, what="tracks alone") as new:
        new.mkdir()
        for t, frame in enumerate(cut.relabelled(labels)):
            path = new / f"mask{t:0{digits}}.tif"
            # Three or four slices would be colours otherwise.
            tifffile.imwrite(
                path, frame.astype(dtype), photometric="minisblack", compression="zlib"
            )
        lines = [" ".join(map(str, span)) + "\n" for span in cut.spans()]
        (new / TRACK_TABLES[0]).write_text("".join(lines), "utf-8")
    return folder


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
    path: str | Path, tracks: Tracks, pixel_size: Lengths | None = None, unit: str | None = None
) -> Path:
    """Write the table of `tracks_table` as CSV, whole or not at all.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    return write_objects(path, tracks_table(tracks, pixel_size, unit))


def write_geff(
    path: str | Path, tracks: Tracks, pixel_size: Lengths | None = None, unit: str | None = None
) -> Path:
    """Write tracks as a graph in the Graph Exchange File Format, whole or not at all.

    A node is an object, an edge leads to what follows it. Nodes have the frame ``t``, the centre
    ``y`` and ``x``, or also ``z``, ``track`` and ``seg_id``, the object's id in the relabelled
    series, ``label``, its label in the series that was linked, and ``size_px``.

    Parameters
    ----------
    path : path
        A folder, by custom ``<name>.geff``; an older one is replaced.
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``. Centres are in the unit if all are known, and
        else in pixels.
    unit : str, optional

    Raises
    ------
    FileError
        If the folder is there and holds something else, or cannot be written.
    InputError
        If the package geff is not installed.
    """
    with extra("tracking"):
        import geff
        import networkx as nx

    path, found = Path(path), tracks.detections
    axes = "zyx"[-len(found.spacing) :]
    index = found.centre / np.array(found.spacing)
    known = [size for size in pixel_size or () if size is not None]
    physical = bool(unit) and len(known) == len(axes)
    centre = index * np.array(known) if physical else index
    columns = {
        "t": found.frame,
        **{axis: centre[:, d] for d, axis in enumerate(axes)},
        "track": tracks.track,
        "seg_id": tracks.track,
        "label": found.label,
        "size_px": found.size,
    }
    graph = nx.DiGraph()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    for i, row in enumerate(rows, 1):
        graph.add_node(i, **dict(zip(columns, row, strict=True)))
    for i, after in tracks.successors.items():
        graph.add_edges_from((i + 1, j + 1) for j in after)
    length = NGFF.get(unit, unit) if physical and unit else "pixel"
    own = path.is_dir() and "geff" in _attributes(path)
    with replacing(path, own=own, what="graph in this format") as new:
        geff.write(
            graph,
            new,
            axis_names=["t", *axes],
            axis_units=["frame", *[length] * len(axes)],
            axis_types=["time", *["space"] * len(axes)],
        )
    return path


def write_label_series(
    path: str | Path,
    labels: PixelArray,
    tracks: Tracks,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
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

    Raises
    ------
    FileError
        If the file cannot be written, or takes the place of one that is not ours.
    """
    path, highest = Path(path), int(tracks.track.max(initial=0))
    check_place(path)
    frames, shape = tracks.relabelled(labels), tuple(labels.shape)
    return write_frames(path, frames, shape, highest, pixel_size, unit)


def _dtype(tracks: Tracks) -> np.dtype[Any]:
    """Return the type for all frames: 16 bits while the ids fit, else 32."""
    highest = int(tracks.track.max(initial=0))
    return np.dtype(np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32)


def _attributes(path: Path) -> str:
    """Return the attributes of a group, of either version of Zarr, as text."""
    for name in ("zarr.json", ".zattrs"):
        if (path / name).is_file():
            return (path / name).read_text("utf-8")
    return ""
