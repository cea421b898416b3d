"""Reader of Zarr: the finest level of an OME-Zarr image (NGFF 0.4 and 0.5), and plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from napari_spatial_embeddings.core.units import Size, unit_name

from .errors import FileError, log
from .raw import Raw
from .stored import StoredArray, is_small

if TYPE_CHECKING:
    import zarr

MAX_CHUNKS_LISTED = 20_000
"""Chunks up to which it is checked whether they are there."""

METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""Files by which a folder of Zarr is known."""


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder of Zarr, which counts as one file."""
    return path.is_dir() and (
        path.suffix == ".zarr" or any((path / name).is_file() for name in METADATA)
    )


def read_zarr(path: Path, *, whole: bool = False) -> Raw:
    """Return a plain array, or the finest level of an OME-Zarr image; of a collection, the first.

    A large one stays in its folder unless it is asked for ``whole``: see `stored`.
    """
    opened = open_zarr(path)
    if is_array(opened):
        return _raw(opened, _names(opened), {}, path, whole=whole)
    group, facts = _first_image(opened, path)
    return read_multiscale(group, facts, path, whole=whole)


def zarr_axes(path: Path) -> tuple[str, tuple[int, ...], DTypeLike]:
    """Read the axes, shape and type of an image, and no pixels."""
    opened = open_zarr(path)
    if is_array(opened):
        return _names(opened), opened.shape, opened.dtype
    array, axes, _ = _finest(*_first_image(opened, path), path)
    return axes, array.shape, array.dtype


def zarr_sizes(path: Path) -> dict[str, Size]:
    """Read the size of an image's pixels, and no pixels; of a plain array, none is known."""
    group = open_zarr(path)
    if is_array(group):
        return {}
    return _finest(*_first_image(group, path), path)[2]


