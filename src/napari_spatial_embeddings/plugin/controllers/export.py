"""Export of the current image or of all images, and the command that does the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.names import distinct, file_name, frame_number
from napari_spatial_embeddings.plugin.layers.frames import in_frame, pixels
from napari_spatial_embeddings.plugin.layers.image import channel_count
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session

from .images import ImageController
from .open_images.sources import opened_image
from .prediction import PredictionController
from .project_images import ProjectImages
from .tools.file_writing import FileWriting
from .tracking.linking import LinkingController

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.tasks.copied_command import CommandRequest, CopiedCommand
    from napari_spatial_embeddings.plugin.tasks.export import ExportTask

WAIT_FOR_PREDICTION = "Wait until the prediction is done."


class ExportController(FileWriting):
    """Writes the results of images as files, in a worker.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    project_images : ProjectImages
    prediction : PredictionController
    linking : LinkingController
        Tracks of the objects of a series.
    """

    command_made = Signal(str)
    """The command that `copy_command` asked for."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        project_images: ProjectImages,
        prediction: PredictionController,
        linking: LinkingController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session, parent)
        self._viewer, self._images = viewer, images
        self._project_images, self._prediction = project_images, prediction
        self._linking = linking
        self._commands: Worker | None = None
        for signal in (
            session.result_changed,
            session.image_changed,
            session.project_changed,
            session.model_changed,
            prediction.progressed,
            prediction.ended,
            images.changed,
        ):
            self._connections.add(signal, self._emit_changed)

    def close(self) -> None:
        """Cancel the export, and disconnect."""
        super().close()
        if self._commands is not None:
            self._commands.cancel()
            self._commands = None

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()

    # ------------------------------------------------------------ what is possible

    @property
    def copying(self) -> bool:
        """Whether a command is being made."""
        return self._commands is not None

    def obstacle(self, formats: Sequence[str]) -> str:
        """Return why the current image cannot be exported; empty if it can."""
        if self.busy:
            return "The files are being written."
        if self._session.result is None:
            return "Predict this image first."
        if self._prediction.covers(self._session.image):
            # There is the old model's result, which the new one's thresholds do not suit.
            return WAIT_FOR_PREDICTION
        return "" if formats else "Tick what to write."

    def obstacle_of_all(self, formats: Sequence[str]) -> str:
        """Return why the images cannot be exported; empty if they can, or are being exported."""
        if self.busy:
            return ""
        if not self.exportable():
            return "Predict an image first."
        if self._prediction.running:
            return WAIT_FOR_PREDICTION
        return "" if formats else "Tick what to write."

    def exportable(self) -> list[str]:
        """Return the images that can be exported: those with a result, and the project's.

        Of a time series, the frames with a result.
        """
        keys = list(self._session.results)
        if self._session.model is not None:
            entries = self._project_images.entries()
            keys += [e.key for e in entries if e.key not in keys and e.frame is None]
        return keys

    def default_folder(self) -> Path:
        """Return where files are written if the user chooses no other folder."""
        return self._folder_beside(self._images.layer)

    # ------------------------------------------------------------------- exporting

    def export_current(
        self,
        folder: Path,
        formats: Sequence[str],
        settings: ExportSettings = ExportSettings(),
    ) -> None:
        """Export the current image, or show why that is not possible."""
        if obstacle := self.obstacle(formats):
            self._session.say(obstacle)
        elif self._session.image is not None:
            self._start(folder, formats, [self._session.image], settings)

    def export_all(
        self,
        folder: Path,
        formats: Sequence[str],
        settings: ExportSettings = ExportSettings(),
    ) -> None:
        """Export all images; those of the project that have no result are predicted."""
        self._start(folder, formats, self.exportable(), settings)

    def obstacle_of_series(self) -> str:
        """Return why the labels of the current image's series cannot be exported; empty if so."""
        if self.busy:
            return "The files are being written."
        if self._images.series is None or not self._images.series.predicted:
            return "Predict this frame or all frames first."
        return WAIT_FOR_PREDICTION if self._prediction.running else ""

    def export_series(
        self,
        folder: Path,
        formats: Sequence[str] = (),
        settings: ExportSettings = ExportSettings(),
    ) -> None:
        """Export the labels of a series as one file; and, if wanted, a table and outlines."""
        from napari_spatial_embeddings.plugin.tasks.export_series import SeriesExport, export_series

        series, key = self._images.series, str(self._session.image)
        layer = find_layer(self._viewer, "instances", key)
        if obstacle := self.obstacle_of_series():
            self._session.say(obstacle)
        elif series is not None and series.image is not None and layer is not None:
            path = folder.expanduser() / f"{file_name(series.layer.name)}.tif"
            files = self._image_files()
            results = {t: one.result for t, one in series.records.items() if one.result}
            tracks, source = self._linking.tracks_of(layer), source_path(series.layer)
            made = results, self._session.clustering, files
            request = SeriesExport(
                path, series.image, layer.data, *made, tuple(formats), tracks, settings, source
            )
            self._run(lambda: export_series(request))

    def _start(
        self,
        folder: Path,
        formats: Sequence[str],
        keys: Sequence[str],
        settings: ExportSettings,
    ) -> None:
        if self.busy:
            return
        from napari_spatial_embeddings.plugin.tasks.export import ExportRequest, export_images

        with self._session.errors_as_messages():
            session, files, models = self._session, self._file_names(), self._prediction.models
            request = ExportRequest(
                folder.expanduser(),
                tuple(formats),
                tuple(self._task(key, files[key]) for key in keys),
                tuple(self._image_files()),
                session.project,
                session.model,
                session.clustering,
                session.prediction.updated(device=session.device),
                settings,
            )

            self._run(lambda: export_images(request, models))

    def _task(self, key: str, file: str) -> ExportTask:
        from napari_spatial_embeddings.plugin.tasks.export import ExportTask

        layer, result = self._images.layer_of(key), self._session.results.get(key)
        image = None if layer is None else self._images.image_data(key)
        source, project = None if layer is None else source_path(layer), self._session.project
        if source is None and project and (entry := self._project_images.entry(key)):
            source = project.folder / entry.path
        return ExportTask(key, file, self._name(key), image, result, *self._view(key), source)

    def _name(self, key: str) -> str:
        layer, entry = self._images.layer_of(key), self._project_images.entry(key)
        image = self._session.images.get(key)
        if image is not None and image.series is not None and image.image is not None:
            return image.image.name
        return str(layer.name) if layer is not None else entry.name if entry else key

    def _file_names(self) -> dict[str, str]:
        """Return the name of each image's files: the project's as on the command line."""
        project = self._session.project
        known = {} if project is None else project.card.result_names
        keys = [key for key in self._session.results if key not in known]
        names = distinct(map(self._name, keys), known.values())
        return {**known, **dict(zip(keys, names, strict=True))}

    def _view(self, key: str) -> tuple[int | None, tuple[float, ...]]:
        """Return the slice of an image and the limits of contrast that pictures show."""
        result = self._session.results.get(key)
        at = self._slice(key) if result is not None and result.maps.ndim == 3 else None
        return at, self._contrast(key)

    def _slice(self, key: str) -> int | None:
        """Return the slice of a volume that is shown."""
        layer = find_layer(self._viewer, "instances", key)
        if layer is None or self._viewer.dims.ndisplay != 2:
            return None
        point = in_frame(layer, tuple(layer.world_to_data(self._viewer.dims.point)))
        z = round(float(point[0]))
        return z if 0 <= z < pixels(layer).shape[0] else None

    def _contrast(self, key: str) -> tuple[float, ...]:
        """Return the contrast limits of an image's channels, unless it is RGB."""
        if self._images.layer_of(key) is None:
            return ()
        layers, axes = self._images.channel_layers(key)
        if any(layer.rgb for layer in layers):
            return ()
        count = channel_count(layers[0], axes)
        return tuple(
            float(value) for x in layers for _ in range(count) for value in x.contrast_limits
        )

    def _image_files(self) -> list[Path]:
        """Return the files of all images that are open or in the project."""
        found = [path for layer in self._images.layers() if (path := source_path(layer))]
        if (project := self._session.project) is not None:
            found += [project.folder / entry.path for entry in project.card.images]
        return found

    # ---------------------------------------------------------------- the command

    def copy_command(
        self,
        folder: Path,
        formats: Sequence[str],
        settings: ExportSettings = ExportSettings(),
        *,
        python: bool = False,
    ) -> None:
        """Make the command line, or the Python, that segments the current image as it is here.

        In a worker, as its pixels are compared with those of its file; `command_made` follows.

        Raises
        ------
        InputError
            If there is no model, or no image.
        """
        from napari_spatial_embeddings.plugin.tasks.copied_command import copied_command

        request = self._command_request(folder, formats, settings, python=python)
        if self._commands is not None:
            self._commands.cancel()
        self._commands = worker = Worker(partial(copied_command, request), self)
        worker.reported.connect(self._command_done)
        worker.failed.connect(self._command_failed)
        worker.start()

    def _command_request(
        self, folder: Path, formats: Sequence[str], settings: ExportSettings, *, python: bool
    ) -> CommandRequest:
        from napari_spatial_embeddings.export.formats import PICTURE_FORMATS
        from napari_spatial_embeddings.plugin.tasks.copied_command import CommandRequest

        session, key = self._session, self._session.image
        if session.model is None:
            raise InputError("there is no model yet: choose or train one first")
        if key is None:
            raise InputError("there is no image: open one, and choose it under Data")
        record = session.images.get(key)
        series = None if record is None or record.series is None else record.series.image
        opened = opened_image(self._images, session.project, key, series)
        if not {*PICTURE_FORMATS}.isdisjoint(formats):
            at, contrast = self._view(key)
            fits = len(contrast) == 2 * opened.image.channels
            settings = settings.updated(slice=at, contrast=contrast if fits else ())
        return CommandRequest(
            opened,
            None if series is None else frame_number(key),
            folder.expanduser().absolute(),  # it may be run elsewhere
            session.model,
            session.clustering,
            session.prediction.updated(device=session.device),
            tuple(formats),
            settings,
            session.result,
            python,
            session.project,
            key,
        )

    def _command_done(self, command: CopiedCommand) -> None:
        if self.sender() is not self._commands:
            return
        self._commands = None
        self.command_made.emit(command.text)
        self._session.say(command.message)

    def _command_failed(self, problem: str) -> None:
        if self.sender() is self._commands:
            self._commands = None
            self._session.say(problem, "error")
