"""A plate by a simulated user: drop it on the list, look at a field, predict all of them.

A generator that stops after each stage, as `whole_loop` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.plugin.sections.image_list import ImageList
from napari_spatial_embeddings.samples import crowded_nuclei
from plates import plate
from plugin.image_rows import ImageRows, drop
from plugin.robot import Person

STAGES = ("plate-list", "plate-run", "plate-done")

WELLS = ("A/1", "A/2", "B/1", "B/2")

SIZE = 640
"""Pixels of a field along each axis."""


def generated(folder: Path) -> Path:
    """Write a plate of four wells with two fields each; it lists one field more."""
    fields = {
        well: {
            str(field): crowded_nuclei(2 * k + field, SIZE).image[0].astype(np.uint16)
            for field in range(2)
        }
        for k, well in enumerate(WELLS)
    }
    return plate(folder / "plate.zarr", fields, listed={"B/1": ["2"]})


def predict(person: Person, path: Path) -> Iterator[str]:
    """Go through a plate."""
    (place,) = person.dock.findChildren(ImageList)
    rows = ImageRows(person.dock)
    assert drop(place, path)
    person.wait(lambda: person.has("plate_A1_0"))
    rows.click(rows.texts.index("plate_B2: 2 fields"))
    rows.click(rows.texts.index("plate_B2: 2 fields") + 1)
    person.wait(lambda: person.has("plate_B2_0"))
    yield "plate-list"
    person.open("Data", "Predict and tune")
    person.press("All images")
    person.wait(lambda: person.says(" left: plate_"))
    yield "plate-run"
    person.wait(lambda: person.says("Skipped 1 image"))
    person.rest(600)
    person.open("Data", "Predict and tune")
    yield "plate-done"
