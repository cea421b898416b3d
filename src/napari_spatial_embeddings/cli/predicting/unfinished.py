"""Folder of what a run has done, in which the same command goes on after one that ended early."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


@contextmanager
def unfinished(beside: Path) -> Iterator[Path]:
    """Yield a hidden folder ``.NAME.part``, which is deleted once the work is done.

    Where the work ends early, what is done stays in there, and it is stated where.

    Parameters
    ----------
    beside : path
        Of what is written; its name makes the folder's.

    Raises
    ------
    InputError
        If another process is at work in there.
    """
    from napari_spatial_embeddings.files.errors import writing
    from napari_spatial_embeddings.system.lock import exclusive_lock

    folder = beside.with_name(f".{beside.name}.part")
    with writing(folder):
        folder.mkdir(exist_ok=True)
    complaint = f"another run is writing {beside}; wait until it is done, or stop it"
    kept = True
    try:
        with exclusive_lock(folder / LOCK, complaint):
            kept = False
            try:
                yield folder
            except BaseException:
                kept = any(folder.rglob("*.np[yz]"))
                if kept:
                    sys.stderr.write(
                        f"what is done is kept in {folder}; the same command goes on from there\n"
                    )
                raise
            finally:
                if not kept:
                    _clear(folder)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Delete all but the lock, as long as it is held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
