"""Table of the formats in which a segmented image can be exported.

A format is a name, an ending and a function that writes; `FORMATS` lists them, and whoever offers
them to users (the plugin) reads them from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import file_name
from napari_spatial_embeddings.files.errors import FileError

from .labels import about_window, write_labels
from .maps import write_maps
from .objects import objects_table, write_objects
from .overlay import overlay, write_overlay
from .places import check_folder, check_place

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.core.units import Lengths


@dataclass(frozen=True, slots=True)
class Segmented:
    """An image and all that is known about its objects.

    Parameters
    ----------
    name : str
        What its files are called.
    instances : Instances
    classes : tuple of str
        Names of the objects' classes.
    maps : EmbeddingMaps, optional
    image : (C, *S), optional
        Read where a format needs it.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``; None along an axis of unknown size.
    unit : str, optional
    about : mapping
        How the labels were made; as JSON takes it.
    model : mapping, optional
        The card of the model that predicted the maps.
    at : int, optional
        Slice of a volume that a picture shows; the most crowded one if not given.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright in a picture.
    start : tuple of D ints
        First pixel in the large image that it is a window of; empty if it is none.
    """

    name: str
    instances: Instances
    classes: tuple[str, ...]
    maps: EmbeddingMaps | None = None
    image: PixelArray | None = None
    pixel_size: Lengths | None = None
    unit: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    at: int | None = None
    limits: Sequence[tuple[float, float]] | None = None
    start: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Parameters
    ----------
    name : str
        Shown to users.
    ending : str
        Of the file's name.
    write : callable
        Writes a file of this name; whole or not at all.
    about : str
        What it holds, in a sentence for users.
    """

    name: str
    ending: str
    write: Callable[[Path, Segmented], Path]
    about: str


def _labels(path: Path, found: Segmented) -> Path:
    labels, about = found.instances.labels, {**found.about, **about_window(found.start)}
    return write_labels(path, labels, found.pixel_size, found.unit, about)


def _objects(path: Path, found: Segmented) -> Path:
    spacing = None if found.maps is None else found.maps.spacing
    where = found.pixel_size, found.unit, spacing, found.start
    return write_objects(path, objects_table(found.instances, found.classes, found.image, *where))


def _maps(path: Path, found: Segmented) -> Path:
    if found.maps is None:
        raise InputError(f"there are no maps of {found.name}; predict it first")
    where = found.pixel_size, found.unit, found.model, found.start
    return write_maps(path, found.maps, *where)


def _overlay(path: Path, found: Segmented) -> Path:
    labels = found.instances.labels
    return write_overlay(path, overlay(found.image, labels, at=found.at, limits=found.limits))


FORMATS: dict[str, Format] = {
    "labels": Format(
        "Labels (TIFF)",
        ".tif",
        _labels,
        "The label image, with pixel size and settings; Fiji and QuPath open it.",
    ),
    "ome": Format(
        "Labels (OME-TIFF)",
        ".ome.tif",
        _labels,
        "The label image, with axes, pixel size and settings in OME's metadata.",
    ),
    "objects": Format(
        "Objects (CSV)",
        ".csv",
        _objects,
        "One row per object: class, score, centre, size, sigma and mean intensities.",
    ),
    "maps": Format(
        "Maps (OME-Zarr)",
        ".maps.zarr",
        _maps,
        "Offsets, sigma and seed, to be clustered again without the network.",
    ),
    "overlay": Format(
        "Picture (PNG)",
        ".overlay.png",
        _overlay,
        "The image with the outlines of its objects.",
    ),
}
"""All formats, by a short name that settings may remember. A new one is a new row."""


def export(
    folder: str | Path,
    found: Segmented,
    formats: Iterable[str],
    *,
    spare: Collection[Path] = (),
) -> Iterator[Path]:
    """Write a segmented image in some formats; yield each file when it is complete.

    Parameters
    ----------
    folder : path
        Made if missing; older results of the same names are replaced.
    found : Segmented
    formats : keys of `FORMATS`
    spare : paths
        Files that are never replaced: the images themselves.

    Raises
    ------
    InputError
        If a name is no format, or a file would take the place of one of ``spare``.
    FileError, Failure
        If the system refuses, the folder lies in one of Zarr, or labels would take the place of a
        file that is not ours.
    """
    folder, name = Path(folder), file_name(found.name)
    check_folder(folder)
    spared = {path.resolve() for path in spare}
    for key in formats:
        if key not in FORMATS:
            raise InputError(f"there is no format '{key}'; choose from: {', '.join(FORMATS)}")
        path = folder / f"{name}{FORMATS[key].ending}"
        if path.resolve() in spared:
            raise FileError(f"{path} is the image itself; choose another folder for the results")
        if path.suffix == ".tif":
            check_place(path)
        yield FORMATS[key].write(path, found)
