"""Settings of the C library's memory allocator."""

from __future__ import annotations

import ctypes

KEPT_BYTES = 256 << 20
"""Bytes of freed memory that a process keeps at most, beyond what it uses."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8  # names of malloc.h
_MAX_MMAP = 32 << 20  # the largest that glibc accepts


def keep_freed_memory(*, alone: bool = False) -> bool:
    """Let this process keep some memory that it frees; return whether the C library can.

    A network's layers ask for the same few megabytes again and again. glibc gives them back to the
    system each time, and gets them back as pages that have to be mapped and cleared. That was a
    quarter of a prediction's time on a processor; of a training step's it is little.

    For whoever owns the process; other C libraries are left alone.

    Parameters
    ----------
    alone : bool
        Whether nothing but this program runs in the process. Then all memory comes from one heap,
        as what other threads free, and what is mapped by itself, would be given back at once.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc: macOS, Windows, musl
        return False
    how = [(_TRIM_THRESHOLD, KEPT_BYTES), (_MMAP_THRESHOLD, _MAX_MMAP)]
    if alone:
        how += [(_MMAP_MAX, 0), (_ARENA_MAX, 1)]
    return bool(min(mallopt(*pair) for pair in how))