def _first_image(group: Any, path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the group of a folder's image, or of its first one, and the metadata."""
    facts = ome(group)
    if "bioformats2raw.layout" in facts:
        series = ome(group["OME"]).get("series", ["0"]) if "OME" in group else ["0"]
        group = group[series[0]]
        facts = ome(group)
    if not facts.get("multiscales"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other files in there
            arrays = sorted(name for name, _ in group.arrays())
        if arrays and "plate" not in facts:
            raise FileError(
                f"{path} is no OME-Zarr image but holds plain arrays ({', '.join(arrays[:3])});"
                f" open one of them: {path / arrays[0]}"
            )
        kind = "a plate" if "plate" in facts else "no image"
        raise FileError(
            f"{path} is {kind}; expected an OME-Zarr image (version 0.4 or 0.5), such as the"
            " folder of one field of a plate"
        )
    return group, facts


def open_zarr(path: Path) -> Any:
    """Open a folder for reading: an array or a group."""
    import zarr

    try:
        return zarr.open(path, mode="r")
    except FileNotFoundError as error:
        raise FileError(
            f"{path} is no Zarr: it has no zarr.json, no .zgroup and no .zarray"
        ) from error


def is_array(opened: Any) -> bool:
    """Whether what was opened is an array, and no group."""
    return hasattr(opened, "shape")


def open_group(path: Path) -> zarr.Group:
    """Open a group for reading."""
    group: zarr.Group = open_zarr(path)
    if is_array(group):
        raise FileError(f"{path} is a plain Zarr array; expected a folder of several")
    return group


def _names(array: Any) -> str:
    """Return a letter for each axis of a plain array.

    Zarr 3 has names of dimensions, and xarray keeps them among the attributes.
    """
    named = getattr(array.metadata, "dimension_names", None)
    return _letters(array, named or array.attrs.get("_ARRAY_DIMENSIONS") or ())


def _letters(array: Any, names: Sequence[Any]) -> str:
    """Return the letters of axes that have names; else Y and X, the last two, and unknown ones."""
    letters = "".join(str(name)[:1].upper() for name in names)
    ndim: int = array.ndim
    if len(letters) == ndim == len(set(letters)) and set(letters) <= set("TCZYX"):
        return letters
    return "Q" * (ndim - 2) + "YX"[-ndim:]


def ome(group: Any) -> dict[str, Any]:
    """Return a group's OME metadata, which 0.4 keeps at the top and 0.5 under ``ome``."""
    facts = dict(group.attrs)
    return dict(facts.get("ome", facts))


def read_multiscale(group: Any, facts: dict[str, Any], path: Path, *, whole: bool) -> Raw:
    """Return level 0 of a group's first multiscale image.

    Metadata that are not valid are left out with a warning: what is left is a plain array.
    """
    array, axes, sizes = _finest(group, facts, path)
    return _raw(array, axes, sizes, path, whole=whole)


def _finest(
    group: Any, facts: dict[str, Any], path: Path
) -> tuple[zarr.Array[Any], str, dict[str, Size]]:
    """Return level 0 of a group's first multiscale image, its axes and the size of its pixels."""
    from pydantic import ValidationError
    from yaozarrs import v04, v05

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # units that the format does not recommend
            image = (v05.Image if "version" in facts else v04.Image).model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        array, axes = _without_metadata(group, facts, path)
        log.warning(
            "%s is not valid OME-Zarr of version 0.4 or 0.5 (%s: %s); its pixel size is not used",
            *(path, where, first["msg"]),
        )
        return array, axes, {}
    multiscale = image.multiscales[0]
    scale = np.ones(len(multiscale.axes))
    common = multiscale.coordinateTransformations or []
    for transform in [*multiscale.datasets[0].coordinateTransformations, *common]:
        if transform.type == "scale":
            scale = scale * transform.scale
    kinds = {"time": "T", "channel": "C"}
    axes = "".join(kinds.get(a.type or "", a.name[:1].upper()) for a in multiscale.axes)
    sizes: dict[str, Size] = {
        letter: (float(s), unit_name(a.unit))
        for letter, a, s in zip(axes, multiscale.axes, scale, strict=True)
        if letter in "ZYX"
    }
    return _level(group, multiscale.datasets[0].path, path), axes, sizes


def _without_metadata(group: Any, facts: dict[str, Any], path: Path) -> tuple[zarr.Array[Any], str]:
    """Return the first level that the metadata name, and its axes if they name these rightly."""
    try:
        multiscale = facts["multiscales"][0]
        level = str(multiscale["datasets"][0]["path"])
        named = multiscale.get("axes") or ()
        names = [axis["name"] if isinstance(axis, dict) else axis for axis in named]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise FileError(f"{path} is incomplete: its metadata name no level") from error
    array = _level(group, level, path)
    return array, _letters(array, names)


def _level(group: Any, name: str, path: Path) -> zarr.Array[Any]:
    import zarr

    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise FileError(f"{path} is incomplete: its level '{name}' is missing")
    return array


def _raw(array: Any, axes: str, sizes: dict[str, Size], path: Path, *, whole: bool) -> Raw:
    if not whole and 0 < array.nchunks <= MAX_CHUNKS_LISTED:
        _check_chunks(array, path)
    if whole or is_small(array):
        return Raw(np.asarray(array[...]), axes, sizes)
    return Raw(StoredArray(path, array.shape, array.dtype, array.__getitem__), axes, sizes)


def _check_chunks(array: Any, path: Path) -> None:
    """Mention chunks that are missing, which Zarr leaves out where all values are 0.

    Raises
    ------
    FileError
        If all are.
    """
    missing = array.nchunks - array.nchunks_initialized
    if missing == array.nchunks:
        raise FileError(f"{path} holds no pixels: none of its {missing} chunks is there")
    if missing:
        log.warning(
            "%s: %d of its %d chunks are missing, and black: they are empty, or it ended early",
            path,
            missing,
            array.nchunks,
        )
