"""Tools that correct objects: the text on their buttons, and their effect on the corrections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.instances import Corrections, Instances
    from napari_spatial_embeddings.core.maps import EmbeddingMaps

Pixel = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's objects at the time when a click is handled."""

    corrections: Corrections
    instances: Instances
    maps: EmbeddingMaps
    settings: ClusteringSettings

    def label(self, pixel: Pixel) -> int:
        """Return the label of the object at a pixel; see `label_at`."""
        return label_at(self.instances, pixel)


Change = Callable[[Scene], "Corrections"]
"""Returns new corrections; called in a thread."""


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


def delete(scene: Scene, at: Pixel) -> Corrections:
    """Delete the object."""
    return edit.delete(scene.corrections, scene.instances, scene.label(at))


def merge(scene: Scene, a: Pixel, b: Pixel, *, apart: bool = False) -> Corrections:
    """Make one object of two.

    Raises
    ------
    InputError
        If the objects do not touch, unless they may be ``apart``.
    """
    one, other = scene.label(a), scene.label(b)
    merged = edit.merge(scene.corrections, scene.instances, one, other)
    if not apart and not edit.touching(scene.instances, one, other):
        raise InputError(
            f"objects {one} and {other} do not touch: click both once more to merge them all the"
            " same"
        )
    return merged


def split(scene: Scene, a: Pixel, b: Pixel) -> Corrections:
    """Make two objects of one."""
    return edit.split(scene.corrections, scene.instances, scene.maps, a, b)


def add(scene: Scene, at: Pixel) -> Corrections:
    """Add the object that the pixel proposes.

    Raises
    ------
    InputError
        If it proposes none, or the model is sure that there is only background.
    """
    added = edit.add(scene.corrections, scene.instances, scene.maps, scene.settings, at)
    score = float(added.score[-1])
    if score < edit.BACKGROUND_SEED:
        raise InputError(
            f"there is no object here, as far as the model sees (seed value {score:.2f}): click in"
            " the middle of one, or paint it"
        )
    return added


def lock(scene: Scene, at: Pixel) -> Corrections:
    """Lock the object, or unlock it if it is locked."""
    label = scene.label(at)
    if label in scene.corrections.ids:
        return edit.release(scene.corrections, label)
    return edit.accept(scene.corrections, scene.instances, [label])


def set_class(scene: Scene, at: Pixel, index: int) -> Corrections:
    """Set the class of the object."""
    return edit.set_class(scene.corrections, scene.instances, scene.label(at), index)


def painted_in(scene: Scene, box: Box, part: NDArray[np.integer]) -> Corrections:
    """Take over the labels (*box) of a part of the image that was painted in."""
    labels = scene.instances.labels.astype(np.result_type(part, np.int32))
    labels[box] = part
    return edit.painted(scene.corrections, scene.instances, scene.maps, labels)


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to correct objects.

    Parameters
    ----------
    name : str
        On its button.
    key : str
        Chooses it while the objects' layer is active.
    hint : str
        What to do with it.
    click : callable, optional
        Effect of a click, given the scene and the pixel, or both pixels; None if napari paints.
    second_hint : str
        What to do after the first of two clicks; empty if one is enough.
    """

    name: str
    key: str
    hint: str
    click: Callable[..., Corrections] | None = None
    second_hint: str = ""


TOOLS: dict[str, Tool] = {
    "delete": Tool("Delete", "D", "Click an object that is wrong; it stays deleted.", delete),
    "merge": Tool(
        "Merge",
        "J",
        "Click the first of two objects to merge.",
        merge,
        "Now click the object to merge with {label}.",
    ),
    "split": Tool(
        "Split",
        "S",
        "Click in the middle of the first half of an object.",
        split,
        "Now click in the middle of the second half of {label}.",
    ),
    "add": Tool("Add", "A", "Click in the middle of an object that was missed.", add),
    "accept": Tool("Accept", "K", "Click an object to lock it; click again to unlock it.", lock),
    "paint": Tool("Paint", "P", "Paint an object. L picks one to extend, E erases."),
    "class": Tool("Class", "C", "Click objects to give them this class.", set_class),
}
