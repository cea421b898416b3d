"""Modules that workers need, for the process that workers of this machine are forked from."""

from __future__ import annotations

import gc
import importlib
import os

from .forking import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # libraries read it when they are loaded

for name in (
    "distributed.nanny",
    "torch",
    "zarr",
    "napari_spatial_embeddings.inference.registry",
    "napari_spatial_embeddings.inference.workers.dask_blocks",
):
    importlib.import_module(name)

gc.freeze()  # else it is looked through in each worker, and again as this process ends
