"""Writes of annotations into a project."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Annotation, Project


def write_annotation(key: str, annotation: Annotation, project: Project) -> None:
    """Write an annotation.

    Painting may go on meanwhile. A stroke may then be written in part, and is written whole at the
    next pause.
    """
    project.save_annotation(key, replace(annotation, labels=np.array(annotation.labels)))


def rename_class(project: Project, but: Collection[str], old: str, new: str) -> None:
    """Rename a class in the annotations of a project's images, but for some."""
    for entry in project.card.images:
        annotation = project.annotation(entry.key) if entry.key not in but else None
        if annotation is not None and old in annotation.classes.values():
            names = {k: new if v == old else v for k, v in annotation.classes.items()}
            project.save_annotation(entry.key, replace(annotation, classes=names))
