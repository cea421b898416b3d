"""Reader of Zarr: the finest level of an OME-Zarr image (NGFF 0.4 and 0.5), and plain arrays."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from napari_spatial_embeddings.core.units import Size, is_time, unit_name

from .axes import AXIS_NAMES, Raw
from .errors import FileError, log
from .stored import StoredArray, read_if_small

if TYPE_CHECKING:
    import zarr

MAX_CHUNKS_LISTED = 20_000
"""Chunks up to which it is checked whether they are there."""

FEW_CHUNKS = 2_000
"""The same where no pixel is read: the window waits."""

VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
"""Versions of the format whose metadata are understood."""

WITHOUT_SIZES, FIVE_AXES = VERSIONS[:3], VERSIONS[:2]
"""Those that have no place for the size of a pixel, and none for axes, which are TCZYX."""

NUMBERED = re.compile(r"(dim|axis)[ _-]?\d+")
"""Names that libraries give to axes without one."""

OTHERS = "PRHAEL"
"""Letters of axes that are neither of space, nor of time, nor channels, such as positions."""

METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""Files by which a folder of Zarr is known."""


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder of Zarr, which counts as one file."""
    known = path.suffix == ".zarr" or (_has_metadata(path) and not _is_stray(path))
    return known and path.is_dir()


def _has_metadata(folder: Path) -> bool:
    return any((folder / name).is_file() for name in METADATA)


def _is_stray(folder: Path) -> bool:
    """Whether a group has no attributes, and something lies in it that is no Zarr.

    Programs leave such metadata behind in folders of users: napari-ome-zarr does, two folders above
    a label image that it opens.
    """
    try:
        facts = json.loads((folder / METADATA[0]).read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(facts, dict) or facts.get("node_type") != "group" or facts.get("attributes"):
        return False
    return any(
        not (one.suffix == ".zarr" or _has_metadata(one)) if one.is_dir() else one.name[0] != "."
        for one in folder.iterdir()
        if one.name != METADATA[0]
    )


def read_zarr(path: Path, *, whole: bool = False) -> Raw:
    """Return a plain array, or the finest level of an OME-Zarr image; of a collection, the first.

    A large one stays in its folder unless it is asked for ``whole``: see `stored`.
    """
    opened = open_zarr(path)
    if is_array(opened):
        return _raw(opened, _names(opened), {}, path, whole=whole)
    _note_others(opened, path)
    group, facts = _first_image(opened, path)
    return read_multiscale(group, facts, path, whole=whole)


def zarr_axes(path: Path) -> tuple[str, tuple[int, ...], DTypeLike]:
    """Read the axes, shape and type of an image, and no pixels; chunks that lack are mentioned."""
    opened = open_zarr(path)
    if is_array(opened):
        array, axes = opened, _names(opened)
    else:
        _note_others(opened, path)
        array, axes, _ = _finest(*_first_image(opened, path), path)
    if array.nchunks <= FEW_CHUNKS:
        _check_chunks(array, path)
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
    if series := series_names(group):
        group = group[series[0]]
        facts = ome(group)
    if not facts.get("multiscales"):
        raise FileError(_no_image(group, facts, path))
    return group, facts


def _note_others(group: Any, path: Path) -> None:
    if (images := len(series_names(group))) > 1:
        log.warning("%s holds %d images; the first is read", path, images)


def series_names(group: Any) -> list[str]:
    """Return the names of the images in a collection; none if the group is no collection."""
    if "bioformats2raw.layout" not in ome(group):
        return []
    named = ome(group["OME"]).get("series") if "OME" in group else None
    return list(named or sorted((n for n, _ in group.groups() if n.isdigit()), key=int) or ["0"])


def _no_image(group: Any, facts: Mapping[str, Any], path: Path) -> str:
    """Return the sentence about a group that is no image, and what to open instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other files in there
        arrays = sorted(name for name, _ in group.arrays())
        groups = sorted(name for name, _ in group.groups())
    inside, what = (arrays, "plain arrays") if arrays else (groups, "folders")
    if inside and "plate" not in facts:
        return (
            f"{path} is no OME-Zarr image but holds {what} ({', '.join(inside[:3])}); open one of"
            f" them: {path / inside[0]}"
        )
    kind = "a plate" if "plate" in facts else "no image"
    return (
        f"{path} is {kind}; expected an OME-Zarr image (version 0.4 or 0.5), such as the folder of"
        " one field of a plate"
    )


def open_zarr(path: Path) -> Any:
    """Open a folder for reading: an array or a group."""
    import zarr

    try:
        # Below a relative path, such as "0", zarr finds no chunks of an array of that name.
        return zarr.open(path.absolute(), mode="r")
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
    """Return the letters of axes by their names.

    Those without a name are Y and X, if they are the last two, and unknown ones.
    """
    ndim: int = array.ndim
    plain = "Q" * (ndim - 2) + "YX"[-ndim:]
    if len(names) != ndim:
        return plain
    words = [str(name or "").strip().lower() for name in names]
    letters = [word[:1].upper() for word in words]
    if not (len(set(letters)) == ndim and set(letters) <= set("TCZYX")):
        letters = [_letter(word) for word in words]
    letters = [
        letter or ("Q" if other in letters else other)
        for letter, other in zip(letters, plain, strict=True)
    ]
    known = [letter for letter in letters if letter != "Q"]
    return "".join(letters) if len(known) == len(set(known)) else plain


