"""Labels of the blocks that are done, to be seen before all are: with ids that are not the last.

They are in a store of their own, so that a viewer reads no more of them than it shows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import Part
from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.files.stored import StoredArray

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.blocks import Window
    from napari_spatial_embeddings.inference.found_blocks import FoundBlocks

CHUNK = {2: (512, 512), 3: (16, 256, 256)}
"""Shape of a chunk in pixels, at most; of a volume, for viewers that show it plane by plane."""

FOLDER, ADDED = "provisional", "added.jsonl"
"""Names of the folder beside the blocks' files, and of the list of blocks in there."""

FactorsOfLevels = tuple[tuple[int, ...], ...]


class GrowingLabels(StoredArray):
    """A level of provisional labels; 0 where no block is done, and once they are deleted."""

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        try:
            return super()._read(wanted)
        except FileError:
            lengths = [len(range(p.start, p.stop, p.step)) for p in wanted if isinstance(p, slice)]
            return np.zeros(lengths, self.dtype)


class ProvisionalLabels:
    """Labels of the blocks that are done, in a store with the levels of the last ones.

    Ids are given in the order in which blocks are done; an object keeps its own until the end, also
    if the run is stopped and gone on with. Where objects of two blocks claim a pixel, the block
    that was done later has it.

    Parameters
    ----------
    found : FoundBlocks
        Blocks with a file that are not in the store yet are added.
    factors : tuple of tuples of D ints
        Pixels of the finest level per pixel of each level.

    Attributes
    ----------
    levels : list of arrays (*S)
        The finest first; they read what is sliced.
    """

    def __init__(self, found: FoundBlocks, factors: FactorsOfLevels) -> None:
        self.found, self._factors = found, factors
        self._folder = found.folder.parent / FOLDER
        self._next = 1
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
            self._levels = [self._open(level) for level in range(len(factors))]
        added = self._added()
        for k in found.done():
            if k not in added:
                self.add(k)
        self.levels = levels_in(self._folder)

    def _open(self, level: int) -> Any:
        """Open the array of a level; it is made if there is none, or if it was not finished."""
        import zarr

        shape = tuple(
            -(-n // f) for n, f in zip(self.found.blocks.shape, self._factors[level], strict=True)
        )
        chunks = tuple(min(c, n) for c, n in zip(CHUNK[len(shape)], shape, strict=True))
        path = self._folder / str(level)
        if (path / "zarr.json").exists():
            array = zarr.open_array(path, mode="r+")
            if (array.shape, array.chunks) == (shape, chunks):
                return array
        return zarr.create_array(
            path, shape=shape, chunks=chunks, dtype=np.int32, fill_value=0, overwrite=True
        )

    def _added(self) -> set[int]:
        """Return the blocks that are in the store, and go on with the ids after theirs."""
        path, added = self._folder / ADDED, set()
        if path.exists():
            for line in path.read_text("ascii", "replace").splitlines():
                try:
                    k, stop = json.loads(line)
                except ValueError:  # the program ended amid the last line
                    continue
                added.add(k)
                self._next = max(self._next, stop)
        return added

    def add(self, k: int) -> None:
        """Add the objects of a block that is done."""
        own, window = self.found.objects_around(k)
        stop = self._next + int(own.max(initial=0))
        with writing(self._folder):
            if own.any():
                labels = np.asarray(self._levels[0][window])
                labels = np.where(own > 0, own + np.int32(self._next - 1), labels)
                for array, factors in zip(self._levels, self._factors, strict=True):
                    self._write(array, factors, labels, window)
            with (self._folder / ADDED).open("a", encoding="ascii") as file:
                file.write(f"{json.dumps([k, stop])}\n")
        self._next = stop

    @staticmethod
    def _write(
        array: Any, factors: tuple[int, ...], labels: NDArray[np.int32], window: Window
    ) -> None:
        """Write every n-th pixel of a window, counted from the image's first."""
        first = [-(-part.start // f) for part, f in zip(window, factors, strict=True)]
        steps = tuple(
            slice(start * f - part.start, None, f)
            for start, part, f in zip(first, window, factors, strict=True)
        )
        part = labels[steps]
        if part.size:
            place = zip(first, part.shape, strict=True)
            array[tuple(slice(start, start + n) for start, n in place)] = part


def levels_in(folder: Path) -> list[GrowingLabels]:
    """Return the levels of the provisional labels in a folder; none if there are none."""
    import zarr

    found: list[GrowingLabels] = []
    while (path := folder / str(len(found))).is_dir():
        try:
            array = zarr.open_array(path, mode="r")
        except (OSError, ValueError):  # it is being made
            break
        found.append(GrowingLabels(path, array.shape, array.dtype, array.__getitem__))
    return found
