"""Rule of what a training holds out, by the numbers of what is annotated and by its start model.

The window shows its outcome before a training starts; so it needs neither images nor torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from napari_spatial_embeddings.inference.model_card import Places

IMAGES_FROM = 8
"""Number of images from which on some are held out."""

OBJECTS_FROM = 5
"""Number of annotated objects from which on some are held out, if the images are fewer."""

SHARE, LEAST, MOST = 0.1, 2, 20
"""Share of the objects that are held out; the smallest and the largest number of them."""

NEW_SHARE = 0.4
"""Largest share of the new objects, which the start model does not know: the others are learned."""


class HeldOut(Enum):
    """What a training holds out to choose the best model by, or why nothing."""

    IMAGES = auto()
    OBJECTS = auto()
    UNWANTED = auto()
    """Nothing, by the settings."""
    SEEN = auto()
    """Nothing: the start model has, or may have, learned from all but a few of the objects."""
    FEW = auto()
    """Nothing: the objects are too few."""

    @property
    def something(self) -> bool:
        """Whether something is held out."""
        return self in (HeldOut.IMAGES, HeldOut.OBJECTS)


def held_out_of(
    images: int, objects: int, new: int, before: int, classes: Collection[int], share: float
) -> HeldOut:
    """Return what a training holds out.

    Parameters
    ----------
    images : int
        Number of annotated images.
    objects : int
        Number of annotated objects in them, scribbles or whole, that no model proposed.
    new, before : int
        Number of those of them that no training of the start model knew, and of those that were
        held out in its last one.
    classes : collection of int
        Number of all objects of each class that has any.
    share : float
        Share of the images that the settings want to be held out.
    """
    if not share:
        return HeldOut.UNWANTED
    if images >= IMAGES_FROM:
        return HeldOut.IMAGES
    spare = sum(count - 1 for count in classes)  # one of each class is learned from
    if objects < OBJECTS_FROM or spare < LEAST:
        return HeldOut.FEW
    return HeldOut.OBJECTS if int(NEW_SHARE * new) + before >= LEAST else HeldOut.SEEN


def number_held_out(objects: int) -> int:
    """Return how many of some objects are held out at most."""
    return min(MOST, max(LEAST, round(SHARE * objects)))


def places_known(places: Places | None, history: Sequence[Mapping[str, Any]]) -> Places | None:
    """Return the places of a start model's objects, if they are known.

    Parameters
    ----------
    places : Places, optional
        As its card has them, which that of a model of an earlier version does not.
    history : sequence of mappings
        Validations of its earlier trainings. If all were on what was held out, then what is to be
        held out now was so before, mostly, or is of other images.
    """
    if places is None and all(entry.get("held_out") for entry in history):
        return Places()
    return places
