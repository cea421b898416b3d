"""The package's command line as a child process, for work that must not run inside napari.

The window's process must never train: importing triton, which torch's optimizers do, crashes the
interpreter if a software OpenGL context exists.
"""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.plugin.qt.process import Process


def command_line(what: str, parent: QObject | None = None) -> Process:
    """Return a process that runs the command line.

    Parameters
    ----------
    what : str
        Name of the process in messages, such as "the training".
    """
    return Process("napari_spatial_embeddings.cli", PROGRAM, what, parent)
