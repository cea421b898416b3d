"""Label images as OME-Zarr, written block by block: a store of their own, or labels of an image.

Nothing is at its place, and nothing is listed among an image's labels, before it is complete.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import NGFF, Lengths, filled
from napari_spatial_embeddings.files.errors import FileError, reading, writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.ome_zarr import is_array, ome, open_zarr

from .colours import PALETTE

if TYPE_CHECKING:
    import zarr

CHUNK = {2: 512, 3: 64}
"""Edge of a chunk in pixels, at most; a block's core holds whole chunks."""

COARSEST = {2: 1024, 3: 128}
"""Levels are added until no axis of a store of its own is longer, in pixels."""

FORMATS: dict[str, Literal[2, 3]] = {"0.4": 2, "0.5": 3}
"""Formats of Zarr in which the versions of OME-Zarr are written."""

MOST_COLOURS = 10_000
"""Objects up to which the metadata name a colour for each."""


@dataclass(frozen=True, slots=True)
class LabelGrid:
    """Where the pixels of a label image lie, and which levels it has.

    Parameters
    ----------
    shape : tuple of D ints
        Of the finest level.
    axes : tuple of D dicts
        Of OME-Zarr, all of space.
    scale, translation : tuples of D floats
        Size of a pixel, and place of the first one's middle, in the axes' units.
    factors : tuple of tuples of D ints
        Pixels of the finest level per pixel of each level.
    version : str
        Of OME-Zarr: "0.4" or "0.5".
    """

    shape: tuple[int, ...]
    axes: tuple[dict[str, Any], ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    factors: tuple[tuple[int, ...], ...]
    version: str

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        spacing: tuple[float, ...],
        pixel_size: Lengths | None,
        unit: str | None,
    ) -> LabelGrid:
        """Return that of a store of its own; a coarse axis is halved once the finer ones are."""
        known = {} if unit is None else {"unit": NGFF.get(unit, unit)}
        axes = tuple({"name": a, "type": "space", **known} for a in "zyx"[-len(shape) :])
        factors = [(1,) * len(shape)]
        while max(map(_ceil, shape, factors[-1])) > COARSEST[len(shape)]:
            now = [f * s for f, s in zip(factors[-1], spacing, strict=True)]
            halved = (2 if s < 1.5 * min(now) else 1 for s in now)
            factors.append(tuple(f * h for f, h in zip(factors[-1], halved, strict=True)))
        scale = filled(pixel_size) if pixel_size else spacing
        return cls(shape, axes, scale, (0.0,) * len(shape), tuple(factors), "0.5")

    @classmethod
    def like(cls, image: Path, shape: tuple[int, ...]) -> LabelGrid:
        """Return that of an OME-Zarr image: its axes of space, version, and levels.

        Raises
        ------
        FileError
            If it is no such image, or has another shape.
        """
        group = open_zarr(image)
        facts = {} if is_array(group) else ome(group)
        if not facts.get("multiscales"):
            raise FileError(
                f"{image} is no OME-Zarr image; expected one that labels can be added to, such as"
                f" {image / '0'} in a collection"
            )
        with reading(image):
            multiscale = facts["multiscales"][0]
            levels = [group[dataset["path"]].shape for dataset in multiscale["datasets"]]
            own, ndim = levels[0][-len(shape) :], len(shape)
            if own != shape:
                raise FileError(f"{image} has the shape {own}, but its labels {shape}")
            axes = [a if isinstance(a, dict) else {"name": a} for a in multiscale.get("axes") or ()]
            named = tuple(axes[-ndim:]) or tuple({"name": a} for a in "zyx"[-ndim:])
            scale, translation = _placement(multiscale, len(levels[0]))
            factors = _factors(multiscale, levels, ndim)
        # An image that has no coarser levels, or others than of every n-th pixel, gets our own.
        steps = list(itertools.pairwise(factors))
        if not steps or any(b % a for one, other in steps for a, b in zip(one, other, strict=True)):
            finest = min(scale[-ndim:])
            spacing = tuple(s / finest for s in scale[-ndim:])
            factors = list(cls.of(shape, spacing, None, None).factors)
        return cls(
            shape,
            tuple({**axis, "type": "space"} for axis in named),
            scale[-ndim:],
            translation[-ndim:],
            tuple(factors),
            "0.5" if group.metadata.zarr_format == 3 else "0.4",
        )


