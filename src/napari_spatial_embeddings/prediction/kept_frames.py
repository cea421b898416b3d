"""Objects of the frames of a series, in a file each until all are written together.

A frame that has a file is done: a later run goes on from there, and workers may do any of them.
"""

from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.files.errors import reading, writing
from napari_spatial_embeddings.system.atomic import atomic_file

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.export.objects import Table

LEVEL = 1
"""Of the compression: labels become small at once, and a frame is soon read again."""


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """What is kept of a frame.

    Parameters
    ----------
    labels : int32 (*S)
    sizes : int64 (N,)
        Of the objects, in pixels.
    scores : float32 (N,)
    rows : dict of lists
        From `export.objects.objects_table`; empty if there is no table.
    corrected : int
        Number of objects that were.
    """

    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]
    scores: NDArray[np.float32]
    rows: Table
    corrected: int = 0


class KeptFrames:
    """The frames of a series that are done.

    Parameters
    ----------
    folder : path
        Of this series alone; made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, t: int) -> bool:
        """Whether a frame is done."""
        return self._path(t).exists()

    def write(self, t: int, found: Instances, rows: Table) -> None:
        """Keep a frame, whole or not at all; in any process.

        Raises
        ------
        FileError, Failure
            If the system refuses.
        """
        path = self._path(t)
        packed = zlib.compress(np.ascontiguousarray(found.labels, np.int32).tobytes(), LEVEL)
        with writing(path), atomic_file(path) as file:
            np.savez(
                file,
                labels=np.frombuffer(packed, np.uint8),
                shape=np.array(found.labels.shape),
                sizes=found.size,
                scores=found.score,
                rows=json.dumps(rows),
                corrected=int(found.locked.sum()),
            )

    def read(self, t: int) -> KeptFrame:
        """Return a frame that is done.

        Raises
        ------
        FileError
            If its file was damaged.
        """
        path = self._path(t)
        with reading(path), np.load(path) as kept:
            labels = np.frombuffer(zlib.decompress(kept["labels"].tobytes()), np.int32)
            rows = json.loads(str(kept["rows"]))
            labels = labels.reshape(kept["shape"])
            return KeptFrame(labels, kept["sizes"], kept["scores"], rows, int(kept["corrected"]))

    def clear(self) -> None:
        """Delete all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, t: int) -> Path:
        return self.folder / f"{t}.npz"
