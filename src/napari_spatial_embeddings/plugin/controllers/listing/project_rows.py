"""Rows of the list for the images of the project, made again only when these change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.files.names import series_key

from .listed_image import ListedImage

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import ImageEntry


@dataclass(frozen=True, slots=True)
class ProjectRows:
    """The images of a project as the list has them, none of them open.

    Parameters
    ----------
    entries : tuple of ImageEntry
        What they were made of.
    rows : list of ListedImage
    places : dict
        Of the rows, by the key of the image or of its series.
    files : dict
        Paths of the images that are all of a file, by the file's name.
    """

    entries: tuple[ImageEntry, ...] = ()
    rows: list[ListedImage] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: tuple[ImageEntry, ...]) -> ProjectRows:
        """Make the rows of some entries, the frames of a series as one."""
        those: dict[str, list[ImageEntry]] = {}
        files: dict[str, list[str]] = {}
        for entry in entries:
            those.setdefault(series_key(entry.key), []).append(entry)
            if entry.scene is None and entry.window is None:
                files.setdefault(Path(entry.path).name, []).append(entry.path)
        rows = [_row(own) for own in those.values()]
        return cls(entries, rows, {key: n for n, key in enumerate(those)}, files)


def _row(entries: list[ImageEntry]) -> ListedImage:
    first = entries[0]
    frames = tuple(entry.key for entry in entries if entry.frame is not None)
    name = first.name.rpartition(", frame ")[0] if frames else first.name
    return ListedImage(first.key, name, None, True, frames, first.well)
