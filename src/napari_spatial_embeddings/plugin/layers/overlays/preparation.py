"""Preparation, while nothing else is to be done, of what the first layer of labels waits for."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache

AFTER_SECONDS = 0.5
"""A compiler that is imported meanwhile would make a dock open in twice the time."""


@cache
def prepare_labels() -> None:
    """Import and compile, in a thread and soon, what the first layer of labels else waits for.

    That is pandas, how lines are dashed, which is computed in plain Python for a quarter of the
    time that such a layer takes, and in a new installation for seconds what draws it.
    """
    threading.Timer(AFTER_SECONDS, _prepare).start()


def _prepare() -> None:
    with suppress(ImportError, AttributeError):
        from vispy.visuals.line.dash_atlas import DashAtlas

        DashAtlas()  # it keeps them for those that napari's polygons have
    with suppress(ImportError, AttributeError):
        import pandas  # noqa: F401, ICN001 - napari keeps the layer's features in it
        from napari.utils.colormaps import _accelerated_cmap
        from numba import int64, types

        loop = _accelerated_cmap._zero_preserving_modulo_inner_loop
        for texture in (types.uint8, types.uint16):
            for ndim in (1, 2, 3):
                raw, out = (types.Array(kind, ndim, "C") for kind in (types.int32, texture))
                loop.compile((raw, int64, int64, out))  # two threads must not run it at once
