"""The tools that correct objects: what each is called, says, and does with a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing import corrections as act
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.pointer import Pixel

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.maps import EmbeddingMaps


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's objects as they are when a click is dealt with."""

    corrections: Corrections
    instances: Instances
    maps: EmbeddingMaps
    settings: ClusteringSettings

    def label(self, pixel: Pixel) -> int:
        """Return the label of the object at a pixel; see `label_at`."""
        return label_at(self.instances, pixel)


def label_at(instances: Instances, pixel: Pixel) -> int:
    """Return the label of the object at a pixel.

    Raises
    ------
    InputError
        If there is none.
    """
    label = int(instances.labels[pixel])
    if not label:
        raise InputError("there is no object here: click inside one")
    return label


def delete(now: Scene, at: Pixel) -> Corrections:
    """Take away the object."""
    return act.delete(now.corrections, now.instances, now.label(at))


def merge(now: Scene, a: Pixel, b: Pixel) -> Corrections:
    """Make one object of two."""
    return act.merge(now.corrections, now.instances, now.label(a), now.label(b))


def split(now: Scene, a: Pixel, b: Pixel) -> Corrections:
    """Make two objects of one."""
    return act.split(now.corrections, now.instances, now.maps, a, b)


def add(now: Scene, at: Pixel) -> Corrections:
    """Add the object that the pixel proposes."""
    return act.add(now.corrections, now.instances, now.maps, now.settings, at)


def lock(now: Scene, at: Pixel) -> Corrections:
    """Lock the object, or unlock it if it is locked."""
    label = now.label(at)
    if label in now.corrections.ids:
        return act.release(now.corrections, label)
    return act.accept(now.corrections, now.instances, [label])


def give_class(now: Scene, at: Pixel, index: int) -> Corrections:
    """Say which class the object has."""
    return act.set_class(now.corrections, now.instances, now.label(at), index)


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to correct objects.

    Parameters
    ----------
    name : str
        On its button.
    key : str
        That chooses it while the objects' layer is active.
    hint : str
        What to do with it.
    work : callable, optional
        What a click does, given the scene and the pixel, or both pixels; None if napari does it.
    then : str
        What to do after the first of two clicks; empty if one is enough.
    """

    name: str
    key: str
    hint: str
    work: Callable[..., Corrections] | None = None
    then: str = ""


TOOLS: dict[str, Tool] = {
    "delete": Tool("Delete", "D", "Click what is no object: it goes, and stays away.", delete),
    "merge": Tool(
        "Merge",
        "J",
        "Click the first of two objects that are one.",
        merge,
        "Now click the object to join with {label}.",
    ),
    "split": Tool(
        "Split",
        "S",
        "Click in the middle of the one of two objects.",
        split,
        "Now click in the middle of the other one in {label}.",
    ),
    "add": Tool("Add", "A", "Click in the middle of an object that was missed.", add),
    "accept": Tool("Accept", "K", "Click an object to lock it; once more unlocks it.", lock),
    "paint": Tool("Paint", "P", "Paint an object; the dropper (L) picks one to extend, E erases."),
    "class": Tool("Class", "C", "Click the objects that are of this class.", give_class),
}
