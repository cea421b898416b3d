"""Progress of an unfinished segmentation by blocks, from its folder; fast to import."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD, PREFIX, COUNT = "record.json", "blocks-", "count.json"
"""Names of the record, of the folder for tiles and blocks, and of the number of blocks in there."""

TILES, FOUND = "tiles", "found"
"""Names of the folders for the files of tiles and of blocks."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What an unfinished segmentation has done.

    Parameters
    ----------
    done, total : int
        Blocks.
    facts : dict
        From `facts_of`.
    folder : path
        For tiles and blocks.
    """

    done: int
    total: int
    facts: dict[str, Any]
    folder: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """The image's spatial shape."""
        return tuple(self.facts["the image"][1][1:])


def progress_of(folder: Path) -> Progress | None:
    """Return what the segmentation in a folder has done; None without one, or if it is damaged."""
    try:
        facts = dict(json.loads((folder / RECORD).read_text("utf-8"))["facts"])
        (place,) = folder.glob(f"{PREFIX}*")
        total = int(json.loads((place / COUNT).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    done = sum(1 for _ in (place / FOUND).glob("*.npz"))
    return Progress(done, total, facts, place)
