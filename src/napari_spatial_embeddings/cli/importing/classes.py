"""Table of the classes of imported labels, in the form that ``train`` takes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings.core.text import plural

if TYPE_CHECKING:
    from napari_spatial_embeddings.files.annotations.target import Fitted

OTHER = "object"
"""Class of the objects that have none, where others have one."""


class ClassTable:
    """The classes of some images; what the file has of others stays.

    Parameters
    ----------
    path : path
        Written with each image; never, if no object has a class.

    Raises
    ------
    FileError
        If it is there already, and is no table of classes.
    """

    def __init__(self, path: Path) -> None:
        from napari_spatial_embeddings.files import read_classes

        self.path = path
        self._rows = read_classes(path) if path.exists() else {}
        self._written = False

    @property
    def written(self) -> Path | None:
        """The table, if there is one."""
        return self.path if self._written else None

    def add(self, name: str, classes: dict[int, str]) -> None:
        """Write the classes of the labels of an image, instead of those that it had."""
        from napari_spatial_embeddings.files.errors import writing
        from napari_spatial_embeddings.system.atomic import write_atomically

        had = self._rows.pop(name, None)
        if classes:
            self._rows[name] = classes
        if not classes and had is None:
            return
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["image", "label", "class"])
        for image, rows in self._rows.items():
            table.writerows([image, label, kind] for label, kind in rows.items())
        with writing(self.path):
            write_atomically(self.path, text.getvalue().encode())
        self._written = True


def class_of_each(found: Fitted) -> dict[int, str]:
    """Return the class of each label, if any has one."""
    if not found.classes:
        return {}
    labels = np.unique(found.labels)
    return {int(n): found.classes.get(int(n), OTHER) for n in labels if n > 0}


def notes_on(found: Fitted, classes: dict[int, str]) -> list[str]:
    """Return a sentence about labels without a class, where others have one."""
    without = len(classes) - len(found.classes)
    return [f"{plural(without, 'object')} without a class: called '{OTHER}'"] if without > 0 else []
