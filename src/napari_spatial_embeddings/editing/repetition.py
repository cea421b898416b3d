"""Corrections of one frame of a time series, repeated in the following frames.

A correction is repeated only where it plainly applies: where what it was made of is there again, by
its tracks or by its place, and the same change gives the same outcome. What the user corrected
stays as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from napari_spatial_embeddings.core.instances import NOTHING, Corrections, Instances
from napari_spatial_embeddings.errors import InputError

from . import corrections as edit
from .following import (
    Frame,
    Known,
    Links,
    central,
    covered,
    found_again,
    pixel_inside,
    same_place,
    together,
)

FREE = 0.2
"""Share of an object's pixels up to which others may cover its place where it is missing."""

Act = Callable[[Frame], Corrections]
"""Makes the correction in a frame: returns its new corrections."""

Clicked = tuple[tuple[int, ...] | int, ...]
"""What was clicked on: pixels of the frame; of a class, a pixel and the index of the class."""


class Repetition(ABC):
    """A correction on its way through the frames after the one that it was made in.

    Parameters
    ----------
    number : int
        Of that frame.
    before, after : Instances
        Its objects before and after the correction.
    clicked : Clicked
    links : callable, optional
        Tracks of the objects before any of this.
    """

    def __init__(
        self,
        number: int,
        before: Instances,
        after: Instances,
        clicked: Clicked,
        links: Links | None = None,
    ) -> None:
        self._links, self._number = links, number
        self._start(before, after, clicked)

    @abstractmethod
    def _start(self, before: Instances, after: Instances, clicked: Clicked) -> None: ...

    @abstractmethod
    def act(self, number: int, frame: Frame) -> Act | None:
        """Return the correction of the next frame; None where nothing is to be corrected.

        Raises
        ------
        InputError
            If it does not plainly apply there.
        """

    def _find(self, known: Known, number: int, frame: Frame) -> int | None:
        return found_again(known, frame.instances, number, self._links)

    def _own(self, frame: Frame, *labels: int) -> None:
        """Refuse objects that the user corrected."""
        if np.isin(labels, frame.corrections.ids).any():
            raise InputError("it was corrected there")


class Deleted(Repetition):
    """An object was deleted: the same one, of its track or at its place, is to be deleted."""

    def _start(self, before: Instances, _after: Instances, clicked: Clicked) -> None:
        self._gone = Known.of(self._number, before.labels, _label(before, clicked[0]))

    def act(self, number: int, frame: Frame) -> Act | None:
        """See `Repetition.act`."""
        label = self._find(self._gone, number, frame)
        if label is None:
            if covered(self._gone, frame.instances) > FREE:
                raise InputError("something else is there")
            return None
        self._own(frame, label)
        self._gone = Known.of(number, frame.instances.labels, label)
        return lambda f: edit.delete(f.corrections, f.instances, label)


class Classed(Repetition):
    """An object got a class: the same one is to get it."""

    def _start(self, before: Instances, _after: Instances, clicked: Clicked) -> None:
        self._object = Known.of(self._number, before.labels, _label(before, clicked[0]))
        index = clicked[1]
        assert isinstance(index, int)
        self._index = index

    def act(self, number: int, frame: Frame) -> Act | None:
        """See `Repetition.act`."""
        label, index = self._find(self._object, number, frame), self._index
        if label is None:
            raise InputError("it is not found there")
        self._object = Known.of(number, frame.instances.labels, label)
        if int(frame.instances.class_index[frame.instances.ids == label][0]) == index:
            return None
        self._own(frame, label)
        return lambda f: edit.set_class(f.corrections, f.instances, label, index)


class Merged(Repetition):
    """Two objects were merged: the same two, which touch if those did, are to be merged."""

    def _start(self, before: Instances, _after: Instances, clicked: Clicked) -> None:
        labels = [_label(before, at) for at in clicked[:2]]
        self._parts = [Known.of(self._number, before.labels, label) for label in labels]
        self._touching = edit.touching(before, *labels)

    def act(self, number: int, frame: Frame) -> Act | None:
        """See `Repetition.act`."""
        one, other = (self._find(part, number, frame) for part in self._parts)
        if one is None or other is None or one == other:
            first, second = self._parts
            both = Known(first.frame, 0, together(first.pixels, second.pixels))
            if found_again(both, frame.instances, number) is None:
                raise InputError("the two are not found there")
            return None  # it is one object there
        self._own(frame, one, other)
        if self._touching and not edit.touching(frame.instances, one, other):
            raise InputError("the two do not touch there")
        a, b = one, other
        self._parts = [Known.of(number, frame.instances.labels, label) for label in (a, b)]
        return lambda f: edit.merge(f.corrections, f.instances, a, b)


