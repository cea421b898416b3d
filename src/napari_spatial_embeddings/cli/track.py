"""``track``: label images of a time series, linked so that a cell keeps its id."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.text import plural

from .flags import (
    CallError,
    Subparsers,
    add_flags,
    check_pixel_size_fits,
    checked_folder,
    checked_pixel_size,
    read_flags,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import LabelSeries
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections
    from napari_spatial_embeddings.tracking.detections import Detections

FORMATS = ("labels", "csv", "ctc", "geff")
"""Keys of `export.tracks.TRACK_FORMATS`, which takes its time to load."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "link the objects of a time series, so that a cell keeps its id"
    parser = subparsers.add_parser("track", help=text)
    parser.description = (
        "Link the objects of a time series of label images over time, by overlap and distance."
    )
    parser.add_argument(
        "labels",
        nargs="+",
        metavar="LABELS",
        help="One file with an axis of time, or the label images of the frames, or their folder;"
        " they are sorted by name.",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder for the results.")
    parser.add_argument(
        "--format",
        nargs="+",
        choices=FORMATS,
        default=["labels", "csv"],
        help="What to write: NAME.tracks.ome.tif, in which a cell has the same id in all frames;"
        " NAME.tracks.csv, a row per object; NAME.ctc, a folder of the Cell Tracking Challenge;"
        " NAME.geff, a graph. [labels csv]",
    )
    parser.add_argument(
        "--axes",
        metavar="AXES",
        help="Meaning of the file's axes, such as TYX, TZYX; read or guessed if not given.",
    )
    parser.add_argument(
        "--pixel-size",
        nargs="+",
        type=float,
        metavar="UM",
        help="Size of a pixel along each axis (Z) Y X, in micrometres; read from the file if not"
        " given.",
    )
    parser.add_argument(
        "--corrections",
        metavar="FILE",
        help="Corrections of links that hold whatever the settings are: NAME.links.json, as the"
        " window saves them for these labels.",
    )
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")
    add_flags(parser, TrackingSettings, title="tracking")
    parser.set_defaults(run=track)


def track(options: argparse.Namespace) -> int:
    """Link the objects and write the tracks."""
    from dataclasses import replace

    from napari_spatial_embeddings.export.label_record import about_labels
    from napari_spatial_embeddings.export.tracks import tracks_record, write_tracks
    from napari_spatial_embeddings.files import read_label_series
    from napari_spatial_embeddings.tracking.linking import link

    settings = read_flags(vars(options), TrackingSettings())
    folder = checked_folder(options.output)
    corrections = _corrections(options.corrections)
    pixel_size = checked_pixel_size(options.pixel_size)
    series = read_label_series(options.labels, options.axes)
    _check_apart(folder, [Path(path) for path in options.labels])
    if pixel_size is not None:
        check_pixel_size_fits(pixel_size, series.data.ndim - 1, series.name)
        series = replace(series, pixel_size=pixel_size, unit="um")
    tracks = link(measured(series, silent=options.json), settings, corrections)
    unknown = corrections.unknown(tracks.detections)
    about = about_labels([Path(path) for path in options.labels])
    made = tracks_record(about, settings, len(corrections))
    what = folder, series.name, series.data, tracks, series.pixel_size, series.unit, made
    written = {kind: str(write_tracks(kind, *what)) for kind in dict.fromkeys(options.format)}
    facts = {
        "frames": tracks.detections.frames,
        "objects": len(tracks.detections),
        "tracks": len(tracks.ids),
        "with_parent": len(tracks.parents),
        "corrections": len(corrections),
        "without_effect": unknown,
        "written": written,
        "settings": settings.model_dump(),
    }
    if options.json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return 0
    sys.stdout.write(
        f"{plural(len(tracks.detections), 'object')} in {plural(tracks.detections.frames, 'frame')}"
        f" are {plural(len(tracks.ids), 'track')}, {len(tracks.parents)} of them with a parent\n"
    )
    if unknown:
        sys.stdout.write(
            f"{unknown} of {plural(len(corrections), 'correction')} of links name objects that are"
            " not in these labels, and have no effect\n"
        )
    for path in written.values():
        sys.stdout.write(f"{path}\n")
    return 0


def measured(series: LabelSeries, *, silent: bool) -> Detections:
    """Return the objects of a series, with a bar meanwhile."""
    from tqdm import tqdm

    from napari_spatial_embeddings.tracking.detections import detect

    result = None
    with tqdm(disable=True if silent else None, unit="frame", leave=False) as bar:
        for report in detect(series.data, series.pixel_size, series.unit):
            bar.total, bar.n, result = report.total, report.done, report.result
            bar.refresh()
    assert result is not None
    return result


def _corrections(path: str | None) -> LinkCorrections:
    from napari_spatial_embeddings.export.links import read_links
    from napari_spatial_embeddings.tracking.corrections import NONE

    return read_links(path) if path else NONE


def _check_apart(folder: Path, given: list[Path]) -> None:
    """Refuse to write among the frames, where results would be taken for some of them."""
    frames = given[0] if len(given) == 1 else given[0].parent
    if (len(given) > 1 or frames.is_dir()) and frames.resolve() == folder.resolve():
        raise CallError(
            f"--output: {folder} holds the frames; choose another folder, or results would mix with"
            " them"
        )
