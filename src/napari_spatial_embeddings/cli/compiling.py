"""Word of loops that are compiled, which is done once in an installation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import write_line

if TYPE_CHECKING:
    from .reporter import Reporter

STAGE = "compiling, once per installation"
"""The stage of a training meanwhile."""

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


@contextmanager
def compiling_staged(reporter: Reporter) -> Iterator[None]:
    """Report it as a stage of a training; on a terminal, as `compiling_noted` does."""
    from napari_spatial_embeddings.core.compiled import noticed

    if not reporter.as_json:
        with compiling_noted():
            yield
        return
    with noticed(lambda: reporter.aside(STAGE), reporter.aside):
        yield
