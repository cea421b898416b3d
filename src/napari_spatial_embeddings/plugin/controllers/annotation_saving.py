"""Annotations go into the project: those that changed since they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Annotation, Project

    from .project_images import ProjectImages


class Keeping:
    """Knows which annotations are not in the project yet, and writes them.

    Parameters
    ----------
    images : ProjectImages
    """

    def __init__(self, images: ProjectImages) -> None:
        self._images = images
        self._revision: Counter[str] = Counter()
        self._saved: dict[str, int] = {}
        self._touched: set[str] = set()

    def changed(self, key: str) -> None:
        """Note that the annotation of an image is another one now."""
        self._revision[key] += 1
        self._touched.add(key)

    def found(self, key: str) -> None:
        """Note that the annotation of an image came with its layer, and is in no project."""
        self._revision[key] += 1
        self._touched.discard(key)

    def touched(self, key: str) -> bool:
        """Return whether a person did something to the annotation of an image."""
        return key in self._touched

    def read(self, key: str) -> None:
        """Note that the annotation of an image is that of the project."""
        self._saved[key] = self._revision[key]

    def forget(self) -> None:
        """Note that nothing is in the project: it is another one."""
        self._saved.clear()

    def keep(self, key: str, annotation: Callable[[], Annotation]) -> None:
        """Queue the writing of an image's annotation, unless that is in the project already."""
        revision = self._revision[key]
        if revision != self._saved.get(key):
            self._images.keep(key, partial(self._write, key, annotation(), revision))

    def _write(self, key: str, annotation: Annotation, revision: int, project: Project) -> None:
        """Write an annotation; runs in the thread that writes.

        Painting may go on meanwhile. A stroke may then be written in part, and is written whole at
        the next pause.
        """
        project.save_annotation(key, replace(annotation, labels=np.array(annotation.labels)))
        self._saved[key] = revision


def rename_class(project: Project, but: Collection[str], old: str, new: str) -> None:
    """Rename a class in the annotations of a project's images, but for some."""
    for entry in project.card.images:
        annotation = project.annotation(entry.key) if entry.key not in but else None
        if annotation is not None and old in annotation.classes.values():
            names = {k: new if v == old else v for k, v in annotation.classes.items()}
            project.save_annotation(entry.key, replace(annotation, classes=names))
