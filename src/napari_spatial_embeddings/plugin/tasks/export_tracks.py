"""Export of the tracks of a label series, in a worker thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.errors import Failure, InputError, to_message
from napari_spatial_embeddings.plugin.state.session import Kind

from .export_series import made_by_all

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections
    from napari_spatial_embeddings.tracking.tracks import Tracks


@dataclass(frozen=True, slots=True)
class TrackExportRequest:
    """Tracks to be written.

    Parameters
    ----------
    folder : path
    name : str
        Of the files, without their endings.
    formats : tuple of keys of `export.tracks.TRACK_FORMATS`
    labels : whole numbers (T, *S)
        Those that were linked.
    tracks : Tracks
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis, in ``unit``.
    unit : str, optional
    corrections : LinkCorrections, optional
        Written as well, if there are any.
    settings : TrackingSettings
        Of the links.
    results : tuple of Segmentation
        Of the frames whose objects were linked, if they were found here.
    file : path, optional
        Of the labels, if they were not.
    source : path, optional
        The images' file.
    """

    folder: Path
    name: str
    formats: tuple[str, ...]
    labels: PixelArray
    tracks: Tracks
    pixel_size: Lengths | None = None
    unit: str | None = None
    corrections: LinkCorrections | None = None
    settings: TrackingSettings = TrackingSettings()
    results: tuple[Segmentation, ...] = ()
    file: Path | None = None
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class TrackExportReport:
    """Progress of an export, as a sentence."""

    message: str
    kind: Kind = "info"


def export_tracks(request: TrackExportRequest) -> Iterator[TrackExportReport]:
    """Write tracks in one format after another; one that cannot be written stops no other.

    Raises
    ------
    Failure
        If the system refuses to write, such as on a full disk.
    """
    from napari_spatial_embeddings.export.links import LINKS, write_links
    from napari_spatial_embeddings.export.tracks import TRACK_FORMATS, write_tracks

    problems, written, count = list[str](), 0, len(request.formats)
    made = _made(request)
    for k, kind in enumerate(request.formats, 1):
        place = f" ({k} of {count})" if count > 1 else ""
        yield TrackExportReport(f"Writing {request.name}{TRACK_FORMATS[kind].ending}{place} …")
        try:
            write_tracks(
                kind,
                request.folder,
                request.name,
                request.labels,
                request.tracks,
                request.pixel_size,
                request.unit,
                made,
            )
            written += 1
        except Failure as error:
            raise Failure(f"{error}; {plural(written, 'result')} written before") from error
        except (InputError, OSError) as error:
            problems.append(f"not {TRACK_FORMATS[kind].name}: {to_message(error)}")
    more = ""
    if request.corrections:
        write_links(request.folder / f"{request.name}{LINKS}", request.corrections)
        more = (
            f", and {plural(len(request.corrections), 'corrected link')} in {request.name}{LINKS},"
        )
    done = f"Wrote {plural(written, 'result')}{more} to {request.folder}"
    yield TrackExportReport("; ".join([done, *problems]), "warning" if problems else "info")


def _made(request: TrackExportRequest) -> dict[str, Any]:
    """Return how the tracks were made: from results, or from labels of a file or of a layer."""
    from napari_spatial_embeddings.export.label_record import about_labels
    from napari_spatial_embeddings.export.tracks import tracks_record

    if request.results:
        about = made_by_all(request.results)
    elif request.file is not None:
        about = about_labels([request.file])
    else:
        about = {"labels": request.name}
    corrected = len(request.corrections or ())
    return tracks_record(about, request.settings, corrected, request.source)