def _letter(name: str) -> str:
    """Return the letter of an axis by its name; empty if that is a number."""
    if not name or name == "none" or NUMBERED.fullmatch(name):
        return ""
    return AXIS_NAMES.get(name) or (name[0].upper() if name[0].upper() in OTHERS else OTHERS[0])


def ome(group: Any) -> dict[str, Any]:
    """Return a group's OME metadata, which 0.4 keeps at the top and 0.5 under ``ome``."""
    facts = dict(group.attrs)
    return dict(facts.get("ome", facts))


def read_multiscale(group: Any, facts: dict[str, Any], path: Path, *, whole: bool) -> Raw:
    """Return level 0 of a group's first multiscale image.

    Metadata that are not valid are left out with a warning: what is left is a plain array. One that
    stays in its folder comes with its coarser levels.
    """
    array, axes, sizes = _finest(group, facts, path)
    raw = _raw(array, axes, sizes, path, whole=whole)
    if isinstance(raw.array, np.ndarray):
        return raw
    named = (level.get("path") for level in facts["multiscales"][0]["datasets"][1:])
    found = (group.get(str(name)) for name in named)
    like = (x for x in found if getattr(x, "ndim", 0) == array.ndim and x.dtype == array.dtype)
    levels = (StoredArray(path, x.shape, x.dtype, x.__getitem__) for x in like)
    return replace(raw, levels=tuple(levels))


def _finest(
    group: Any, facts: dict[str, Any], path: Path
) -> tuple[zarr.Array[Any], str, dict[str, Size]]:
    """Return level 0 of a group's first multiscale image, its axes and the size of its pixels.

    Only what is used is looked at: what the metadata hold about colours, for example, may be wrong.
    """
    try:
        multiscale = facts["multiscales"][0]
        dataset = multiscale["datasets"][0]
        array = _level(group, str(dataset["path"]), path)
        named = list(multiscale.get("axes") or ())
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise FileError(f"{path} is incomplete: its metadata name no level") from error
    version = str(facts.get("version") or multiscale.get("version") or VERSIONS[-1])
    if version in FIVE_AXES and not named:
        named = list("tczyx")
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in named]
    letters = _ome_letters(array, axes)
    try:
        sizes = _ome_sizes(version, multiscale, dataset, letters, axes)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.warning(
            "%s is not valid OME-Zarr of version 0.4 or 0.5 (%s); its pixel size is not used",
            path,
            error,
        )
        return array, letters, {}
    return array, letters, sizes


def _ome_letters(array: Any, axes: Sequence[Mapping[str, Any]]) -> str:
    """Return the letters of axes; those of space that are called otherwise are Z, Y and X."""
    kinds = {"time": "T", "channel": "C"}
    names = [kinds.get(axis.get("type", ""), str(axis.get("name"))) for axis in axes]
    space = [i for i, axis in enumerate(axes) if axis.get("type") == "space"]
    if not {names[i][:1].upper() for i in space} <= set("ZYX"):
        for i, letter in zip(space, "ZYX"[-len(space) :], strict=False):
            names[i] = letter
    return _letters(array, names)


def _ome_sizes(
    version: str,
    multiscale: Mapping[str, Any],
    dataset: Mapping[str, Any],
    letters: str,
    axes: Sequence[Mapping[str, Any]],
) -> dict[str, Size]:
    """Return the size of a pixel along each axis of space, the product of all scales.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError
        If the metadata are not those of a version that is known.
    """
    if version in WITHOUT_SIZES:
        return {}
    if version not in VERSIONS:
        raise ValueError(f"its version is {version}")
    if len(axes) != len(letters):
        raise ValueError(f"it names {len(axes)} axes of {len(letters)}")
    own = dataset.get("coordinateTransformations") or ()
    common = multiscale.get("coordinateTransformations") or ()
    scales = [np.array(t["scale"], float) for t in (*own, *common) if t["type"] == "scale"]
    if not scales or any(scale.shape != (len(letters),) for scale in scales):
        raise ValueError(f"it gives no scale for {len(letters)} axes")
    units = [axis.get("unit") for axis in axes]
    return {
        letter: (float(size), unit_name(unit if isinstance(unit, str) else None))
        for letter, size, unit in zip(letters, np.prod(scales, 0), units, strict=True)
        if letter in "ZYX" or (letter == "T" and is_time(unit))
    }


def _level(group: Any, name: str, path: Path) -> zarr.Array[Any]:
    import zarr

    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise FileError(f"{path} is incomplete: its level '{name}' is missing")
    return array


def _raw(array: Any, axes: str, sizes: dict[str, Size], path: Path, *, whole: bool) -> Raw:
    if not whole:
        _check_chunks(array, path)
    stored = StoredArray(path, array.shape, array.dtype, array.__getitem__)
    return Raw(read_if_small(stored, axes, whole=whole), axes, sizes)


def _check_chunks(array: Any, path: Path) -> None:
    """Mention chunks that are missing, which Zarr leaves out where nothing was written.

    Raises
    ------
    FileError
        If all are.
    """
    if not 0 < array.nchunks <= MAX_CHUNKS_LISTED:
        return
    missing = array.nchunks - array.nchunks_initialized
    if missing == array.nchunks:
        raise FileError(f"{path} holds no pixels: none of its {missing} chunks is there")
    if missing:
        log.warning(
            "%s: %d of its %d chunks are missing, and %s: they are empty, or it ended early",
            path,
            missing,
            array.nchunks,
            f"read as {array.fill_value}" if array.fill_value else "black",
        )
