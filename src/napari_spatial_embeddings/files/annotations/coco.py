"""Reader of COCO's JSON: polygons, run lengths and categories, of many images in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.folders import stem

from .json_files import is_coco, read_json
from .outlines import NOWHERE, Outline, Outlines, Place, labels_of_pieces, named, ring

MAX_PIXELS = 2**28
"""Pixels of a mask above which a file is taken for damaged."""


@dataclass(frozen=True, slots=True, eq=False)
class CocoFile:
    """A file of COCO.

    Parameters
    ----------
    path : path
    images : dict
        The entry of each image, by its id.
    annotations : dict
        Those of each image, by its id, in the file's order.
    categories : dict
        Names by ids.
    """

    path: Path
    images: dict[Any, dict[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[Any, str]

    @property
    def names(self) -> dict[str, Any]:
        """Ids of the images, by their names without folders and endings."""
        return {_image_name(one): key for key, one in self.images.items()}

    def outlines(self, name: str | None = None) -> Outlines:
        """Return the objects of an image.

        Parameters
        ----------
        name : str, optional
            Its name, with or without endings; not needed for the only one.

        Raises
        ------
        FileError
            If there is no such image, or an annotation of it is damaged.
        """
        keys = self._find(name)
        image, several = self.images[keys[0]], len(keys) > 1
        wanted = [(key, one) for key in keys for one in self.annotations.get(key, ())]
        objects = [(key, one) for key, one in wanted if not one.get("iscrowd")]
        places = [_place(self.images[key]) if several else NOWHERE for key, _ in objects]
        kinds = [self.categories.get(_key(one.get("category_id")), "") for _, one in objects]
        given = labels_of_pieces([_label(one) for _, one in objects], places, kinds)
        if None in given:
            given = [None] * len(objects)
        size = _size(image)
        pieces: list[Outline] = []
        names: dict[int, str] = {}
        classes: dict[int, str] = {}
        without = 0
        for n, (_, one) in enumerate(objects):
            label = given[n] or n + 1
            try:
                parts = _parts(one.get("segmentation"), label, size)
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                raise FileError(
                    f"{self.path}: annotation {one.get('id')} of {_image_name(image)} is damaged"
                    f" ({str(error)[:120]}); export it again"
                ) from error
            without += not parts
            pieces += [replace(part, place=places[n]) for part in parts]
            names.setdefault(label, f"annotation {one.get('id', n + 1)}")
            if kinds[n]:
                classes.setdefault(label, kinds[n])
        crowds = [(key, one) for key, one in wanted if one.get("iscrowd")]
        for key, one in crowds:
            place = _place(self.images[key]) if several else NOWHERE
            pieces += [replace(part, place=place) for part in _crowd(one, size)]
        notes = []
        if without:
            notes.append(f"{plural(without, 'object')} with a box and no outline left out")
        if crowds:
            notes.append(f"{plural(len(crowds), 'crowd')} taken for unknown pixels")
        return Outlines(pieces, names, classes, (), tuple(notes), size)

    def _find(self, name: str | None) -> list[Any]:
        """Return the id of an image; several, if its slices or frames are images of the file."""
        wanted = None if name is None else stem(name)
        found = [key for key, one in self.images.items() if _image_name(one) == wanted]
        if not found and len(self.names) == 1:
            found = list(self.images)
        if not found:
            held = named(len(self.names), "image", list(self.names))
            raise FileError(
                f"{self.path} has no image called {name}: it holds {held};"
                " expected a file_name like that of the image"
            )
        if len(found) > len({_place(self.images[key]) for key in found}):
            raise FileError(
                f"{self.path} has {len(found)} images called {name}; expected one, or the slice or"
                " frame of each"
            )
        return found


def read_coco(path: str | Path) -> CocoFile:
    """Read a file of COCO.

    Raises
    ------
    FileError
        If it is none.
    """
    path = Path(path)
    with reading(path):
        facts = read_json(path)
        if not is_coco(facts) or not isinstance(facts.get("images"), list):
            raise FileError(
                f"{path} is no COCO: expected an object with the lists images and annotations"
            )
        images = _by_id(facts["images"], path, "image")
        annotations: dict[Any, list[dict[str, Any]]] = {}
        for n, one in enumerate(facts["annotations"]):
            key = _key(one.get("image_id")) if isinstance(one, dict) else None
            if key not in images:
                raise FileError(
                    f"{path}: annotation {n + 1} is of no image in the file; expected the image_id"
                    " of one"
                )
            annotations.setdefault(key, []).append(one)
        categories = _by_id(facts.get("categories") or [], path, "category")
    if not images:
        raise FileError(f"{path} names no image; expected some under images")
    names = {key: str(one.get("name") or key) for key, one in categories.items()}
    return CocoFile(path, images, annotations, names)


def _by_id(entries: Any, path: Path, what: str) -> dict[Any, dict[str, Any]]:
    found = {}
    for n, one in enumerate(entries if isinstance(entries, list) else [None]):
        key = _key(one.get("id")) if isinstance(one, dict) else None
        if key is None or key in found:
            raise FileError(f"{path}: {what} {n + 1} has no id of its own; export it again")
        found[key] = one
    return found


def _key(value: Any) -> Any:
    """Return an id by which others are found: a number as text is that number."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int | str) else None


