"""Entries of a project for images of which nothing is read yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari_spatial_embeddings.files import Position
from napari_spatial_embeddings.files.names import keys_like

from .card import ImageEntry
from .sources import reference


def entries_of(
    found: Iterable[Position],
    folder: Path,
    known: Iterable[ImageEntry],
    free: Callable[[str], bool],
) -> list[ImageEntry]:
    """Return an entry for each of some images, of which nothing is read.

    Parameters
    ----------
    found : positions
        Of files and plates: see `files.positions`.
    folder : path
        The project's.
    known : entries
        Those of the project, which are taken for images that it has.
    free : callable
        Returns whether no file of the project belongs to a key.
    """
    known = list(known)
    plain = (entry for entry in known if entry.axes is None and not entry.channels)
    by_place = {(entry.path, entry.scene): entry for entry in plain if entry.window is None}
    key_of, entries = keys_like((e.key for e in known), free), []
    for one in found:
        place = reference(one.path, folder), one.scene
        if place not in by_place:
            by_place[place] = ImageEntry(
                key=key_of(one.name),
                name=one.name,
                path=place[0],
                scene=one.scene,
                well=one.well,
            )
        entries.append(by_place[place])
    return entries
