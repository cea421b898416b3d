"""Write what a person sees: labels, tables, maps and pictures, of one image or of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import FORMATS
from napari_spatial_embeddings.export.command import predict_command
from napari_spatial_embeddings.files import distinct
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.workers import Job
from napari_spatial_embeddings.plugin.session import Kind
from napari_spatial_embeddings.plugin.tasks.export import Task, write
from napari_spatial_embeddings.plugin.tasks.predict import Models, Order, Told, predict_one

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
    from napari_spatial_embeddings.project import Project

CHOSEN = ("labels", "objects")
"""What is written unless a person chooses otherwise."""


class ExportGroup(QWidget):
    """What to write, where to, and the buttons that do it.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self._job: Job | None = None
        self._models = Models()
        self.boxes: dict[str, QCheckBox] = {}
        for key, kind in FORMATS.items():
            box = self.boxes[key] = QCheckBox(kind.name)
            box.setToolTip(f"{kind.about}\nNAME{kind.ending}")
            box.setChecked(key in CHOSEN)
            box.toggled.connect(self.refresh)
        self.folder = QLineEdit()
        self.folder.setClearButtonEnabled(True)
        self.folder.setToolTip("Where the files go; older ones of the same names are replaced.")
        browse = QPushButton("…")
        browse.setMaximumWidth(32)
        browse.setToolTip("Choose a folder")
        browse.clicked.connect(self._browse)
        self.this = QPushButton("Export this")
        self.all = QPushButton("Export all")
        self.copy = QPushButton("Copy command")
        self.this.clicked.connect(lambda: self._export([self.session.image or ""]))
        self.all.clicked.connect(lambda: self._export(self._possible()))
        self.copy.clicked.connect(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        grid = QGridLayout()
        for k, box in enumerate(self.boxes.values()):
            grid.addWidget(box, k // 2, k % 2)
        layout.addLayout(grid)
        # One row: below a taller group, a message would lie over its end on a small screen.
        for row in ((self.folder, browse), (self.this, self.all, self.copy)):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget, 0 if widget is browse else 1)
            layout.addLayout(line)
        workspace.predictor.progressed.connect(self.refresh)
        workspace.predictor.ended.connect(self.refresh)
        self._links = (
            (self.session.result_changed, self.refresh),
            (self.session.image_changed, self.refresh),
            (self.session.project_changed, self.refresh),
            (self.session.model_changed, self.refresh),
        )
        for signal, slot in self._links:
            signal.connect(slot)
        self.refresh()

    def close_down(self) -> None:
        """End what runs in the background."""
        for signal, slot in self._links:
            signal.disconnect(slot)
        if self._job is not None:
            self._job.stop(wait=5)

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._job is not None

    # ---------------------------------------------------------------- what is possible

    def refresh(self, *_: object) -> None:
        """Say what is possible, and of the rest why it is not."""
        self.folder.setPlaceholderText(str(self._default_folder()))
        formats = [key for key, box in self.boxes.items() if box.isChecked()]
        busy = "The files are being written." if self._job is not None else ""
        nothing = "" if formats else "Tick what to write."
        result = self.session.result
        found = result is not None and result.instances is not None
        missing = "" if found else "Predict this image first."
        none = "" if self._possible() else "Predict an image first."
        # What is there then is the old model's, which the new one's thresholds do not suit.
        wait = "Wait until the prediction is done."
        soon = wait if self.workspace.predictor.covers(self.session.image) else ""
        _allow(self.this, busy or missing or soon or nothing, "Write the image that is shown now.")
        if self._job is not None:
            _allow(self.all, "", "Stop after the file that is being written.")
        else:
            _allow(
                self.all,
                none or (wait if self.workspace.predictor.running else "") or nothing,
                "Write every image; those of the project that were not predicted yet are, first.",
            )
        self.all.setText("Export all" if self._job is None else "Stop")
        model = "" if self.session.model else "Choose or train a model first."
        _allow(
            self.copy,
            model,
            "Copy the command that segments this image with the model and the thresholds of now,"
            " for a terminal or a script; corrections are not part of it.",
        )

    def _possible(self) -> list[str]:
        """List the images that can be written: the predicted ones, and the project's."""
        results, project = self.session.results.items(), self.session.project
        keys = [key for key, result in results if result.instances is not None]
        if project is not None and self.session.model is not None:
            keys += [entry.key for entry in project.card.images if entry.key not in keys]
        return keys

    def _default_folder(self) -> Path:
        project, layer = self.session.project, self.workspace.layer
        if project is not None:
            return project.folder / "results"
        if layer is not None and (path := _layers.source(layer)) is not None:
            return path.parent / "results"
        return Path.home() / "spatial-embeddings" / "results"

    # ---------------------------------------------------------------- at work

    def _browse(self) -> None:
        start = self.folder.text() or str(self._default_folder())
        if chosen := QFileDialog.getExistingDirectory(self, "Folder for the results", start):
            self.folder.setText(chosen)

    def _export(self, keys: list[str]) -> None:
        if self._job is not None:
            self._stop()
            return
        with self.session.speaking():
            folder = Path(self.folder.text() or self._default_folder()).expanduser()
            formats = [key for key, box in self.boxes.items() if box.isChecked()]
            names, spare = self._names(), self._sources()
            tasks = [self._task(key, names[key]) for key in keys]
            self._job = job = Job(lambda: write(folder, tasks, formats, spare), self)
            job.reported.connect(self._report)
            job.ended.connect(self._end)
            job.failed.connect(self._fail)
            job.start()
            self.refresh()

    def _task(self, key: str, file: str) -> Task:
        """Return what is to be done for an image, whose files have a name."""
        result, layer = self.session.results.get(key), self.workspace.layer_of(key)
        entry = self.workspace.project_images.entry(key)
        project, settings = self.session.project, self.session.clustering
        name = self._name(key)
        if layer is None and project is not None and entry is not None:
            read = partial(project.image, key)
        else:
            read = partial(self.workspace.picture, key)
        if result is not None and result.instances is not None:
            at = self._slice(key) if result.maps.ndim == 3 else None
            return Task(file, name, settings, read, result, at=at, limits=self._limits(key))
        model = self.session.model
        if model is None or project is None:
            raise InputError(f"there is nothing to export of {name}; predict it first")
        order = Order(model, settings, self.session.prediction, {})
        return Task(file, name, settings, read, predict=partial(self._predict, order, project, key))

    def _name(self, key: str) -> str:
        layer, entry = self.workspace.layer_of(key), self.workspace.project_images.entry(key)
        return str(layer.name) if layer is not None else entry.name if entry else key

    def _names(self) -> dict[str, str]:
        """Return what the files of each image are called: the project's as on the command line."""
        project = self.session.project
        known = {} if project is None else project.card.result_names
        keys = [key for key in self.session.results if key not in known]
        names = distinct(map(self._name, keys), known.values())
        return {**known, **dict(zip(keys, names, strict=True))}

    def _predict(
        self, order: Order, project: Project, key: str, picture: ImageData
    ) -> Iterator[Told]:
        """Predict an image of the project; runs in the thread that writes."""
        for told in predict_one(self._models, order, key, picture, None):
            result = told.result
            if result is not None and (known := project.corrections(key)) is not None:
                clustering = result.clustering.corrected(known)
                result = replace(result, clustering=clustering, corrections=known)
            yield replace(told, result=result)

    def _slice(self, key: str) -> int | None:
        """Return which slice of a volume is shown now."""
        layer = _layers.find(self.workspace.viewer, "instances", key)
        if layer is None or self.workspace.viewer.dims.ndisplay != 2:
            return None
        z = round(float(layer.world_to_data(self.workspace.viewer.dims.point)[0]))
        return z if 0 <= z < layer.data.shape[0] else None

    def _limits(self, key: str) -> list[tuple[float, float]] | None:
        """Return the contrast limits of an image's channels, if it is no image in colours."""
        if self.workspace.layer_of(key) is None:
            return None
        layers, axes = self.workspace.stack(key)
        if any(layer.rgb for layer in layers):
            return None
        count = layers[0].data.shape[axes.index("C")] if "C" in axes else 1
        return [tuple(layer.contrast_limits) for layer in layers for _ in range(count)]

    def _sources(self) -> list[Path]:
        """Return the files of all images that are open or in the project."""
        found = [path for x in self.workspace.images() if (path := _layers.source(x))]
        if (project := self.session.project) is not None:
            found += [project.folder / entry.path for entry in project.card.images]
        return found

    def _report(self, report: tuple[str, Kind]) -> None:
        if self._job is not None:
            self.session.say(*report)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job = None
            self.session.say("Stopped; what was written before stays.")
            self.refresh()

    def _end(self, _report: object) -> None:
        self._job = None
        self.refresh()

    def _fail(self, sentence: str) -> None:
        self._job = None
        self.session.say(sentence, "error")
        self.refresh()

    # ---------------------------------------------------------------- as a command

    def command(self) -> str:
        """Return the command line that segments the current image as it is now.

        Raises
        ------
        InputError
            If there is no model, no image, or the image is no file.
        """
        session, key = self.session, self.session.image
        if session.model is None:
            raise InputError("there is no model yet: choose or train one first")
        layer = self.workspace.layer
        if layer is None or key is None:
            raise InputError("there is no image: open one, and choose it under Data")
        path, axes = _layers.source(layer), _layers.facts(layer)["axes"]
        entry, project = self.workspace.project_images.entry(key), session.project
        if entry is not None and project is not None:
            path, axes = (project.folder / entry.path).resolve(), entry.axes
        if path is None:
            raise InputError(
                f"{layer.name} is no file yet; save it (File > Save selected layers), open that"
                " file, and copy the command again"
            )
        return predict_command(
            [path],
            session.model,
            self.folder.text() or self._default_folder(),
            session.clustering,
            session.prediction,
            axes=axes,
            table=self.boxes["objects"].isChecked(),
            maps=self.boxes["maps"].isChecked(),
            ome=self.boxes["ome"].isChecked(),
        )

    def _copy(self) -> None:
        with self.session.speaking():
            text = self.command()
            QApplication.clipboard().setText(text)
            self.session.say("The command is copied: paste it into a terminal.")


def _allow(button: QPushButton, why_not: str, what: str) -> None:
    button.setEnabled(not why_not)
    button.setToolTip(why_not or what)