class Split(Repetition):
    """An object was split: the same one is to be split, if that gives the same two parts."""

    def _start(self, before: Instances, after: Instances, clicked: Clicked) -> None:
        self._whole = Known.of(self._number, before.labels, _label(before, clicked[0]))
        labels = [_label(after, at) for at in clicked[:2]]
        self._parts = [Known.of(self._number, after.labels, label) for label in labels]

    def act(self, number: int, frame: Frame) -> Act | None:
        """See `Repetition.act`."""
        instances, shape = frame.instances, frame.instances.labels.shape
        apart = [found_again(Known(0, 0, x.pixels), instances, number) for x in self._parts]
        if None not in apart and apart[0] != apart[1]:
            self._parts = [Known.of(number, instances.labels, int(x or 0)) for x in apart]
            self._whole = Known(number, 0, together(*(part.pixels for part in self._parts)))
            return None  # they are two objects there
        label = self._find(self._whole, number, frame)
        if label is None:
            raise InputError("it is not found there")
        self._own(frame, label)
        whole = Known.of(number, instances.labels, label)
        step = whole.middle - self._whole.middle
        parts = [part.moved(step, shape) for part in self._parts]
        at = [pixel_inside(part, instances.labels, label) for part in parts]
        if at[0] is None or at[1] is None or at[0] == at[1]:
            raise InputError("its parts are not found there")
        a, b = at[0], at[1]

        def act(f: Frame) -> Corrections:
            return edit.split(f.corrections, f.instances, f.maps, a, b)

        labels = act(frame).labels
        if not all(same_place(x, labels, int(labels[p])) for x, p in zip(parts, at, strict=True)):
            raise InputError("its parts are others there")
        self._whole = whole
        self._parts = [Known.of(number, labels, int(labels[pixel])) for pixel in (a, b)]
        return act


class Added(Repetition):
    """A missing object was added: it is to be added where it is missing again."""

    def _start(self, _before: Instances, after: Instances, clicked: Clicked) -> None:
        self._at = _pixel(clicked[0])
        self._new = Known(0, 0, np.nonzero(after.labels == after.labels[self._at]))

    def act(self, number: int, frame: Frame) -> Act | None:
        """See `Repetition.act`."""
        label = found_again(self._new, frame.instances, number)
        if label is not None:
            self._new = Known(0, 0, np.nonzero(frame.instances.labels == label))
            self._at = central(self._new.pixels)
            return None  # it is there
        at = self._at
        if covered(self._new, frame.instances) > FREE or frame.corrections.labels[at] == NOTHING:
            raise InputError("something else is there")

        def act(f: Frame) -> Corrections:
            return edit.add(f.corrections, f.instances, f.maps, f.settings, at)

        added = act(frame)
        label = int(added.ids[-1])
        sure = added.score[-1] >= edit.BACKGROUND_SEED
        if not (sure and same_place(self._new, added.labels, label)):
            raise InputError("no such object is there")
        self._new = Known(0, 0, np.nonzero(added.labels == label))
        self._at = central(self._new.pixels)
        return act


REPETITIONS: dict[str, type[Repetition]] = {
    "delete": Deleted,
    "merge": Merged,
    "split": Split,
    "add": Added,
    "class": Classed,
}
"""By the tool that the correction was made with."""


def repeated(
    repetition: Repetition, frames: Iterable[tuple[int, Frame]]
) -> Iterator[tuple[int, Act]]:
    """Yield the frames in which a correction is to be repeated, and what makes it there.

    It ends before the first frame in which it does not plainly apply. Frames in which nothing is to
    be corrected are passed over.

    Parameters
    ----------
    repetition : Repetition
    frames : iterable of (int, Frame)
        Those after the one of the correction, in order, with their numbers.
    """
    for number, frame in frames:
        try:
            act = repetition.act(number, frame)
        except InputError:
            return
        if act is not None:
            yield number, act


def _pixel(clicked: tuple[int, ...] | int) -> tuple[int, ...]:
    assert isinstance(clicked, tuple)
    return clicked


def _label(instances: Instances, clicked: tuple[int, ...] | int) -> int:
    return int(instances.labels[_pixel(clicked)])
