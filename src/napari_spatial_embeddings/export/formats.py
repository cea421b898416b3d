"""Table of the formats in which a segmented image can be exported.

A format is a name, an ending and a function that writes; `FORMATS` lists them, and whoever offers
them to users (the plugin, the command line) reads them from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import file_name
from napari_spatial_embeddings.files.errors import FileError

from .label_files.cellpose import write_seg
from .label_files.numpy_file import write_npy
from .label_files.png import write_png
from .label_files.zarr_labels import write_zarr
from .labels import write_labels
from .maps import write_maps
from .objects import objects_writer
from .outlines.coco import CocoSet, write_coco
from .outlines.described import Steps
from .outlines.geojson import write_geojson
from .outlines.roi import write_rois
from .outlines.shapes import write_shapes
from .pictures.overlay import write_overlay
from .pictures.overview import write_panels
from .pictures.pdf import write_pdf
from .pictures.svg import write_svg
from .places import check_folder, check_place
from .record import check_table, write_record
from .segmented import Results, Segmented
from .step import ExportStep
from .tables.anndata_file import write_anndata
from .tables.parquet import write_parquet
from .tables.rows import add_rows

Write: TypeAlias = Callable[[Path, Results, ExportSettings], Steps]
"""Writes a file of this name, whole or not at all, and yields how much is done, and of how much.

To close it before its end leaves no file.
"""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Parameters
    ----------
    name : str
        Shown to users.
    ending : str
        Of the file's name.
    write : Write
    about : str
        What it holds, in a sentence for users.
    group : str
        Heading under which it is offered.
    series : bool
        Whether it holds all frames of a time series.
    needs : str
        Package that an extra brings, and without which it is not written.
    """

    name: str
    ending: str
    write: Write
    about: str
    group: str = "More"
    series: bool = False
    needs: str = ""


def of_one(write: Callable[[Path, Segmented, ExportSettings], Steps]) -> Write:
    """Return a function that writes one image, or a frame, as one that refuses a series."""

    def steps(path: Path, found: Results, settings: ExportSettings) -> Steps:
        if not isinstance(found, Segmented):
            raise FileError(no_series(path))
        yield from write(path, found, settings)

    return steps


def at_once(write: Callable[[Path, Segmented, ExportSettings], object]) -> Write:
    """Return a function that writes without reports as one that has some."""

    def steps(path: Path, found: Segmented, settings: ExportSettings) -> Steps:
        yield 0, 1
        write(path, found, settings)

    return of_one(steps)


def no_series(path: Path) -> str:
    """Return the sentence for a series in a format that holds none."""
    can = ", ".join(OF_SERIES)
    return f"{path} cannot hold a time series; those can: {can}; or --frame takes one of its frames"


def _labels(path: Path, found: Segmented, _settings: ExportSettings) -> Path:
    labels = found.instances.labels
    return write_labels(path, labels, found.pixel_size, found.unit, found.noted())


def _objects(path: Path, found: Results, _settings: ExportSettings) -> Steps:
    with objects_writer(path) as add:
        yield from add_rows(found, add)
    write_record(path, found.noted())


def _maps(path: Path, found: Segmented, _settings: ExportSettings) -> Path:
    if found.maps is None:
        raise InputError(f"there are no maps of {found.name}; predict it first")
    where = found.pixel_size, found.unit, found.model, found.start
    return write_maps(path, found.maps, *where, made=found.noted())


LABELS, OUTLINES, PICTURES, MORE = "Labels", "Outlines", "Pictures", "More"

