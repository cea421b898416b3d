"""Report of an export: which file is being written, and how much of it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Progress of an export.

    Parameters
    ----------
    path : path
        Of the file that is being written.
    done, total : int
        How much of it is, such as objects; equal, too, in its last step.
    complete : bool
        Whether the file is there.
    """

    path: Path
    done: int
    total: int
    complete: bool = False
