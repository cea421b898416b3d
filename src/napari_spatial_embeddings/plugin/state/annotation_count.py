"""Counts of the annotated objects and regions of an image."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.text import plural


@dataclass(frozen=True, slots=True)
class AnnotationCount:
    """How much of an image is annotated.

    Parameters
    ----------
    objects : mapping
        Number of objects of each class.
    regions : int
        Number of complete regions.
    background : bool
        Whether there are strokes of background.
    digest : int
        CRC-32 of the labels as int32.
    proposed : int
        Number of those of the objects that a model proposed and the user did not edit.
    """

    objects: dict[str, int] = field(default_factory=dict)
    regions: int = 0
    background: bool = False
    digest: int = 0
    proposed: int = 0

    @property
    def total(self) -> int:
        """Number of objects."""
        return sum(self.objects.values())

    @property
    def any(self) -> bool:
        """Whether anything is annotated."""
        return bool(self.total or self.regions or self.background)

    def text(self, classes: Sequence[str] = ()) -> str:
        """Return the counts as text, with those of the classes if they are given."""
        objects = plural(self.total, "object")
        if classes and self.total:
            each = (f"{self.objects.get(name, 0)} {name}" for name in classes)
            objects += f" ({', '.join(each)})"
        if self.proposed:
            objects += f", {self.proposed} of them proposed"
        parts = [objects]
        if self.regions:
            parts.append(plural(self.regions, "region"))
        if self.background:
            parts.append("background")
        return ", ".join(parts)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True)
class AnnotationTotals:
    """How much is annotated on several images.

    Parameters
    ----------
    images : int
        Number of images that anything is annotated on.
    objects : int
        Number of objects on them.
    proposed : int
        Number of those of them that a model proposed and the user did not edit.
    scribbled : int
        Number of those of these images whose labels cover only part of their objects.
    digest : int
        Sum of the labels' checksums and the numbers of regions, as in a `TrainingSet`.
    classes : tuple of int
        Number of objects of each class that has any.
    """

    images: int = 0
    objects: int = 0
    scribbled: int = 0
    proposed: int = 0
    digest: int = 0
    classes: tuple[int, ...] = ()

    @classmethod
    def of(cls, counts: Iterable[tuple[AnnotationCount, bool]]) -> AnnotationTotals:
        """Return the totals of images, from the count of each and whether it is scribbled."""
        found = [(one, scribbled) for one, scribbled in counts if one.any]
        classes = sum((Counter(one.objects) for one, _ in found), Counter[str]())
        scribbled = sum(also for _, also in found)
        proposed = sum(one.proposed for one, _ in found)
        digest = sum(one.digest + one.regions for one, _ in found)
        each = tuple(classes.values())
        return cls(len(found), sum(each), scribbled, proposed, digest, each)

    @property
    def drawn(self) -> int:
        """Number of objects that no model proposed."""
        return self.objects - self.proposed

    @property
    def scribbled_only(self) -> bool:
        """Whether all that is annotated is scribbles."""
        return bool(self.images) and self.images == self.scribbled


def count(
    labels: NDArray[np.integer[Any]],
    classes: dict[int, str],
    default: str,
    regions: int,
    proposed: frozenset[int] = frozenset(),
) -> AnnotationCount:
    """Count what is annotated. May run in a thread, while the labels change.

    Parameters
    ----------
    labels : integers (*S)
    classes : dict
        Class of each label.
    default : str
        Class of the labels that are not listed.
    regions : int
        Number of regions.
    proposed : frozenset of ints
        Labels that a model proposed and the user did not edit.
    """
    flat, block = labels.reshape(-1), 1 << 20
    present: set[int] = set()
    digest = 0
    for start in range(0, len(flat), block):  # other threads get their turn between two blocks
        part = np.ascontiguousarray(flat[start : start + block], np.int32)
        digest = zlib.crc32(part.data, digest)
        top = int(part.max(initial=0))
        if top > block:
            present.update(np.unique(part).tolist())
        elif top > 0:
            present.update(np.flatnonzero(np.bincount(part.clip(0), minlength=1)).tolist())
    named = [classes.get(k, default) for k in present if k > 0]
    objects = Counter(name for name in named if name != BACKGROUND)
    left = len(proposed & present)
    return AnnotationCount(dict(objects), regions, BACKGROUND in named, digest, left)