def _placement(
    multiscale: Mapping[str, Any], ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return scale and translation of the finest level, each transformation after the other."""
    scale, translation = np.ones(ndim), np.zeros(ndim)
    own = multiscale["datasets"][0].get("coordinateTransformations") or ()
    for one in (*own, *(multiscale.get("coordinateTransformations") or ())):
        if one["type"] == "scale":
            scale, translation = scale * one["scale"], translation * one["scale"]
        elif one["type"] == "translation":
            translation = translation + one["translation"]
    return tuple(scale.tolist()), tuple(translation.tolist())


def _factors(
    multiscale: Mapping[str, Any], levels: list[tuple[int, ...]], ndim: int
) -> list[tuple[int, ...]]:
    """Return how much coarser each level is, by the metadata, or by the shapes where those lack."""
    placed = [
        _placement({**multiscale, "datasets": [dataset]}, len(levels[0]))[0][-ndim:]
        for dataset in multiscale["datasets"]
    ]
    ratios = [np.divide(scale, placed[0]) for scale in placed]
    if len({tuple(ratio) for ratio in ratios}) < len(levels):
        ratios = [np.divide(levels[0][-ndim:], level[-ndim:]) for level in levels]
    return [tuple(max(1, round(r)) for r in ratio.tolist()) for ratio in ratios]


def _ceil(n: int, f: int) -> int:
    return -(-n // f)


def write_core(
    levels: Iterable[tuple[zarr.Array[Any], tuple[int, ...]]],
    core: tuple[slice, ...],
    labels: NDArray[np.integer],
) -> None:
    """Write the core of a block into levels of which it holds whole chunks.

    Parameters
    ----------
    levels : iterable of (zarr.Array, tuple of D ints)
        Each with its factors: see `LabelGrid`.
    core : tuple of D slices
    labels : integers (*core)
    """
    for array, factors in levels:
        place = tuple(
            slice(part.start // f, _ceil(part.stop, f))
            for part, f in zip(core, factors, strict=True)
        )
        first = tuple(slice(None, None, f) for f in factors)
        array[place] = labels[first].astype(array.dtype)


class LabelStore:
    """A label image that is being written into a folder, which is no image until it is finished.

    Parameters
    ----------
    folder : path
        Not there yet.
    grid : LabelGrid
    edges : tuple of D ints
        Of the blocks' cores: each is written once, and holds whole chunks.
    count : int
        Number of objects: 16 bits while the ids fit, else 32.
    planes : bool
        A chunk of a volume is in one plane, for what is read plane by plane.
    """

    def __init__(
        self,
        folder: Path,
        grid: LabelGrid,
        edges: tuple[int, ...],
        count: int,
        *,
        planes: bool = False,
    ) -> None:
        import zarr

        most = (*(1,) * (len(edges) - 2), *(CHUNK[2],) * 2) if planes else (CHUNK[len(edges)],) * 3
        self._chunks = tuple(
            max(c for c in range(1, min(edge, n) + 1) if edge % c == 0)
            for edge, n in zip(edges, most, strict=False)
        )
        self._folder, self._grid, self._count = folder, grid, count
        self._dtype = np.uint16 if count <= np.iinfo(np.uint16).max else np.uint32
        self._format = FORMATS[grid.version]
        with writing(folder):
            self._group = zarr.open_group(folder, mode="w-", zarr_format=self._format)
            aligned = 1 if planes else self._aligned(edges)
            self._levels = [self._create(level) for level in range(aligned)]

    def _create(self, level: int) -> zarr.Array[Any]:
        names = [axis["name"] for axis in self._grid.axes]
        v3: dict[str, Any] = {"dimension_names": names} if self._format == 3 else {}
        if self._format == 2:
            v3["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        shape = tuple(map(_ceil, self._grid.shape, self._grid.factors[level]))
        return self._group.create_array(
            str(level), shape=shape, chunks=self._chunks, dtype=self._dtype, fill_value=0, **v3
        )

    def _aligned(self, edges: tuple[int, ...]) -> int:
        """Return of how many levels, the finest ones, a block's core holds whole chunks."""
        for level, factors in enumerate(self._grid.factors):
            for edge, n, c, f in zip(edges, self._grid.shape, self._chunks, factors, strict=True):
                if edge < n and edge % (c * f):
                    return level
        return len(self._grid.factors)

    @property
    def finest(self) -> zarr.Array[Any]:
        """The finest level."""
        return self._levels[0]

    @property
    def aligned(self) -> tuple[tuple[Path, tuple[int, ...]], ...]:
        """The levels that are written with the blocks, as `write_core` takes them, by path."""
        paths = (self._folder.resolve() / level.basename for level in self._levels)
        return tuple(zip(paths, self._grid.factors, strict=False))

    @property
    def coarser_chunks(self) -> int:
        """Number of chunks of the levels that are written afterwards."""
        coarser = self._grid.factors[len(self._levels) :]
        shapes = [tuple(map(_ceil, self._grid.shape, f)) for f in coarser]
        return sum(math.prod(map(_ceil, shape, self._chunks)) for shape in shapes)

    def write(self, core: tuple[slice, ...], labels: NDArray[np.integer]) -> None:
        """Write the core of a block."""
        with writing(self._folder):
            write_core(zip(self._levels, self._grid.factors, strict=False), core, labels)

    def finish(
        self, name: str, about: Mapping[str, Any], source: str | None = None
    ) -> Iterator[None]:
        """Write the levels that are left, and then the metadata; yield between the chunks.

        A pixel of a coarser level is the first of those of the finer one that it covers, and is
        declared to lie there.

        Parameters
        ----------
        name : str
            Of the labels, for viewers.
        about : mapping
            How the labels were made.
        source : str, optional
            Path of the image from here.
        """
        known = len(self._levels)
        left = itertools.pairwise(self._grid.factors[known - 1 :])
        for level, (fine, coarse) in enumerate(left, known):
            steps = [b // a for a, b in zip(fine, coarse, strict=True)]
            before, array = self._levels[-1], self._create(level)
            for place in itertools.product(*map(range, array.cdata_shape)):
                target = tuple(
                    slice(i * c, min((i + 1) * c, n))
                    for i, c, n in zip(place, self._chunks, array.shape, strict=True)
                )
                finer = tuple(
                    slice(t.start * s, (t.stop - 1) * s + 1, s)
                    for t, s in zip(target, steps, strict=True)
                )
                with writing(self._folder):
                    array[target] = np.asarray(before[finer])
                yield
            self._levels.append(array)
        with writing(self._folder):
            self._group.attrs.update(self._metadata(name, about, source))

    def _metadata(self, name: str, about: Mapping[str, Any], source: str | None) -> dict[str, Any]:
        grid = self._grid
        datasets = []
        for level, factors in enumerate(grid.factors):
            scale = [s * f for s, f in zip(grid.scale, factors, strict=True)]
            moved: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
            if any(grid.translation):
                moved.append({"type": "translation", "translation": list(grid.translation)})
            datasets.append({"path": str(level), "coordinateTransformations": moved})
        version = {} if grid.version == "0.5" else {"version": grid.version}
        label: dict[str, Any] = {**version, "source": {"image": source}} if source else {**version}
        if 0 < self._count <= MOST_COLOURS:
            colours = [[*colour, 255] for colour in PALETTE.tolist()]
            label["colors"] = [
                {"label-value": i, "rgba": colours[(i - 1) % len(colours)]}
                for i in range(1, self._count + 1)
            ]
        facts: dict[str, Any] = {
            "multiscales": [
                {"name": name, "axes": list(grid.axes), "datasets": datasets, **version}
            ],
            "image-label": label,
        }
        if grid.version == "0.5":
            facts = {"ome": {"version": "0.5", **facts}}
        return {**facts, KEY: dict(about)}
