"""The whole loop by a simulated user: predict, tune, explain, annotate, train, correct, export.

A generator that stops after each stage: a test looks at what is there, the script of the
documentation's pictures takes a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.samples import Sample, crowded_nuclei
from plugin.robot import Person

TIMEOUT_SECONDS = 300.0
"""Seconds that a training may take to start, or to end after its time, on a busy machine."""


@dataclass(frozen=True)
class Scene:
    """An image, and its true objects.

    Parameters
    ----------
    name : str
    image : (*S)
    labels : int32 (*S)
        Every object.
    drawn : tuple of ints
        The objects that are painted.
    pixel_size : tuple of floats
    unit : str
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[np.int32]
    drawn: tuple[int, ...]
    pixel_size: tuple[float, ...]
    unit: str = "um"

    @classmethod
    def of(cls, sample: Sample) -> Scene:
        """Return the scene of a generated image."""
        drawn = tuple(int(i) for i in np.unique(sample.annotated) if i)
        return cls(sample.name, sample.image[0], sample.labels, drawn, sample.pixel_size)


def generated() -> Scene:
    """Return the scene of the first steps: crowded nuclei, of which a person paints ten."""
    return Scene.of(crowded_nuclei(annotated=10))


def predict(person: Person, scene: Scene) -> Iterator[str]:
    """Open the image, and predict it with the model that suits it."""
    person.viewer.add_image(
        scene.image,
        name=scene.name,
        scale=scene.pixel_size,
        units=(scene.unit,) * len(scene.pixel_size),
    )
    person.viewer.reset_view()
    person.rest()
    yield "data"
    person.open("Predict and tune")
    person.press("This image", TIMEOUT_SECONDS)
    person.wait(lambda: person.button("This image").isEnabled(), TIMEOUT_SECONDS)
    person.wait(lambda: person.says("objects"), TIMEOUT_SECONDS)
    person.rest()
    yield "predict"


def tune(person: Person) -> Iterator[str]:
    """Drag a slider, look at the arrows, and go back to the model's thresholds."""
    person.drag("Seed threshold", 0.5)
    person.press("Arrows")
    person.rest(500)
    yield "tune"
    person.press("Arrows")
    person.press("Reset")
    person.rest()


def annotate(person: Person, scene: Scene) -> Iterator[str]:
    """Draw objects."""
    person.open("Annotate")
    person.press("Annotate")
    radius = person.viewer.layers.selection.active.brush_size / 2
    for label in scene.drawn:
        # The brush's centre stays away from the object's edge, so that it paints no more than that.
        inner = ndi.distance_transform_edt(scene.labels == label) > radius
        person.paint(inner.astype(np.int32), 1, step=3)
    person.wait(lambda: person.says(f"{len(scene.drawn)} objects"))
    yield "annotate"


def train(person: Person, minutes: float, model: str | None = "nuclei-2d") -> Iterator[str]:
    """Train from a shipped model, or go on with the present one; watch the preview."""
    person.open("Train")
    if model is not None:
        person.choose("Start from", model)
    person.type("Time", f"{minutes:g}")
    person.press("Start training", TIMEOUT_SECONDS)
    person.wait(lambda: person.says("steps/s"), TIMEOUT_SECONDS)
    person.wait(lambda: person.has("instances"), TIMEOUT_SECONDS)
    person.wait(lambda: person.says("0:0") or not person.says("min left"), TIMEOUT_SECONDS)
    yield "train"
    person.wait(lambda: person.says("steps in"), TIMEOUT_SECONDS)
    # The whole image is predicted with the new model.
    person.open("Predict and tune")
    person.wait(lambda: person.button("This image").isEnabled(), TIMEOUT_SECONDS)
    person.rest()


def middle(layer: Labels, label: int) -> tuple[float, ...]:
    """Return the pixel of an object that lies next to its centre."""
    at = np.argwhere(layer.data == label)
    best = ((at - at.mean(0)) ** 2).sum(1).argmin()
    return tuple(float(x) for x in at[best])


def neighbours(person: Person) -> tuple[int, int]:
    """Return the labels of two objects side by side, not at the border and not annotated."""
    data = person.layer("instances").data
    inner = set(np.unique(data).tolist()) - {0}
    if person.has("annotations"):
        inner -= set(np.unique(data[person.layer("annotations").data > 0]).tolist())
    for edge in (data[0], data[-1], data[:, 0], data[:, -1]):
        inner -= set(np.unique(edge).tolist())
    for step in range(1, 12):
        a, b = data[:, :-step], data[:, step:]
        for i, j in sorted({(int(x), int(y)) for x, y in zip(a.flat, b.flat, strict=True)}):
            if i != j and i in inner and j in inner:
                return i, j
    raise AssertionError("no two objects are neighbours")


def explain(person: Person) -> Iterator[str]:
    """Explain an object."""
    layer = person.layer("instances")
    person.press("Explain")
    person.hover(layer, middle(layer, neighbours(person)[0]))
    person.wait(lambda: person.says("its margin"))
    yield "explain"
    person.press("Explain")


def correct(person: Person) -> Iterator[str]:
    """Delete an object and add it again, merge two and split them."""
    layer = person.layer("instances")
    person.open("Predict and tune", "Correct")
    one, other = neighbours(person)
    first, second = middle(layer, one), middle(layer, other)
    at = (tuple(map(int, first)), tuple(map(int, second)))
    person.press("Delete")
    person.click(layer, first)
    person.wait(lambda: not layer.data[at[0]])
    person.press("Add")
    person.click(layer, first)
    person.wait(lambda: layer.data[at[0]])
    person.press("Merge")
    person.click(layer, first)
    person.click(layer, second)
    person.wait(lambda: layer.data[at[0]] == layer.data[at[1]])
    person.press("Split")
    person.click(layer, first)
    person.click(layer, second)
    person.wait(lambda: layer.data[at[0]] != layer.data[at[1]])
    yield "correct"


def export(person: Person) -> Iterator[str]:
    """Write labels and table into the project's folder."""
    person.open("Predict and tune", "Export")
    person.press("Export this", TIMEOUT_SECONDS)
    person.wait(lambda: person.says("Wrote"))
    yield "export"


def loop(person: Person, scene: Scene, minutes: float) -> Iterator[str]:
    """Go through it all."""
    yield from predict(person, scene)
    yield from tune(person)
    yield from explain(person)
    yield from annotate(person, scene)
    yield from train(person, minutes)
    yield from correct(person)
    yield from export(person)
