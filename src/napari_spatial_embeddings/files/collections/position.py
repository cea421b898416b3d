"""Position: one of the images of a file or a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Position:
    """One image of a file or a folder, which may hold several.

    Parameters
    ----------
    path : path
        That `read_image` takes.
    name : str
        For its results: that of the file, and of its place among the others in it.
    scene : int, optional
        Which one of the file it is, from 0; None where the path is enough.
    well : str
        Of a plate, such as "B3"; empty if there is none.
    problem : str
        Why it cannot be read; empty if nothing is known against it.
    """

    path: Path
    name: str
    scene: int | None = None
    well: str = ""
    problem: str = ""
