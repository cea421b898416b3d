"""A slide by a simulated user: a view of it, then the whole, stopped half-way and gone on with.

Generators that stop after each stage, as `whole_loop` does; between the two, napari is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication

from label_files import ome_zarr
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.samples import crowded_nuclei
from plugin.robot import Person, answer, as_soon_as

EDGE = 3072
"""Of the slide, in pixels."""

STEP = "Predict and tune"

SECONDS = 1800.0
"""How long the user waits for blocks."""


def mirrored(image: NDArray[np.generic], edge: int) -> NDArray[np.generic]:
    """Return an image (Y, X) mirrored side by side until it is large enough."""
    missing = [(0, max(0, edge - n)) for n in image.shape]
    return np.pad(image, missing, "symmetric")[:edge, :edge]


def slide(folder: Path, image: NDArray[np.generic] | None = None, edge: int = EDGE) -> Path:
    """Write a slide of an image, or of generated nuclei, as OME-Zarr."""
    if image is None:
        image = crowded_nuclei(annotated=0).image[0]
    return ome_zarr(folder / "slide.zarr", mirrored(image, edge), "YX", "0.5", [0.65, 0.65])


def open_slide(person: Person, path: Path) -> None:
    person.viewer.open(path, plugin="napari-spatial-embeddings")
    person.open(STEP)
    person.choose("Model", "nuclei-2d")
    person.rest()


def whole_slide(
    person: Person, folder: Path, image: NDArray[np.generic] | None = None, edge: int = EDGE
) -> Iterator[str]:
    """Try a view of a slide, start the whole image, and stop once some blocks are done.

    Parameters
    ----------
    person : Person
    folder : path
        For the slide and its labels.
    image, edge : optional
        As of `slide`.
    """
    open_slide(person, slide(folder, image, edge))
    eye = camera(person.viewer)
    home = eye.center, eye.zoom
    eye.center, eye.zoom = (0, 0.65 * 500, 0.65 * 500), 2.0
    person.press("This view")
    person.wait(lambda: person.has("instances") and person.says("object"), SECONDS)
    yield "slide-view"
    eye.center, eye.zoom = home
    person.open(STEP, "Settings")
    person.press("Block by block")
    person.open(STEP)
    person.layer("instances").visible = False
    output = folder / "slide.labels.zarr"
    as_soon_as(QApplication.activeModalWidget, lambda: answer(output))
    person.press("Whole image")
    person.wait(lambda: person.says(" of disk meanwhile"), SECONDS)
    yield "slide-run"
    person.press("Stop")
    person.wait(lambda: not person.dock.large.busy, SECONDS)
    person.show(person.button("Go on"))
    yield "slide-stopped"


def slide_again(person: Person, folder: Path) -> Iterator[str]:
    """Open the slide again, and go on to the end."""
    open_slide(person, folder / "slide.zarr")
    person.wait(lambda: person.has("whole image"), SECONDS)
    person.show(person.button("Go on"))
    yield "slide-reopened"
    person.press("Go on")
    person.wait(lambda: person.says("and their table to"), SECONDS)
    eye = camera(person.viewer)
    eye.center, eye.zoom = (0, 0.65 * 1100, 0.65 * 1100), 1.2
    person.rest()
    yield "slide-done"
