"""Locks between processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatial_embeddings.errors import InputError

log = logging.getLogger(__name__)


@contextmanager
def exclusive_lock(path: Path, complaint: str) -> Iterator[bool]:
    """Hold a lock file; the system releases it when the process ends, however it ends.

    Some network disks have no locks: there nothing is held, and nothing refused.

    Yields
    ------
    bool
        Whether the lock is held; if not, the user is to take care.

    Raises
    ------
    InputError
        With ``complaint``, if another process holds it.
    """
    from filelock import FileLock, Timeout  # many modules, which no window needs to open

    path.touch()  # where this fails, nothing can be written at all; below, only locks are missing
    lock = FileLock(path, timeout=0, fallback_to_soft=False)  # which outlives a crash
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(complaint) from error
    except (OSError, NotImplementedError):
        log.info("%s: this disk has no locks", path)
    try:
        yield lock.is_locked
    finally:
        lock.release()
