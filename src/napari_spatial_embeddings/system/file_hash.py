"""Hashes of files, computed again once a file has changed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    state = path.stat()
    return _hash(path.absolute(), state.st_mtime_ns, state.st_size)


@lru_cache(64)
def _hash(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
