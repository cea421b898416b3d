"""Start of workers on this machine: forked from a process that has imported what they need."""

from __future__ import annotations

import multiprocessing
import sys

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""Variables of workers: one thread each."""

METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""How `multiprocessing` starts them: not all libraries of macOS may be loaded before a fork."""

PRELOADED = "napari_spatial_embeddings.inference.workers.preloaded"


def prepare() -> None:
    """Start to import in that process, while this one goes on; it ends with this one.

    For whoever is about to call `connecting.local_workers`, which does so too.
    """
    if METHOD == "forkserver":
        from multiprocessing import forkserver

        multiprocessing.get_context(METHOD).set_forkserver_preload([PRELOADED])
        forkserver.ensure_running()
