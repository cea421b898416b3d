"""Inputs of ``predict``: the images of files, folders, plates and projects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.cli.image_reader import ImageReader

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.files import Position
    from napari_spatial_embeddings.project import Project


@dataclass(frozen=True, slots=True)
class Input:
    """An image to be read when its turn comes.

    Parameters
    ----------
    name : str
        Of its results; with folders before it where it was found in folders of a folder.
    path : path
    read : callable
        Raises `InputError` if it cannot be used.
    well : str
        Of a plate; empty if there is none.
    """

    name: str
    path: Path
    read: Callable[[], ImageData]
    well: str = ""


def find_inputs(
    given: list[str],
    reader: ImageReader,
    project: Project | None,
    pattern: str | None = None,
    without: Path | None = None,
) -> list[Input]:
    """List the images of files and folders; if none are given, those of the project.

    Parameters
    ----------
    given : list of str
        Files and folders, OME-Zarr plates among them.
    reader : ImageReader
    project : Project, optional
    pattern : str, optional
        As in `files.find_images`.
    without : path, optional
        A folder whose files are none of them: results.

    Raises
    ------
    InputError
        If there is nothing, or a pattern without a folder.
    """
    from napari_spatial_embeddings.files import find_images, positions
    from napari_spatial_embeddings.project.frames import read_whole, wholes

    if given or project is None:
        folders = [Path(one) for one in given if Path(one).is_dir()]
        if pattern is not None and not folders:
            raise CallError("--pattern: it is for the files in folders; name a folder")
        found = find_images(given, pattern or "*")
        if pattern is not None and without is not None:
            found = [path for path in found if without.resolve() not in path.resolve().parents]
        if not found:
            raise CallError(f"--pattern: {pattern} finds no images but results in {without}")
        return [
            Input(_folder_of(path, folders) + one.name, one.path, _reading(one, reader), one.well)
            for path in found
            for one in positions(path)
        ]
    if pattern is not None:
        raise CallError("--pattern: the project has its own images; name a folder, or leave it out")
    images = [
        Input(name, project.folder / entry.path, partial(read_whole, project, entry.key))
        for name, entry in wholes(project).items()
    ]
    if not images:
        raise CallError(f"{project.folder} has no images yet; add some, or name files")
    return images


def _folder_of(path: Path, folders: list[Path]) -> str:
    """Return where an image lies in one of the folders that it was looked for in, with a slash."""
    for folder in folders:
        if folder in path.parents:
            inside = path.parent.relative_to(folder).as_posix()
            return "" if inside == "." else f"{inside}/"
    return ""


def _reading(position: Position, reader: ImageReader) -> Callable[[], ImageData]:
    """Return the function that reads an image, or raises the reason why it cannot be."""

    def refuse() -> ImageData:
        raise CallError(position.problem)

    if position.problem:
        return refuse
    return partial(reader.read, position.path, position.scene)
