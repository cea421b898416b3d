"""Folder of what a run has done, in which a later run goes on after one that ended early."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.lock import exclusive_lock

LOCK = "lock"


def part_folder(beside: Path) -> Path:
    """Return the hidden folder ``.NAME.part`` of what is written: its name makes the folder's."""
    return beside.with_name(f".{beside.name}.part")


@contextmanager
def unfinished(beside: Path, kept: Callable[[Path], object] = lambda _: None) -> Iterator[Path]:
    """Yield a hidden folder, which is deleted once the work is done.

    Parameters
    ----------
    beside : path
        Of what is written: see `part_folder`.
    kept : callable
        Called with the folder if the work ends early, and what is done stays in there.

    Raises
    ------
    InputError
        If another process is at work in there.
    """
    folder = part_folder(beside)
    with writing(folder):
        folder.mkdir(exist_ok=True)
    complaint = f"another run is writing {beside}; wait until it is done, or stop it"
    keep = True
    try:
        with exclusive_lock(folder / LOCK, complaint):
            keep = False
            try:
                yield folder
            except BaseException:
                if keep := any(folder.rglob("*.np[yz]")):
                    kept(folder)
                raise
            finally:
                if not keep:
                    _clear(folder)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Delete all but the lock, as long as it is held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
