"""Frames of time series in a project: each is an image of its own, all refer to one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import distinct, read_image, state_of
from napari_spatial_embeddings.files.names import series_key

from .card import ImageEntry
from .copies import write_copy
from .sources import checked, described, new_entry, read_entry, reference, same_pixels

if TYPE_CHECKING:
    from .folder import Project


def frames_of(project: Project, series: str) -> dict[int, ImageEntry]:
    """Return the entries of a series' frames, by their numbers."""
    return {
        entry.frame: entry
        for entry in project.card.images
        if entry.frame is not None and series_key(entry.key) == series
    }


def wholes(project: Project) -> dict[str, ImageEntry]:
    """Return the images and time series of a project by the names of their results.

    Of a series, whichever of its frames was added first; `read_whole` opens all of it.
    """
    first: dict[str, ImageEntry] = {}
    for entry in project.card.images:
        first.setdefault(series_key(entry.key), entry)
    names = distinct(_whole_name(entry) for entry in first.values())
    return dict(zip(names, first.values(), strict=True))


def _whole_name(entry: ImageEntry) -> str:
    name = entry.name.rpartition(", frame ")[0] if entry.frame is not None else ""
    return name or entry.name


def read_whole(project: Project, key: str) -> ImageData:
    """Open an image of a project, or the time series that its file holds or it is a frame of.

    Raises
    ------
    MissingImage, WrongImage, InputError
        As `Project.image`.
    """
    return read_whole_entry(project.folder, project.entry(key))


def read_whole_entry(folder: Path, entry: ImageEntry) -> ImageData:
    """Do what `read_whole` does, by the folder of a project and an entry of its card."""
    return replace(read_entry(folder, entry, whole=True), name=_whole_name(entry))


def state_of_whole(project: Project, key: str) -> str:
    """Return what `read_whole` reads, how, and its corrections, as text that changes with them.

    Empty if the file is not there.
    """
    entry = project.entry(key)
    path = project.folder / entry.path
    if not path.exists():
        return ""
    how = entry.axes, entry.scene, entry.window, entry.channels, entry.pixel_size, entry.unit
    keys = [e.key for e in frames_of(project, series_key(key)).values()] or [key]
    files = path, *(project.files_of(one)[2] for one in keys)
    return ", ".join([*(state_of(file) for file in files if file.exists()), str(how)])


def add_frame(
    project: Project,
    key: str,
    series: ImageData,
    frame: int,
    *,
    name: str,
    source: str | None = None,
    copy: bool = False,
) -> ImageEntry:
    """Add a frame of a time series: a reference to the series' file, or to a copy of all frames.

    The copy holds all of them, as they are normalised together.

    Parameters
    ----------
    project : Project
    key : str
        See `files.names.frame_key`.
    series : ImageData
        With an axis of time.
    frame : int
    name : str
        Shown on the screen.
    source : str, optional
        The file that it was opened from; referred to if reading that gives the same pixels.
    copy : bool
        Copy it in any case.

    Raises
    ------
    ProjectError, FileError, Failure
        As `Project.add_image`.
    """
    pixels = checked(series.frame(frame).data, name)
    others = frames_of(project, series_key(key))
    known = next(iter(others.values()), None)
    if known is not None and known.shape == pixels.shape:
        path, axes, scene = known.path, known.axes, known.scene
    else:
        scene = None
        path, axes = _file(project, series_key(key), series, frame, None if copy else source)
    size, unit = series.pixel_size, series.unit
    entry = new_entry(
        pixels,
        key=key,
        name=name,
        path=path,
        axes=axes,
        scene=scene,
        frame=frame,
        pixel_size=size,
        unit=unit,
    )
    project.update(images=(*project.card.images, entry))
    return entry


def replace_series(project: Project, key: str, series: ImageData) -> None:
    """Copy other pixels of a time series into a project; what is annotated on its frames stays."""
    entries = frames_of(project, key)
    if not entries:
        return
    path, axes = _file(project, key, series, min(entries), None)
    new = {
        entry.key: entry.updated(
            path=path,
            axes=axes,
            channels=None,
            **described(checked(series.frame(t).data, entry.name)),
        )
        for t, entry in entries.items()
    }
    project.update(images=tuple(new.get(e.key, e) for e in project.card.images))


def _file(
    project: Project, key: str, series: ImageData, frame: int, source: str | None
) -> tuple[str, str | None]:
    """Return the file of a series for the card, and its axes; all frames are copied if needed."""
    if source is not None:
        for axes in _meanings(series):
            if _shows(Path(source), axes, series, frame):
                return reference(Path(source), project.folder), axes
    path, n = f"images/{key}.tif", 1
    while (project.folder / path).exists():
        n += 1
        path = f"images/{key}-{n}.tif"
    pixels = checked(series.data, series.name, time=True)
    write_copy(project.folder / path, pixels, series.pixel_size, series.unit, series.axes)
    return path, series.axes


def _meanings(series: ImageData) -> Iterator[str | None]:
    """Yield what the axes of the file of a series may be: first as it names them itself."""
    yield None
    letters = series.axes.replace("C", "") if series.channels == 1 else series.axes
    for order in permutations(letters.removesuffix("YX")):
        yield "".join(order) + "YX"


def _shows(path: Path, axes: str | None, series: ImageData, frame: int) -> bool:
    """Whether reading a file with some axes gives a series, judged by one of its frames."""
    with suppress(InputError):
        read = read_image(path, axes, time=True)
        if read.frames == series.frames and read.shape == series.shape:
            return same_pixels(series.frame(frame).data, read.frame(frame).data)
    return False
