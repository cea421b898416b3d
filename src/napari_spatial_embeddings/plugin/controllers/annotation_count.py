"""How much is drawn: counted in a thread, for people to read."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.qt.workers import Latest
from napari_spatial_embeddings.text import plural
from napari_spatial_embeddings.training.annotation import BACKGROUND


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much is drawn on an image.

    Parameters
    ----------
    objects : mapping
        Number of objects of each class.
    regions : int
        Number of regions in which everything is drawn.
    background : bool
        Whether there are strokes of background.
    digest : int
        Of the labels.
    """

    objects: dict[str, int] = field(default_factory=dict)
    regions: int = 0
    background: bool = False
    digest: int = 0

    @property
    def total(self) -> int:
        """Number of objects."""
        return sum(self.objects.values())

    def told(self, classes: Sequence[str] = ()) -> str:
        """Return the counts for people to read, with those of the classes if they are given."""
        objects = plural(self.total, "object")
        if classes and self.total:
            each = (f"{self.objects.get(name, 0)} {name}" for name in classes)
            objects += f" ({', '.join(each)})"
        parts = [objects]
        if self.regions:
            parts.append(plural(self.regions, "region"))
        if self.background:
            parts.append("background")
        return ", ".join(parts)

    def __str__(self) -> str:
        return self.told()


def count(
    labels: NDArray[np.integer[Any]], classes: dict[int, str], default: str, regions: int
) -> Drawn:
    """Count what is drawn. May run in a thread, while the labels change.

    Parameters
    ----------
    labels : integers (*S)
    classes : dict
        Class of each label.
    default : str
        Class of the labels that are not listed.
    regions : int
        Number of regions.
    """
    flat, block = labels.reshape(-1), 1 << 20
    present: set[int] = set()
    digest = 0
    for start in range(0, len(flat), block):  # other threads get their turn between two blocks
        part = np.ascontiguousarray(flat[start : start + block])
        digest = zlib.crc32(part.data, digest)
        top = int(part.max(initial=0))
        if top > block:
            present.update(np.unique(part).tolist())
        elif top > 0:
            present.update(np.flatnonzero(np.bincount(part.clip(0), minlength=1)).tolist())
    named = [classes.get(k, default) for k in present if k > 0]
    found = Counter(name for name in named if name != BACKGROUND)
    return Drawn(dict(found), regions, BACKGROUND in named, digest)


class Counts(QObject):
    """Counts what is drawn on several images, one after the other, in a thread.

    Parameters
    ----------
    look : callable
        Returns what `count` takes, for the key of an image; None if nothing is drawn on it.
    """

    counted = Signal(str, object)
    """Key of the image, and how much is drawn on it."""
    failed = Signal(str)

    def __init__(
        self, look: Callable[[str], tuple[Any, ...] | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._waiting: list[str] = []
        self._counting = Latest(lambda request: count(*request[1]), self)
        self._counting.done.connect(self._done)
        self._counting.failed.connect(self.failed)

    def close(self) -> None:
        """Count no more."""
        self._counting.close()

    def request(self, key: str) -> None:
        """Count what is drawn on an image, as soon as there is time for it."""
        if key not in self._waiting:
            self._waiting.append(key)
        if not self._counting.busy:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            key = self._waiting.pop(0)
            what = self._look(key)
            if what is not None:
                self._counting.request((key, what))
                return

    def _done(self, request: tuple[str, Any], drawn: Drawn) -> None:
        self.counted.emit(request[0], drawn)
        self._next()
