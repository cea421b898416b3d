"""Line that states that loops are compiled, which is done once in an installation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .output import write_line

COMPILING = "compiling for this computer: done once per installation, it takes up to half a minute"


@contextmanager
def compiling_noted() -> Iterator[None]:
    """State it once where there are bars as well, on a terminal: nothing moves meanwhile."""
    from napari_spatial_embeddings.core.compiled import noticed

    noted = False

    def note() -> None:
        nonlocal noted
        if not noted and sys.stderr.isatty():
            noted = True
            write_line(COMPILING, sys.stderr)

    with noticed(note):
        yield
