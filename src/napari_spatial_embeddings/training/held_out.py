"""Rule of what a training holds out, by the numbers of what is annotated and by its start model.

The window shows its outcome before a training starts; so it needs neither images nor torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

IMAGES_FROM = 8
"""Number of images from which on some are held out."""

OBJECTS_FROM = 8
"""Number of annotated objects from which on some are held out, if the images are fewer."""


class HeldOut(Enum):
    """What a training holds out to choose the best model by, or why nothing."""

    IMAGES = auto()
    OBJECTS = auto()
    UNWANTED = auto()
    """Nothing, by the settings."""
    UNTRAINED = auto()
    """Nothing: a model from scratch needs all."""
    SEEN = auto()
    """Nothing: the start model may have been trained on any of the objects."""
    SCRIBBLES = auto()
    """Nothing: scribbles do not show where objects end."""
    FEW = auto()
    """Nothing: the objects are too few."""

    @property
    def something(self) -> bool:
        """Whether something is held out."""
        return self in (HeldOut.IMAGES, HeldOut.OBJECTS)


def held_out_of(
    images: int, objects: int, scribbled: bool, share: float, history: Sequence[Mapping[str, Any]]
) -> HeldOut:
    """Return what a training holds out.

    Parameters
    ----------
    images, objects : int
        Numbers of annotated images, and of the objects in them.
    scribbled : bool
        Whether labels of any image are scribbles.
    share : float
        Share of the images that the settings want to be held out.
    history : sequence of mappings
        Validations of the start model in its earlier trainings; empty from scratch.
    """
    if not share:
        return HeldOut.UNWANTED
    if images >= IMAGES_FROM:
        return HeldOut.IMAGES
    if not history:
        return HeldOut.UNTRAINED
    if not all(entry.get("held_out") for entry in history):
        return HeldOut.SEEN  # what it may have seen, it would segment best itself
    if scribbled:
        return HeldOut.SCRIBBLES
    return HeldOut.OBJECTS if objects >= OBJECTS_FROM else HeldOut.FEW
