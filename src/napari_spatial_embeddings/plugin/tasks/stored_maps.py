"""Maps of frames on disk: the operating system reads what is used of them, and drops the rest."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

BLOCK_BYTES = 2**30
"""Bytes of a file, at least: each one that is open counts among those that a process may have."""

ALIGNED = 64


class MapFiles:
    """Temporary files that results are moved into; each is gone once none of its results is used.

    Parameters
    ----------
    folder : path, optional
        Where they are, if that can be written to; the system's folder for such files otherwise.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._block = np.empty(0, np.uint8)
        self._used = 0

    def move(self, result: Segmentation) -> Segmentation:
        """Return a result whose maps and labels are in a file; it is clustered as before.

        What its clustering keeps between two settings is dropped.

        Raises
        ------
        OSError
            If the disk is full.
        """
        from napari_spatial_embeddings.core.clustering import Clustering

        maps, found = result.maps, result.instances
        parts = (maps.offsets, maps.sigma, maps.seed, found.labels)
        self._make_room(sum(part.nbytes + ALIGNED for part in parts))
        offsets, sigma, seed, labels = map(self._copied, parts)
        maps = replace(maps, offsets=offsets, sigma=sigma, seed=seed)
        clustering = Clustering(maps, corrections=result.corrections)
        return replace(
            result, maps=maps, clustering=clustering, instances=replace(found, labels=labels)
        )

    def _make_room(self, size: int) -> None:
        if self._used + size <= len(self._block):
            return
        block = max(BLOCK_BYTES, size)
        for folder in dict.fromkeys((self.folder, Path(tempfile.gettempdir()))):
            if folder is None or not _has_room(folder, block):
                continue
            with suppress(OSError), tempfile.TemporaryFile(dir=folder, prefix=".maps-") as file:
                self._block, self._used = np.memmap(file, np.uint8, "w+", shape=(block,)), 0
                return
        raise OSError(
            f"there is too little room on the disk for maps of frames, {block / 2**30:.0f} GiB:"
            " they stay in memory"
        )

    def _copied(self, part: NDArray[Any]) -> NDArray[Any]:
        start = self._used
        self._used += -(-part.nbytes // ALIGNED) * ALIGNED
        view = self._block[start : start + part.nbytes].view(part.dtype).reshape(part.shape)
        view[...] = part
        return view


def _has_room(folder: Path, size: int) -> bool:
    """Whether a disk has room for a file, and as much again: a full one would end the program."""
    try:
        return shutil.disk_usage(folder).free > 2 * size
    except OSError:
        return False


def is_stored(result: Segmentation) -> bool:
    """Return whether a result's maps are in a file."""
    return isinstance(result.maps.offsets, np.memmap)


def bytes_in_memory(result: Segmentation) -> int:
    """Return how much memory the maps of a result take; none if they are in a file."""
    return 0 if is_stored(result) else _size(result)


def bytes_in_file(result: Segmentation) -> int:
    """Return how much of a file the maps of a result take; none if they are in memory."""
    return _size(result) if is_stored(result) else 0


def _size(result: Segmentation) -> int:
    maps = result.maps
    return maps.offsets.nbytes + maps.sigma.nbytes + maps.seed.nbytes


def without_cache(result: Segmentation) -> Segmentation:
    """Return a stored result without what its clustering keeps between two settings."""
    from napari_spatial_embeddings.core.clustering import Clustering

    if not is_stored(result):
        return result
    return replace(result, clustering=Clustering(result.maps, corrections=result.corrections))
