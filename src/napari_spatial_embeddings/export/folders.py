"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatial_embeddings.files.errors import FileError, writing


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
    with writing(path):
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
        new, old = beside / "new", beside / "old"
        try:
            yield new
            if path.exists():
                path.replace(old)
            try:
                new.replace(path)
            except OSError:
                if old.exists():
                    old.replace(path)
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
