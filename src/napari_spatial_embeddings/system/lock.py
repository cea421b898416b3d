"""One process at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatial_embeddings.errors import InputError


@contextmanager
def alone(path: Path, complaint: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    InputError
        With ``complaint``, if another process holds it.
    """
    with path.open("ab") as file:
        try:
            _take(file.fileno())
        except BlockingIOError as error:
            raise InputError(complaint) from error
        except OSError:
            pass  # some network disks know no locks
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
