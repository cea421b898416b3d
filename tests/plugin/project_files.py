"""Projects of the tests: painted into by the dock, and read as another program does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from napari.layers import Labels
from napari.viewer import Viewer

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.samples import nuclei
from plugin.robot_actions import press


class Answers(Dialogs):
    """A user who answers all questions for a file with one path, for a folder with another."""

    def __init__(self, path: Path | None, folder: Path | None = None) -> None:
        super().__init__()
        self._path, self._folder = path, folder or path

    def new_project(self, *_: Path) -> Path | None:
        return self._folder

    def open_project(self, *_: Path) -> Path | None:
        return self._folder

    def save_labels(self, suggestion: Path, /) -> Path | None:  # noqa: ARG002
        return self._path

    def find_image(self, *_: Path) -> Path | None:
        return self._path

    def add_images(self, *_: object) -> list[Path]:
        return [] if self._path is None else [self._path]

    def which_files(
        self, _folder: Path, _names: object, chosen: Callable[[str], object], /
    ) -> None:
        chosen("*")

    def add_folder(self, *_: Path) -> Path | None:
        return self._folder


def answer(dock: SpatialEmbeddingsWidget, path: Path | None) -> None:
    dock.project.dialogs = Answers(path)


def painted(viewer: Viewer) -> Labels:
    found = [x for x in viewer.layers if isinstance(x, Labels) and "annotations" in x.name]
    assert len(found) == 1
    return found[0]


def draw(viewer: Viewer, dock: SpatialEmbeddingsWidget, *corner: int) -> Labels:
    """Paint an object; its start is given."""
    if not any("annotations" in layer.name for layer in viewer.layers):
        press(dock, "Annotate")
    layer = painted(viewer)
    layer.paint((*corner[:-2], corner[-2] + 5, corner[-1] + 5), layer.selected_label)
    return layer


def project_of(dock: SpatialEmbeddingsWidget) -> Project:
    assert dock.session.project is not None
    return dock.session.project


def stored(dock: SpatialEmbeddingsWidget, at: int = 0) -> Annotation:
    """Return what another program reads in the project's folder."""
    project = Project.open(project_of(dock).folder)
    found = project.annotation(project.card.images[at].key)
    assert found is not None
    return found


def two_fields(tmp_path: Path) -> Path:
    """Make a project of two images, which are files beside it, and return its folder."""
    made = Project.create(tmp_path / "cells", classes=("cell", "debris"))
    (tmp_path / "raw").mkdir()
    for number in (0, 1):
        sample = nuclei(number, size=96, annotated=4 + number)
        source = tmp_path / f"raw/field {number}.tif"
        tifffile.imwrite(source, sample.image[0])
        entry = made.add_image(source, pixel_size=(0.3, 0.3), unit="um")
        kinds = {int(k): "debris" for k in np.unique(sample.annotated) if k}
        made.save_annotation(entry.key, Annotation(sample.annotated, kinds))
    return made.folder
