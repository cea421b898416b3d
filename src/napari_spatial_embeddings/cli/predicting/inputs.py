"""Inputs of ``predict``: the images of files, folders, plates and projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError, moved_images
from napari_spatial_embeddings.cli.image_reader import ImageReader
from napari_spatial_embeddings.prediction.inputs import Input

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.files import Position
    from napari_spatial_embeddings.project import ImageEntry, Project


def find_inputs(
    given: list[str],
    reader: ImageReader,
    project: Project | None,
    pattern: str | None = None,
    without: Path | None = None,
    into: str = "",
    frames: Sequence[int] | None = None,
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
    into : str
        As of `Input`.
    frames : sequence of int, optional
        Those of time series that are images of their own; all of a series are one if not given.

    Raises
    ------
    InputError
        If there is nothing, or a pattern without a folder.
    """
    from napari_spatial_embeddings.files import find_images, positions
    from napari_spatial_embeddings.project.frames import state_of_whole, wholes
    from napari_spatial_embeddings.project.image_source import large_state

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
            Input(
                _folder_of(path, folders) + one.name + ("" if t is None else f", frame {t}"),
                one.path,
                _reading(one, reader, t),
                one.well,
                into,
                state=partial(_state, one, reader, t),
            )
            for path in found
            for one in positions(path)
            for t in (frames or (None,))
        ]
    if pattern is not None:
        raise CallError("--pattern: the project has its own images; name a folder, or leave it out")
    images = [
        Input(
            name,
            project.folder / entry.path,
            partial(_read_entry, project.folder, entry),
            entry.well,
            state=partial(state_of_whole, project, entry.key),
            large_state=partial(large_state, project.folder, entry),
        )
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


def _reading(position: Position, reader: ImageReader, frame: int | None) -> Callable[[], ImageData]:
    """Return the function that reads an image, or raises the reason why it cannot be."""
    if position.problem:
        return partial(_refuse, position.problem)
    return partial(reader.read, position.path, position.scene, frame)


def _read_entry(folder: Path, entry: ImageEntry) -> ImageData:
    """Open an image of the project in a folder, or the series that it is a frame of."""
    from napari_spatial_embeddings.project.frames import read_whole_entry

    with moved_images(folder):
        return read_whole_entry(folder, entry)


def _refuse(problem: str) -> ImageData:
    """Refuse to read what is known not to be there."""
    raise CallError(problem)


def _state(position: Position, reader: ImageReader, frame: int | None) -> str:
    known = position.path.exists() and not position.problem
    return reader.state(position.path, position.scene, frame) if known else ""
