"""Hashes of files, computed again once a file has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

PIECE = 2**24
"""Bytes that are read at once."""

MOST = 64
"""Files whose hashes are kept."""

_KNOWN: dict[tuple[Path, int, int], str] = {}


def file_hash(path: Path, between: Callable[[], object] = lambda: None) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Parameters
    ----------
    path : path
    between : callable
        Called after each piece that is read; what it raises ends this.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    state = path.stat()
    key = path.absolute(), state.st_mtime_ns, state.st_size
    if (known := _KNOWN.get(key)) is not None:
        return known
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            between()
    while len(_KNOWN) >= MOST:
        _KNOWN.pop(next(iter(_KNOWN)), None)
    return _KNOWN.setdefault(key, digest.hexdigest())
