"""Memory of this process, and of the machine."""

from __future__ import annotations

import sys

import psutil


def free_memory() -> int:
    """Return how many bytes the machine has left."""
    return int(psutil.virtual_memory().available)


def peak_memory() -> int:
    """Return the most bytes that this process has held so far."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
