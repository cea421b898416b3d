"""Write what a person sees: labels, tables, maps and pictures, of one image or of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.cli.command import predict_command
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import Failure, InputError, explained
from napari_spatial_embeddings.export import FORMATS, Segmented, export, file_names
from napari_spatial_embeddings.files import Image as Picture
from napari_spatial_embeddings.session import Kind, Result

from . import _layers
from ._jobs import Job
from .workspace import Workspace

CHOSEN = ("labels", "objects")
"""What is written unless a person chooses otherwise."""


@dataclass(frozen=True, slots=True)
class Task:
    """One image that is to be written, as it was when that was asked for."""

    name: str
    result: Result
    settings: ClusteringSettings
    read: Callable[[], Picture]
    at: int | None
    limits: list[tuple[float, float]] | None

    def segmented(self) -> Segmented:
        """Read the image, and cluster once more: what is written is what the settings say."""
        result, picture = self.result, self.read()
        found = result.clustering(self.settings, like=result.instances)
        about = {
            "model": result.model,
            "clustering": self.settings.model_dump(mode="json"),
            "corrected": int(found.locked.sum()),
            "version": __version__,
        }
        fits = self.limits is not None and len(self.limits) == len(picture.data)
        return Segmented(
            self.name,
            found,
            result.classes,
            result.maps,
            picture.data,
            picture.pixel_size,
            picture.unit,
            about,
            result.card,
            self.at,
            self.limits if fits else None,
        )


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
        self.this = QPushButton("Export this image")
        self.all = QPushButton("Export all images")
        self.copy = QPushButton("Copy as command")
        self.this.clicked.connect(lambda: self._export([self.session.image or ""]))
        self.all.clicked.connect(lambda: self._export(self._predicted()))
        self.copy.clicked.connect(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        grid = QGridLayout()
        for k, box in enumerate(self.boxes.values()):
            grid.addWidget(box, k // 2, k % 2)
        layout.addLayout(grid)
        for row in ((self.folder, browse), (self.this, self.all), (self.copy,)):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget, 0 if widget is browse else 1)
            layout.addLayout(line)
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
        none = "" if self._predicted() else "Predict an image first."
        _allow(self.this, busy or missing or nothing, "Write the image that is shown now.")
        _allow(self.all, busy or none or nothing, "Write every image that was predicted.")
        model = "" if self.session.model else "Choose or train a model first."
        _allow(
            self.copy,
            model,
            "Copy the command that segments this image with the model and the thresholds of now,"
            " for a terminal or a script; corrections are not part of it.",
        )

    def _predicted(self) -> list[str]:
        results = self.session.results.items()
        return [key for key, result in results if result.instances is not None]

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
        with self.session.speaking():
            folder = Path(self.folder.text() or self._default_folder()).expanduser()
            formats = [key for key, box in self.boxes.items() if box.isChecked()]
            tasks = self._tasks(keys)
            spare = self._sources()
            self._job = Job(lambda: _write(folder, tasks, formats, spare), self)
            self._job.reported.connect(lambda report: self.session.say(*report))
            self._job.ended.connect(self._end)
            self._job.failed.connect(self._fail)
            self._job.start()
            self.refresh()

    def _tasks(self, keys: list[str]) -> list[Task]:
        names = file_names([self._name(key) for key in keys])
        tasks = []
        for key, name in zip(keys, names, strict=True):
            result = self.session.results.get(key)
            if result is None or result.instances is None:
                raise InputError(f"there is nothing to export of {name}; predict it first")
            at = self._slice(key) if result.maps.ndim == 3 else None
            limits = self._limits(key)
            read = self._reader(key)
            tasks.append(Task(name, result, self.session.clustering, read, at, limits))
        if not tasks:
            raise InputError("there is nothing to export; predict an image first")
        return tasks

    def _name(self, key: str) -> str:
        if (layer := self.workspace.layer_of(key)) is not None:
            return str(layer.name)
        return self._entry(key).name if self._entry(key) else "image"

    def _entry(self, key: str) -> Any:
        project = self.session.project
        entries = () if project is None else project.card.images
        return next((entry for entry in entries if entry.key == key), None)

    def _reader(self, key: str) -> Callable[[], Picture]:
        """Return what reads an image: from its layer, or from the project if it has none."""
        project = self.session.project
        if self.workspace.layer_of(key) is None and project is not None:
            return lambda: project.image(key)
        return lambda: self.workspace.picture(key)

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
        if (entry := self._entry(key)) is not None and session.project is not None:
            path, axes = (session.project.folder / entry.path).resolve(), entry.axes
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
            self.session.say(f"Copied: {text}")


def _allow(button: QPushButton, why_not: str, what: str) -> None:
    button.setEnabled(not why_not)
    button.setToolTip(why_not or what)


def _write(
    folder: Path, tasks: list[Task], formats: list[str], spare: list[Path]
) -> Iterator[tuple[str, Kind]]:
    """Write images one after another; yield what is going on, and at last what was done.

    An image that cannot be written is passed over and named; a full disk ends it.
    """
    files, failed = 0, []
    for k, task in enumerate(tasks, 1):
        yield f"Writing {task.name} ({k} of {len(tasks)}) …", "info"
        try:
            for _ in export(folder, task.segmented(), formats, spare=spare):
                files += 1
        except (InputError, OSError) as error:
            if len(tasks) == 1:
                raise
            failed.append(explained(error))
        except Failure as error:
            raise Failure(f"{error}; {_count(files, 'file')} of {k} images were written") from error
    done = f"Wrote {_count(files, 'file')} of {_count(len(tasks) - len(failed), 'image')}"
    yield "; ".join([f"{done} to {folder}", *failed]), "warning" if failed else "info"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"
