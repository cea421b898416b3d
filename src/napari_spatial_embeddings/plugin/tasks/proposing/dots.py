"""Objects of dots, one of each, found in a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.maps import EmbeddingMaps

Pixel = tuple[int, ...]

DOT_RADIUS = 1.5
"""Pixels around a dot that are painted where it stays a dot."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundDots:
    """Labels that dots add to an annotation.

    Parameters
    ----------
    box : tuple of D slices
        The smallest that holds all of them.
    before, after : int32 (*box)
    classes : dict
        Class of each new label.
    proposed : tuple of ints
        The new labels that a model outlined; the others are dots.
    missed : tuple of ints
        Which dots, by number, the model sees no object at.
    known : int
        How many lie on what is annotated already.
    """

    box: Box
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    classes: dict[int, str]
    proposed: tuple[int, ...]
    missed: tuple[int, ...]
    known: int

    @property
    def text(self) -> str:
        """What was added, and what was not, as a sentence."""
        dots = len(self.classes) - len(self.proposed)
        parts = [f"{plural(len(self.proposed), 'object')} of dots outlined"] * bool(self.proposed)
        if dots:
            parts.append(
                f"{plural(dots, 'dot')} taken as {'a ' * (dots == 1)}scribble{'s' * (dots != 1)}"
            )
        elif self.missed:
            no = len(self.missed)
            stay = "they stay" if no > 1 else "it stays"
            where = f"{stay} in the layer of points, selected"
            parts.append(f"at {plural(no, 'dot')} the model sees no object: {where}")
        if self.known:
            parts.append(f"{plural(self.known, 'dot')} annotated already")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class DotsRequest:
    """Dots whose objects are to be added to an annotation.

    Parameters
    ----------
    target, source : object
        The annotation and the layer that the dots are of, for whoever asks.
    labels : int32 (*S)
        The annotation.
    next : int
        The first label that is free.
    pixels : sequence of D ints
        The dots.
    numbers : sequence of ints
        Their numbers in the layer.
    class_name : str
        Of the new objects.
    names : tuple of str
        Classes of the maps, where the model's classes are those of the annotation; else none.
    settings : ClusteringSettings
    maps : EmbeddingMaps, optional
        None if no model can take the image.
    keep_dots : bool
        Paint the dots that have no object.
    """

    target: object
    source: object
    labels: NDArray[np.int32]
    next: int
    pixels: Sequence[Pixel]
    numbers: Sequence[int]
    class_name: str
    names: tuple[str, ...]
    settings: ClusteringSettings
    maps: EmbeddingMaps | None
    keep_dots: bool

    def run(self) -> FoundDots:
        """Return what is to be added.

        Raises
        ------
        InputError
            If that is nothing.
        """
        from napari_spatial_embeddings.editing.picking import objects_at

        labels = np.array(self.labels)
        free = [k for k, pixel in enumerate(self.pixels) if not labels[pixel]]
        dots = [self.pixels[k] for k in free]
        found = (
            [None] * len(dots)
            if self.maps is None
            else objects_at(self.maps, dots, self.settings, labels != 0)
        )
        new, label = labels.copy(), self.next
        classes: dict[int, str] = {}
        proposed, missed = [], []
        for k, one in zip(free, found, strict=True):
            if one is not None:
                new[one.box][one.mask] = label
                proposed.append(label)
                classes[label] = self.names[one.class_index] if self.names else self.class_name
                label += 1
            else:
                missed.append(k)
        for k in missed if self.keep_dots else ():
            if _paint_dot(new, self.pixels[k], label):
                classes[label] = self.class_name
                label += 1
        known = len(self.pixels) - len(free)
        if not classes:
            raise InputError(_nothing(len(missed), known))
        changed = np.argwhere(new != labels)
        box = tuple(
            slice(int(a), int(b) + 1) for a, b in zip(changed.min(0), changed.max(0), strict=True)
        )
        numbers = tuple(self.numbers[k] for k in missed)
        parts = labels[box].copy(), new[box].copy()
        return FoundDots(box, *parts, classes, tuple(proposed), numbers, known)


def _paint_dot(labels: NDArray[np.int32], pixel: Pixel, label: int) -> bool:
    """Paint a small ball around a pixel, where nothing is annotated; return whether it is free."""
    if labels[pixel]:
        return False
    reach = int(DOT_RADIUS)
    box = tuple(
        slice(max(0, i - reach), min(n, i + reach + 1))
        for i, n in zip(pixel, labels.shape, strict=True)
    )
    away = np.indices([part.stop - part.start for part in box])
    middle = [i - part.start for i, part in zip(pixel, box, strict=True)]
    far = sum((line - m) ** 2 for line, m in zip(away, middle, strict=True))
    labels[box][(far <= DOT_RADIUS**2) & (labels[box] == 0)] = label
    return True


def _nothing(missed: int, known: int) -> str:
    """Return why no dot adds anything."""
    if not missed:
        return "all dots lie on what is annotated already" if known else "there is no dot here"
    return (
        f"the model sees no object at {plural(missed, 'dot')}: choose another model under Predict,"
        " or take them as scribbles, which a training completes"
    )
