"""Folders that are written whole or not at all, and hidden ones that hold them until then."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.system.lock import exclusive_lock

LOCK = "lock"
"""File in a hidden folder that the process holds that writes into it."""

UNLOCKED_DAYS = 1
"""Days after which no process writes into a hidden folder without a lock: there were none once."""


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside a path, ``.NAME.RANDOM.part``, which is deleted in the end.

    Those that killed processes left beside the path are deleted, too, once all went well.

    Raises
    ------
    FileError
        If none can be made.
    """
    with writing(path):
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        with exclusive_lock(folder / LOCK, f"another run is writing {path}"):
            yield folder
        _delete_left(path, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_left(path: Path, own: Path) -> None:
    """Delete hidden folders beside a path that no process is writing into."""
    name = re.compile(rf"\.{re.escape(path.name)}\.\w{{8}}\.part")
    for folder in path.parent.iterdir():
        if folder == own or not name.fullmatch(folder.name) or not folder.is_dir():
            continue
        with suppress(InputError, OSError):  # it is in use, or gone
            if not (folder / LOCK).exists():
                left = time.time() - folder.stat().st_mtime > UNLOCKED_DAYS * 86_400
            else:
                with exclusive_lock(folder / LOCK, "in use") as left:
                    pass
            if left:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacing(path: Path, *, own: bool, what: str) -> Iterator[Path]:
    """Yield a path for a folder that takes the place of another when it is complete.

    Parameters
    ----------
    path : path
    own : bool
        What is there may be replaced.
    what : str
        What is written, in the plural, for messages.

    Raises
    ------
    FileError
        If something else is there, or nothing can be written.
    """
    if path.exists() and not own:
        raise FileError(f"{path} is there already and holds no {what}; choose another name")
    with writing(path), hidden_folder(path) as beside:
        new, old = beside / "new", beside / "old"
        yield new
        if path.exists():
            path.replace(old)
        try:
            new.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
