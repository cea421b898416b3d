"""Labels of time series, added frame by frame, as TIFF or OME-Zarr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import Lengths, as_metadata
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.folders import stem
from napari_spatial_embeddings.system.atomic import atomic_file

from .folders import hidden_folder
from .label_place import publish
from .label_store import CHUNK, LabelGrid, LabelStore
from .labels import IMAGEJ_LIMIT, imagej_metadata, is_ome, ome_metadata, signed
from .places import SOFTWARE

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData

BIG = 2**32 - 2**25
"""Bytes from which a TIFF needs 64-bit offsets."""

HIGHEST = np.iinfo(np.int32).max
"""Labels of a series are no higher."""

Add = Callable[[int, NDArray[np.integer]], None]
"""Adds the labels (*S) of a frame, which is known by its number."""


@contextmanager
def label_series(
    path: str | Path,
    image: ImageData,
    spacing: tuple[float, ...],
    about: Mapping[str, Any],
    host: Path | None = None,
) -> Iterator[Add]:
    """Yield a function that adds frames, in any order, to a series that is there when all are.

    Frames are kept in a folder beside it meanwhile. Nothing is left if an error ends this.

    Parameters
    ----------
    path : path
        ``NAME.tif`` is a TIFF that ImageJ reads, while ids fit in 16 bits and the file in 2 GB,
        ``NAME.ome.tif`` an OME-TIFF, and anything else an OME-Zarr. An older one is replaced.
    image : ImageData
        The series.
    spacing : tuple of D floats
        Of its pixels, in those of the finest axis.
    about : mapping
        How the labels were made.
    host : path, optional
        The OME-Zarr image whose labels these are to be, ``host/labels/name``.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    path, frames = Path(path), image.frames or 1
    if host is not None:
        grid = LabelGrid.like(host, image.shape)
    else:
        grid = LabelGrid.of(image.shape, spacing, image.pixel_size, image.unit)
    grid = _with_time(grid, frames, image.frame_interval)
    beside = host or path
    highest = 0
    with hidden_folder(beside) as folder:
        edges = (*(1,) * (len(grid.shape) - 2), *(min(CHUNK[2], n) for n in image.shape[-2:]))
        store = LabelStore(folder / "labels", grid, edges, HIGHEST, planes=True)

        def add(t: int, labels: NDArray[np.integer]) -> None:
            nonlocal highest
            highest = max(highest, int(labels.max(initial=0)))
            core = (slice(t, t + 1), *(slice(0, n) for n in image.shape))
            store.write(core, labels[None])

        yield add
        if path.suffix.lower() in (".tif", ".tiff"):
            planes = (np.asarray(store.finest[t]) for t in range(frames))
            size, unit = image.pixel_size, image.unit
            write_frames(path, planes, grid.shape, highest, size, unit, image.frame_interval, about)
        else:
            for _ in store.finish(stem(path), about, None if host is None else "../../"):
                pass
            publish(folder / "labels", path, host)


def _with_time(grid: LabelGrid, frames: int, interval: float | None) -> LabelGrid:
    """Return the grid of a series whose frames lie on a grid."""
    known = {} if interval is None else {"unit": "second"}
    return replace(
        grid,
        shape=(frames, *grid.shape),
        axes=({"name": "t", "type": "time", **known}, *grid.axes),
        scale=(interval or 1.0, *grid.scale),
        translation=(0.0, *grid.translation),
        factors=tuple((1, *factors) for factors in grid.factors),
    )


def write_frames(
    path: str | Path,
    frames: Iterable[NDArray[np.integer]],
    shape: tuple[int, ...],
    highest: int,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    interval: float | None = None,
    about: Mapping[str, Any] | None = None,
    *,
    unknown: bool = False,
) -> Path:
    """Write the labels of a series as TIFF, whole or not at all.

    Parameters
    ----------
    path : path
        One that ends in ``.ome.tif`` gives OME-TIFF; others give what ImageJ reads, if the ids fit
        in 16 bits and the file in 2 GB.
    frames : iterable of whole numbers (*S)
        Of which one is in memory at once.
    shape : tuple of ints
        (T, *S)
    highest : int
        The highest label; all frames have 16 bits if it fits, and 32 otherwise.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``.
    unit : str, optional
    interval : float, optional
        Seconds between two frames.
    about : mapping, optional
        How the labels were made.
    unknown : bool
        Whether pixels have the label `core.maps.IGNORE`, see `labels.write_labels`.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    import tifffile

    path = Path(path)
    dtype = np.dtype(np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32)
    if unknown:
        dtype = np.dtype(signed(highest))
    axes, size = "TZYX" if len(shape) == 4 else "TYX", int(np.prod(shape)) * dtype.itemsize
    note = json.dumps(about) if about else None
    options: dict[str, Any] = {"bigtiff": size >= BIG}
    if is_ome(path):
        metadata = ome_metadata(axes, pixel_size, unit, note)
        if interval is not None:
            metadata |= {"TimeIncrement": interval, "TimeIncrementUnit": "s"}
        options |= {"ome": True, "metadata": metadata}
    elif dtype == np.uint16 and size < IMAGEJ_LIMIT and min(shape) > 1:
        options = {"imagej": True, **imagej_metadata(axes, pixel_size, unit, note)}
        if interval is not None:
            options["metadata"]["finterval"] = interval
    else:
        facts: dict[str, Any] = {"axes": axes, "unit": unit, "settings": about}
        facts |= {"frame_interval_s": interval, **as_metadata(pixel_size)}
        options["metadata"] = {k: v for k, v in facts.items() if v is not None}

    def planes() -> Iterator[NDArray[Any]]:
        for frame in frames:
            yield from frame.astype(dtype).reshape(-1, *shape[-2:])

    with writing(path), atomic_file(path) as file:
        tifffile.imwrite(
            file,
            planes(),
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            software=SOFTWARE,
            compression="zlib",
            **options,
        )
    return path
