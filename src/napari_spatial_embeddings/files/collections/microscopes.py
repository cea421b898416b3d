"""Reader of the files of microscopes, through bioio and its plugins."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import Part
from napari_spatial_embeddings.core.units import Size, seconds, unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.axes import Raw
from napari_spatial_embeddings.files.endings import MICROSCOPES
from napari_spatial_embeddings.files.errors import FileError, log, reading
from napari_spatial_embeddings.files.stored import ChunkCache, StoredArray, read_if_small, unchanged

TALKATIVE = ("bioio", "bioio_base", "bioio_czi", "bioio_lif", "bioio_nd2", "nd2", "liffile")
"""Packages that log what they do not find in a file."""


def is_of_microscope(path: Path) -> bool:
    """Whether a file is read here: by its ending, or because a plugin of bioio reads it."""
    if path.suffix.lower() in MICROSCOPES:
        return True
    if not path.is_file() or importlib.util.find_spec("bioio") is None:
        return False
    from bioio import BioImage

    with suppress(Exception), _using_reader(path):  # whatever they raise, they cannot read it
        BioImage.determine_plugin(path)
        return True
    return False


def scenes_in(path: Path) -> int:
    """Return how many images a file holds.

    Raises
    ------
    FileError
        If it cannot be read, or what reads it is not installed.
    """
    with reading(path), _using_reader(path):
        return len(_opened(path).scenes)


def read_microscope(path: Path, *, whole: bool = False, scene: int | None = None) -> Raw:
    """Return an image of a file, its axes, the size of its pixels, and the time between frames.

    Parameters
    ----------
    path : path
    whole : bool
        Read a large one as well, which stays in its file otherwise: see `stored`.
    scene : int, optional
        Which of its images; the first if not given, with a warning if there are others.

    Raises
    ------
    FileError
        As `scenes_in`.
    """
    with _using_reader(path):
        image = _opened(path)
        if scene is None and len(image.scenes) > 1:
            log.warning("%s holds %d images; the first is read", path, len(image.scenes))
        image.set_scene(scene or 0)
        source = image.dask_data
        axes, known = image.dims.order, _sizes(image)
    cache = ChunkCache(_Computed(source, path), source.chunksize)
    read = unchanged(path, cache.read)
    array = StoredArray(path, source.shape, source.dtype, read)
    return Raw(read_if_small(array, axes, whole=whole), axes, known)


class _Computed:
    """A Dask array whose parts are computed in the thread that asks for them."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source, self._path = source, path
        self.shape, self.dtype, self.ndim = source.shape, source.dtype, source.ndim

    def __getitem__(self, index: tuple[Part, ...], /) -> NDArray[Any]:
        with _using_reader(self._path):
            return np.asarray(self._source[index].compute(scheduler="synchronous"))


def _opened(path: Path) -> Any:
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ModuleNotFoundError as error:
        raise FileError(
            f"{path} is read by the package bioio, which is not installed; install it with"
            " pip install 'napari-spatial-embeddings[formats]', or export the file as OME-TIFF"
        ) from error
    try:
        return BioImage(path)
    except UnsupportedFileFormatError as error:
        raise FileError(
            f"{path} is of a kind that no installed reader reads; install a plugin of bioio for"
            f" it, such as bioio{path.suffix.lower().replace('.', '-')}, or export it as OME-TIFF"
        ) from error


def _sizes(image: Any) -> dict[str, Size]:
    """Return the size of a pixel along each axis where it is known, and the time between frames.

    Lengths are micrometres unless a plugin names another unit.
    """
    sizes: dict[str, Size] = {}
    units = image.dimension_properties
    for axis in "ZYX":
        length, unit = getattr(image.physical_pixel_sizes, axis), getattr(units, axis).unit
        if length:
            sizes[axis] = abs(float(length)), unit_name(str(unit)) if unit else "um"
    if image.dims.T > 1 and (interval := _interval(image)):
        sizes["T"] = interval, "s"
    return sizes


def _interval(image: Any) -> float | None:
    """Return the seconds between two frames: what is set in the file, or else was measured."""
    with suppress(Exception):  # of metadata that lack
        stated = image.time_interval
        step = stated.total_seconds() if isinstance(stated, timedelta) else float(stated or 0)
        if step > 0:
            return step
    with suppress(Exception):
        coords = image.reader.xarray_dask_data.coords
        # What has no coordinates of its own would be numbered.
        if "T" in coords and (step := _median_step(coords["T"].values)) > 0:
            return step
    with suppress(Exception):
        pixels = image.ome_metadata.images[image.current_scene_index].pixels
        first = [p for p in pixels.planes if p.the_z == 0 and p.the_c == 0]
        first.sort(key=lambda p: p.the_t)
        times = np.array([p.delta_t for p in first], float)
        return seconds((_median_step(times), first[0].delta_t_unit.value))
    return None


def _median_step(times: NDArray[Any]) -> float:
    """Return the median time from a frame to the next; 0 if there is none."""
    return float(np.median(np.diff(times.astype(float)))) if len(times) > 1 else 0.0


@contextmanager
def _using_reader(path: Path) -> Iterator[None]:
    """Keep what a reader logs of metadata that lack out of the log, and name it in its errors."""
    before = [(one, one.level) for one in map(logging.getLogger, TALKATIVE)]
    for one, _ in before:
        one.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (InputError, OSError, MemoryError, ImportError):
        raise
    except Exception as error:  # damaged or unusual files make readers raise nearly anything
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FileError(
            f"{path} cannot be read by bioio's plugin for {path.suffix} ({text}): it is damaged, or"
            " of a kind that the plugin does not read; save it as OME-TIFF with the microscope's"
            " own program"
        ) from error
    finally:
        for one, level in before:
            one.setLevel(level)