def _image_name(entry: Mapping[str, Any]) -> str:
    text = str(entry.get("file_name") or entry.get("id"))
    return stem(PureWindowsPath(text).name)


def _place(image: Mapping[str, Any]) -> Place:
    """Return the slice and the frame that an image of the file is."""
    z, t = (image.get(name) for name in ("slice", "frame"))
    return Place(z if isinstance(z, int) else None, t if isinstance(t, int) else None)


def _label(annotation: Mapping[str, Any]) -> int | None:
    """Return the label that our own files give."""
    label = annotation.get("label")
    return label if type(label) is int and 0 < label < 2**31 else None


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    whole = all(isinstance(n, int) and 0 < n < 2**24 for n in (height, width))
    return (int(height), int(width)) if whole else None  # type: ignore[arg-type]


def _parts(found: Any, label: int, size: tuple[int, int] | None) -> list[Outline]:
    """Return the pieces of an object: each polygon is one, and so is a mask."""
    if isinstance(found, Mapping):
        mask = _mask(found, size)
        return [_cropped(mask, label)] if mask.any() else []
    if found is None or not isinstance(found, list):
        if found is None:
            return []
        raise ValueError("neither polygons nor run lengths")
    polygons = [found] if found and not isinstance(found[0], list) else found
    pieces = []
    for flat in polygons:
        numbers = np.asarray(flat, np.float64)
        if numbers.ndim != 1 or len(numbers) % 2:
            raise ValueError("a polygon is no list of x, y, x, y and so on")
        pieces.append(Outline(label, (ring(numbers.reshape(-1, 2)),)))
    return pieces


def _crowd(one: Mapping[str, Any], size: tuple[int, int] | None) -> list[Outline]:
    """Return the pixels of a crowd, which are unknown; none where they cannot be read."""
    try:
        return _parts(one.get("segmentation"), IGNORE, size)
    except (TypeError, ValueError, KeyError, OverflowError):
        return []


def _cropped(mask: NDArray[np.bool_], label: int) -> Outline:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1].copy()
    return Outline(label, mask=part, corner=(top, left))


def _mask(found: Mapping[str, Any], size: tuple[int, int] | None) -> NDArray[np.bool_]:
    """Return the mask (h, w) of run lengths, which go down the columns, zeros first."""
    height, width = (int(n) for n in found["size"])
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a mask of {height} x {width} pixels")
    if size is not None and (height, width) != size:
        whole = f"{size[0]} x {size[1]}"
        raise ValueError(f"a mask of {height} x {width} pixels, of an image of {whole}")
    given = found["counts"]
    counts = _unpacked(given) if isinstance(given, str) else np.asarray(given, np.int64)
    if counts.ndim != 1 or (counts < 0).any() or int(counts.sum()) != height * width:
        raise ValueError("its run lengths do not add up to the mask")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _unpacked(text: str) -> NDArray[np.int64]:
    """Return the run lengths that COCO packs into letters: 5 bits each, from the lowest on.

    A letter's sixth bit is set where another follows; from the fourth number on, each is the
    difference to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii", "replace"):
        code -= 48
        if not 0 <= code < 64 or shift > 60:
            raise ValueError("its run lengths hold a letter that is none of theirs")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("its run lengths end early")
    return np.array(counts, np.int64)
