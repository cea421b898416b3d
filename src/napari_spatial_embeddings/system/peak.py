"""Most memory that this process has held so far."""

from __future__ import annotations

import sys

import psutil


def peak_memory() -> int:
    """Return it in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