FORMATS: dict[str, Format] = {
    "labels": Format(
        "TIFF",
        ".tif",
        at_once(_labels),
        "The label image, with pixel size and settings; Fiji and QuPath open it.",
        LABELS,
    ),
    "ome": Format(
        "OME-TIFF",
        ".ome.tif",
        at_once(_labels),
        "The label image, with axes, pixel size and settings in OME's metadata.",
        LABELS,
    ),
    "ome-zarr": Format(
        "OME-Zarr",
        ".labels.zarr",
        at_once(write_zarr),
        "The label image as a folder of Zarr, with axes, pixel size and coarser levels.",
        LABELS,
    ),
    "png": Format(
        "PNG (16 bits)",
        ".labels16.png",
        at_once(write_png),
        "The label image of up to 65,535 objects, for programs that read no TIFF.",
        LABELS,
    ),
    "npy": Format(
        "NumPy",
        ".labels.npy",
        at_once(write_npy),
        "The label image as an array for Python: numpy.load opens it.",
        LABELS,
    ),
    "seg": Format(
        "Cellpose",
        "_seg.npy",
        at_once(write_seg),
        "The objects as Cellpose's window opens, corrects and saves them.",
        LABELS,
    ),
    "roi": Format(
        "Fiji (ROIs)",
        ".RoiSet.zip",
        write_rois,
        "The outline of each object for the ROI manager of ImageJ and Fiji.",
        OUTLINES,
        series=True,
    ),
    "geojson": Format(
        "QuPath",
        ".geojson",
        write_geojson,
        "The outline, class and measurements of each object; drop it on the image in QuPath.",
        OUTLINES,
        series=True,
    ),
    "coco": Format(
        "COCO",
        ".coco.json",
        write_coco,
        "The outline and class of each object, for the training of other networks.",
        OUTLINES,
        series=True,
    ),
    "shapes": Format(
        "napari",
        ".shapes.csv",
        write_shapes,
        "The outline of each object as a table that napari opens as a layer of shapes;"
        " NAME.shapes.csv.json beside it states how they were made.",
        OUTLINES,
        series=True,
    ),
    "overlay": Format(
        "Overlay (PNG)",
        ".overlay.png",
        at_once(write_overlay),
        "The image with the outlines of its objects, as pixels.",
        PICTURES,
    ),
    "panels": Format(
        "Panels (PNG)",
        ".panels.png",
        at_once(write_panels),
        "Six panels: the image, annotations, seed, margin, offsets and instances.",
        PICTURES,
    ),
    "svg": Format(
        "SVG",
        ".overlay.svg",
        of_one(write_svg),
        "The image with the outlines of its objects as lines, to be edited in Inkscape.",
        PICTURES,
    ),
    "pdf": Format(
        "PDF",
        ".overlay.pdf",
        of_one(write_pdf),
        "The image with the outlines of its objects as lines, for print.",
        PICTURES,
    ),
    "objects": Format(
        "Objects (CSV)",
        ".csv",
        _objects,
        "One row per object: class, score, place, size, shape, neighbours and intensities;"
        " NAME.csv.json beside it states how they were made.",
        MORE,
        series=True,
    ),
    "parquet": Format(
        "Objects (Parquet)",
        ".parquet",
        write_parquet,
        "The same rows for pandas, R and databases.",
        MORE,
        series=True,
        needs="pyarrow",
    ),
    "anndata": Format(
        "Objects (AnnData)",
        ".h5ad",
        write_anndata,
        "The objects, their measurements and places for scanpy, squidpy and SpatialData.",
        MORE,
        series=True,
        needs="anndata",
    ),
    "maps": Format(
        "Maps (Zarr)",
        ".maps.zarr",
        at_once(_maps),
        "Offsets, sigma and seed, to be clustered again without the network.",
        MORE,
    ),
}
"""All formats, by a short name that settings may remember. A new one is a new row."""

OF_SERIES = tuple(key for key, kind in FORMATS.items() if kind.series)
"""Those that hold all frames of a time series."""

PICTURE_FORMATS = tuple(key for key, kind in FORMATS.items() if kind.group == PICTURES)
"""Those that show one slice of a volume."""


def export(
    folder: str | Path,
    found: Results,
    formats: Iterable[str],
    *,
    spare: Collection[Path] = (),
    settings: ExportSettings = ExportSettings(),
) -> Iterator[Path]:
    """Write a segmented image or series in some formats; yield each file when it is complete.

    Parameters and errors are those of `export_steps`.
    """
    for step in export_steps(folder, found, formats, spare=spare, settings=settings):
        if step.complete:
            yield step.path


def export_steps(
    folder: str | Path,
    found: Results,
    formats: Iterable[str],
    *,
    spare: Collection[Path] = (),
    settings: ExportSettings = ExportSettings(),
    several: CocoSet | None = None,
) -> Iterator[ExportStep]:
    """Write an image or a series in some formats, and report often; to stop is to close this.

    Parameters
    ----------
    folder : path
        Made if missing; older results of the same names are replaced.
    found : Segmented or SegmentedSeries
    formats : keys of `FORMATS`
    spare : paths
        Files that are never replaced: the images themselves.
    settings : ExportSettings
    several : CocoSet, optional
        That of all images that are exported, to which this one is added instead of a file of COCO
        of its own.

    Raises
    ------
    InputError
        If a name is no format, or a file would take the place of one of ``spare``.
    FileError, Failure
        If the system refuses, the folder lies in one of Zarr, or a file would take the place of one
        that is not ours.
    """
    folder, name = Path(folder), file_name(found.name)
    check_folder(folder)
    spared = {path.resolve() for path in spare}
    for key in formats:
        if key not in FORMATS:
            raise InputError(f"there is no format '{key}'; choose from: {', '.join(FORMATS)}")
        if key == "coco" and several is not None:
            yield from _steps(several.path, several.add(found))
            continue
        path = folder / f"{name}{FORMATS[key].ending}"
        if path.resolve() in spared:
            raise FileError(f"{path} is the image itself; choose another folder for the results")
        if path.suffix == ".csv":
            check_table(path)
        elif key != "overlay":  # a picture does not name the program
            check_place(path)
        yield from _steps(path, FORMATS[key].write(path, found, settings))


def _steps(path: Path, written: Steps) -> Iterator[ExportStep]:
    done = total = 1
    with closing(written) as steps:
        for done, total in steps:
            yield ExportStep(path, done, total)
    yield ExportStep(path, total, total, complete=True)
