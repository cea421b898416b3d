"""Outlines of a segmented image's objects, each with what is known of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import Outline, Ring, outlines
from napari_spatial_embeddings.export.colours import PALETTE
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.segmented import Results, Segmented, frames_of

EVERY = 200
"""Objects after which a writer reports."""

Steps: TypeAlias = Generator[tuple[int, int], None, None]
"""Reports of a writer: how many objects are written, and of how many."""


@dataclass(frozen=True, slots=True)
class Described:
    """An object's outline, or that in one slice, and what is known of the object.

    Parameters
    ----------
    share : pair of int
        How many objects, or frames of a series, came before, and of how many.
    outline : Outline
        Of a window, where it lies in the large image.
    t : int, optional
        The frame of a time series.
    channels : int
        Of the image, as far as it is known.
    class_name : str, optional
    class_index : int
    score : float, optional
    measurements : mapping of str to float
        Numbers of its row in the table, all finite.
    """

    share: tuple[int, int]
    outline: Outline
    t: int | None = None
    channels: int = 1
    class_name: str | None = None
    class_index: int = 0
    score: float | None = None
    measurements: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> int:
        """The object's label."""
        return self.outline.label

    @property
    def z(self) -> int | None:
        """The slice; None in an image."""
        return self.outline.z

    @property
    def colour(self) -> tuple[int, int, int]:
        """Red, green and blue of its class, 0 to 255."""
        red, green, blue = PALETTE[self.class_index % len(PALETTE)].tolist()
        return red, green, blue

    @property
    def rings(self) -> list[Ring]:
        """All rings of all pieces."""
        return [ring for piece in self.outline.pieces for ring in piece]

    @property
    def is_simple(self) -> bool:
        """Whether it is one piece without holes."""
        return len(self.outline.pieces) == len(self.outline.pieces[0]) == 1

    @property
    def place(self) -> dict[str, int]:
        """Frame and slice, as far as there are any, by the letter of the axis."""
        known = {"t": self.t, "z": self.z}
        return {axis: index for axis, index in known.items() if index is not None}

    @property
    def facts(self) -> dict[str, str]:
        """Label, class and score as texts, as far as they are known."""
        found: dict[str, Any] = {"label": self.label, "class": self.class_name}
        found["score"] = None if self.score is None else f"{self.score:.6g}"
        return {name: str(value) for name, value in found.items() if value is not None}


def described(
    found: Results, settings: ExportSettings, *, edges: bool = False
) -> Iterator[Described]:
    """Yield the outlines of all objects, by frames, in ascending order of labels and of slices.

    Parameters
    ----------
    found : Segmented or SegmentedSeries
    settings : ExportSettings
    edges : bool
        Along the edges of pixels instead of smooth; see `core.outlines.rings`.

    Raises
    ------
    InputError
        If whole outlines are wanted, and the maps are not known.
    """
    for k, (t, frame) in enumerate(frames_of(found)):
        share = None if isinstance(found, Segmented) else (k, len(found.numbers))
        yield from described_frame(frame, settings, t, share, edges=edges)


def numbers_of(table: Table) -> Table:
    """Return the columns that are measurements."""
    return {
        name: values
        for name, values in table.items()
        if name not in ("label", "frame") and any(isinstance(x, int | float) for x in values)
    }


def described_frame(
    found: Segmented,
    settings: ExportSettings,
    t: int | None = None,
    share: tuple[int, int] | None = None,
    columns: Mapping[str, list[Any]] = MappingProxyType({}),
    *,
    edges: bool = False,
) -> Iterator[Described]:
    """Yield the outlines of the objects of an image, or a frame; see `described`.

    Parameters
    ----------
    found : Segmented
    settings : ExportSettings
    t : int, optional
        The frame's number.
    share : pair of int, optional
        As in `Described`; counted by objects if not given.
    columns : Table
        From `numbers_of`, in the order of the objects' ids.
    edges : bool
        As of `described`.
    """
    instances = found.instances
    row = {label: k for k, label in enumerate(instances.ids.tolist())}
    channels = 1 if found.image is None else found.image.shape[0]
    number, before = -1, 0
    for one in outlines(found.masks(settings), edges=edges):
        number, before = number + (one.label != before), one.label
        k = row[one.label]
        values = {name: column[k] for name, column in columns.items()}
        score = float(instances.score[k])
        yield Described(
            share or (number, len(instances)),
            _moved(one, found.start),
            t,
            channels,
            found.class_of(k),
            int(instances.class_index[k]),
            score if math.isfinite(score) else None,
            {
                name: float(value)
                for name, value in values.items()
                if isinstance(value, int | float) and math.isfinite(value)
            },
        )


def _moved(one: Outline, start: tuple[int, ...]) -> Outline:
    """Return the outline of a window's object in the large image."""
    if not any(start):
        return one
    first = np.array(start[:-3:-1])  # x, y
    pieces = tuple(tuple(ring + first for ring in piece) for piece in one.pieces)
    return Outline(one.label, None if one.z is None else one.z + start[0], pieces)
