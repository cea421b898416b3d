"""Search for the typical diameter of the objects in images, by predictions at several sizes.

A network finds something at every scale, and what it finds has about the size that it knows there:
no size contradicts itself. But neighbouring sizes agree about what is there, see `agreement`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData, sliced
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.image_check import check_image
from napari_spatial_embeddings.inference.normalisation import Scale, normalisation_of

from .agreement import BY_CHANCE, Evidence, Found, best_diameter, evidence

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

FACTORS = tuple(2 ** (0.4 * k) for k in range(-3, 10))
"""Sizes that are tried, in diameters that the model knows: 0.44 to 12, a third larger each."""

POINTS = 2**18
"""Points of the network's grid at each size: of larger images, a window is looked at."""

PIXELS = 2**22
"""Pixels or voxels of that window, at most."""

FRAMES = 3
"""Of a time series, that are looked at."""

SMALLEST = 2.0
"""Diameter in pixels of the finest axis."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects are looked for.

    Parameters
    ----------
    image : ImageData
        No time series, but perhaps a frame of one.
    at : tuple of D ints, optional
        The pixel in the middle of what is looked at; that in the middle of the image if not given.
    scale : float64 (2, C), optional
        From `normalisation.normalisation`; that of the image if not given.
    """

    image: ImageData
    at: tuple[int, ...] | None = None
    scale: Scale | None = None

    def window(self, edge: float) -> tuple[slice, ...]:
        """Return the part of the image that is looked at, of an edge in pixels of the finest axis.

        Where an axis is shorter, the others are longer.
        """
        image = self.image
        lengths = np.array(image.shape) * np.array(image.spacing)
        volume = edge**image.ndim
        edges = np.zeros(image.ndim)
        for left, axis in zip(range(image.ndim, 0, -1), np.argsort(lengths), strict=True):
            edges[axis] = min(lengths[axis], volume ** (1 / left))
            volume /= edges[axis]
        out = []
        for axis, n in enumerate(image.shape):
            size = int(np.clip(round(edges[axis] / image.spacing[axis]), 1, n))
            middle = n // 2 if self.at is None else self.at[axis]
            start = int(np.clip(middle - size // 2, 0, n - size))
            out.append(slice(start, start + size))
        return tuple(out)


@dataclass(frozen=True, slots=True)
class FoundSize:
    """What came of a search.

    Parameters
    ----------
    diameters : tuple of floats
        Those that were tried, in pixels of the images' finest axis, in ascending order.
    worth : tuple of floats
        How well each of them does, from 0 where no object was found; the mean over the images.
    diameter : float, optional
        The best one, between those that were tried, to a tenth of a pixel; None if no object was
        found at any.
    evidence : tuple of Evidence
        By which it was found, of each image.
    """

    diameters: tuple[float, ...]
    worth: tuple[float, ...]
    diameter: float | None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class SizeReport:
    """Progress of a search.

    Parameters
    ----------
    done, total : int
        Predictions.
    found : FoundSize, optional
        With the last report.
    """

    done: int
    total: int
    found: FoundSize | None = None


def find_diameter(
    model: SpatialEmbeddings,
    places: Sequence[Place],
    clustering: ClusteringSettings,
    device: str = "auto",
    others: Mapping[float, float] | None = None,
) -> Iterator[SizeReport]:
    """Yield progress of the search for one diameter that suits some images.

    Parameters
    ----------
    model : SpatialEmbeddings
    places : sequence of Place
        At least one.
    clustering : ClusteringSettings
    device : str
    others : mapping, optional
        Mean F1 of diameters and the next ones in other images of the kind: see `pooling.Pool`.

    Raises
    ------
    ModelError, InputError
        If an image does not fit the model, or cannot be read.
    """
    if not places:
        raise InputError("there is no image to find the size of objects in")
    for place in places:
        check_image(model.settings, place.image.data.shape, place.image.data.dtype)
    diameters = _diameters(model, places)
    total = len(places) * len(diameters)
    yield SizeReport(0, total)
    seen: list[Evidence] = []
    for k, place in enumerate(places):
        found: list[Found] = []
        if place.scale is None:
            place = replace(place, scale=normalisation_of(place.image, model.settings))
        for diameter in diameters:
            found.append(_found(model, place, diameter, clustering, device))
            yield SizeReport(k * len(diameters) + len(found), total)
        seen.append(evidence(found))
    known = chosen(diameters, seen, model.settings.working_diameter, others)
    yield SizeReport(total, total, known)


def chosen(
    diameters: Sequence[float],
    seen: Sequence[Evidence],
    working: float,
    others: Mapping[float, float] | None = None,
) -> FoundSize:
    """Return what follows for images, each of which was looked at with the same diameters.

    Parameters
    ----------
    diameters : sequence of N floats
    seen : sequence of Evidence
        Of each image.
    working : float
        Diameter that the model knows, in points of its grid.
    others : mapping, optional
        As of `find_diameter`.
    """
    f1 = np.array([others.get(d, BY_CHANCE) for d in diameters[:-1]]) if others else None
    mean = np.mean([one.worth(f1) for one in seen], 0)
    best = best_diameter(diameters, mean, working)
    return FoundSize(tuple(diameters), tuple(mean.tolist()), best, tuple(seen))


def places_in(image: ImageData) -> list[Place]:
    """Return where to look in an image, or in a time series: in frames that are evenly spread."""
    if image.frames is None:
        return [Place(image)]
    count = min(FRAMES, image.frames)
    at = [int((k + 0.5) * image.frames / count) for k in range(count)]
    return [Place(replace(image.frame(t), whole=image.data)) for t in at]


def _diameters(model: SpatialEmbeddings, places: Sequence[Place]) -> list[float]:
    """Return the diameters to try: none of which an image could not hold two."""
    own = model.settings.working_diameter
    longest = max(
        max(n * unit for n, unit in zip(p.image.shape, p.image.spacing, strict=True))
        for p in places
    )
    tried = [factor * own for factor in FACTORS]
    return [d for d in tried if SMALLEST <= d <= longest / 2] or [max(SMALLEST, own)]


def _found(
    model: SpatialEmbeddings,
    place: Place,
    diameter: float,
    clustering: ClusteringSettings,
    device: str,
) -> Found:
    """Return what a model finds in a part of an image, taken to hold objects of a diameter."""
    ndim, own = model.settings.ndim, model.settings.working_diameter
    points = POINTS ** (1 / ndim) * diameter / own * math.prod(model.settings.spacing) ** (1 / ndim)
    window = place.window(min(points, PIXELS ** (1 / ndim)))
    image = place.image
    pixels = sliced(image.data, (slice(None), *window))
    how = PredictionSettings(object_diameter=diameter, device=device)
    _, spacing = model.suited(how, image.pixel_size, image.unit)
    *_, last = model.predicting(pixels, how, spacing=spacing, scale=place.scale)
    objects = cluster(last.maps, clustering)
    score = float(objects.score.mean()) if len(objects) else 0.0
    width = typical_diameter([objects.labels], image.spacing)
    return Found(diameter, window, objects.labels, score, len(objects), width)
