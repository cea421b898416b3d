"""Outlines painted into the labels of an image: its slices and frames, its place and size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.errors import FileError

from .outlines import Outline, Outlines, named
from .painting import Painted, paint
from .target import Fitted, Target

HOW_TO_PLACE = "in Fiji the position of a ROI in the stack, in GeoJSON the plane of its geometry"


def fit_outlines(found: Outlines, target: Target, source: str) -> Fitted:
    """Paint outlines into labels of an image.

    A pixel in several objects belongs to the first of them in the file.

    Parameters
    ----------
    found : Outlines
    target : Target
    source : str
        The file, for messages.

    Raises
    ------
    FileError
        If they are of an image of another size, or of no slice of a volume, or none of them has a
        pixel in the image.
    """
    notes = list(found.notes)
    pieces: Sequence[Outline] = found.pieces
    scribbled = not pieces and bool(found.dots)
    if scribbled:
        pieces = found.dots
        count = plural(len(pieces), "point")
        notes.append(f"{count} taken for dots in objects, each of one pixel: they are scribbles")
    elif found.dots:
        notes.append(f"{plural(len(found.dots), 'point')} left out, as there are outlines")
    if not pieces:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise FileError(f"{source} holds no object{why}; expected outlines, masks or points")
    if not target.start:
        pieces, note = _to_size(pieces, found.size, target, source)
        notes += note
    pieces = _moved(pieces, target.start)
    pieces, planes, note = _planes(pieces, target, source)
    notes += note
    labels = np.zeros((_count(target), *target.shape[-2:]), np.int32)
    # What is unknown comes last: objects on it are known.
    order = sorted(range(len(pieces)), key=lambda k: pieces[k].label == IGNORE)
    painted = paint(labels, [pieces[k] for k in order], [planes[k] for k in order])
    notes += _lost(painted, found.names)
    kept = sorted(painted.labels - {IGNORE})
    if not kept:
        why = "; ".join(notes)
        raise FileError(
            f"{source}: no object in it has a pixel in {target.name}, of the shape"
            f" {target.shown}: {why}"
        )
    classes = {label: found.classes[label] for label in kept if label in found.classes}
    return Fitted(labels.reshape(target.full_shape), classes, scribbled, tuple(notes), len(kept))


def joined(parts: Sequence[Outlines]) -> Outlines:
    """Return the objects of several files of one image as those of one file.

    Labels that the second file has in common with the first are changed.
    """
    if len(parts) == 1:
        return parts[0]
    out = Outlines([], {}, {}, (), tuple(n for part in parts for n in part.notes), parts[0].size)
    dots: list[Outline] = []
    for part in parts:
        own = {*part.names, *(x.label for x in (*part.pieces, *part.dots))} - {IGNORE}
        up = max(out.names, default=0) if own & out.names.keys() else 0
        new = {label: label + up for label in own} | {IGNORE: IGNORE}
        out.pieces.extend(replace(x, label=new[x.label]) for x in part.pieces)
        dots.extend(replace(x, label=new[x.label]) for x in part.dots)
        out.names.update({new[label]: part.names.get(label, "") for label in own})
        out.classes.update({new[label]: name for label, name in part.classes.items()})
    return replace(out, dots=tuple(dots))


def _count(target: Target) -> int:
    return (target.frames or 1) * (target.shape[0] if len(target.shape) == 3 else 1)


def _moved(pieces: Sequence[Outline], start: tuple[int, ...]) -> Sequence[Outline]:
    """Return outlines of a large image in the pixels of a window of it."""
    if not any(start):
        return pieces
    *above, y, x = start
    z = above[0] if above else 0

    def moved(one: Outline) -> Outline:
        rings = tuple(ring - (y, x) for ring in one.rings)
        corner = one.corner[0] - y, one.corner[1] - x
        return replace(one, rings=rings, corner=corner, place=one.place.below(z))

    return [moved(one) for one in pieces]


def _to_size(
    pieces: Sequence[Outline], size: tuple[int, int] | None, target: Target, source: str
) -> tuple[Sequence[Outline], list[str]]:
    """Return outlines in the image's pixels, if a copy of another size was annotated."""
    own = target.shape[-2:]
    if size is None or size == own:
        return pieces, []
    ratios = own[0] / size[0], own[1] / size[1]
    near = abs(ratios[0] / ratios[1] - 1) <= 1 / min(*own, *size)
    if not near or any(one.mask is not None for one in pieces):
        raise FileError(
            f"{source} is of an image of {size[0]} x {size[1]} pixels (height, width),"
            f" {target.name} has {own[0]} x {own[1]}; expected the image that was annotated"
        )
    factor = np.array(ratios)
    scaled = [replace(x, rings=tuple(ring * factor for ring in x.rings)) for x in pieces]
    note = (
        f"it is of a copy of {size[0]} x {size[1]} pixels: its outlines are scaled by"
        f" {ratios[0]:.3g}"
    )
    return scaled, [note]


def _planes(
    pieces: Sequence[Outline], target: Target, source: str
) -> tuple[list[Outline], list[int | None], list[str]]:
    """Return the outlines whose plane is known, and the place of each among all planes."""
    depth = target.shape[0] if len(target.shape) == 3 else None
    kept: list[Outline] = []
    planes: list[int | None] = []
    unknown = 0
    for one in pieces:
        z, t, plane = one.place.z, one.place.t, one.place.plane
        if plane is not None:
            if depth is not None:
                z = plane
            elif target.frames is not None:
                t = plane
            elif plane >= target.channels:
                z = plane
        if (z is None and (depth or 1) > 1) or (t is None and (target.frames or 1) > 1):
            unknown += 1
            continue
        z, t = z or 0, t or 0
        there = 0 <= z < (depth or 1) and 0 <= t < (target.frames or 1)
        kept.append(one)
        planes.append(t * (depth or 1) + z if there else None)
    if not unknown:
        return kept, planes, []
    what = "slice" if (depth or 1) > 1 else "frame"
    if not kept:
        raise FileError(
            f"{source}: its outlines are in no {what}, and {target.name} has the shape"
            f" {target.shown}; expected the {what} of each: {HOW_TO_PLACE}"
        )
    return kept, planes, [f"{plural(unknown, 'outline')} in no {what} left out"]


def _lost(painted: Painted, names: Mapping[int, str]) -> list[str]:
    """Return sentences about what overlaps, and about objects without a pixel."""

    def some(labels: Iterable[int]) -> str:
        found = sorted(set(labels) - {IGNORE})
        return named(len(found), "object", [names.get(label, str(label)) for label in found])

    notes = []
    if shared := painted.shared - {IGNORE}:
        count = plural(painted.shared_pixels, "pixel")
        notes.append(f"{count} of {some(shared)} belong to objects before them, which keep them")
    for labels, why in (
        (painted.covered, "lie under others"),
        (painted.small, "are too small to hold the middle of a pixel"),
        (painted.outside, "lie outside of the image"),
    ):
        if some_labels := labels - {IGNORE}:
            notes.append(f"{some(some_labels)} left out, as they {why}")
    return notes
