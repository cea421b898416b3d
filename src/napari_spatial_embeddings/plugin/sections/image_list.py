"""The list of images, and the buttons that add to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.endings import JPEG, MICROSCOPES, PNG, TIFF
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImages
from napari_spatial_embeddings.plugin.controllers.listing.listed_image import ListedImage
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.file_drop import FileDrop
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.qt.name_tree import NameRow, NameTree
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.sharing.models import is_model

TIP = (
    "The images that are trained on and predicted. Click: work on it. Right click: remove. Drop"
    " files, a folder or a plate here to add them."
)


class ImageList(FileDrop):
    """Lists the images; a click makes one the current image, and opens it.

    Parameters
    ----------
    session : Session
    project : ProjectController
        Asks for files.
    listed : ListedImages
    annotation : AnnotationController
        For the number of objects on each image.
    prediction : PredictionController
        For the images that were skipped.
    """

    models_dropped = Signal(list)
    """Paths of models: they are no images."""

    def __init__(
        self,
        session: Session,
        project: ProjectController,
        listed: ListedImages,
        annotation: AnnotationController,
        prediction: PredictionController,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._project, self._listed = session, project, listed
        self._annotation, self._prediction = annotation, prediction
        self._shown: list[ListedImage] = []
        self._list = NameTree(self._describe, self._describe_well)
        self._list.setToolTip(TIP)
        self._list.picked.connect(self._picked)
        self._list.asked.connect(self._menu)
        self._drop_hint = QLabel("Drop files, a folder or a plate here")
        dress(self._drop_hint, "place")
        self._drop_hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.dropped.connect(self._dropped)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._list)
        column.addWidget(self._drop_hint)
        column.addLayout(self._buttons())
        self._connections = Connections()
        self._connections.add(annotation.changed, self.refresh)
        self._connections.add(listed.saved, self.refresh)
        self._connections.add(prediction.ended, self._follow_prediction)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        for text, tip, act in (
            (
                "Add images…",
                "Add files to the list, or drop them here; each is opened when you click it.",
                self._add,
            ),
            (
                "Add folder…",
                "Add the images of a folder or a plate to the list; or drop it here.",
                self._add_folder,
            ),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(act)
            row.addWidget(button)
        return row

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()

    # ------------------------------------------------------------------ showing

    def refresh(self) -> None:
        """Show the images there are; the list keeps its place."""
        self._shown = images = self._listed.all()
        current = next((k for k, image in enumerate(images) if self._is_current(image)), None)
        self._list.show_rows([image.group for image in images], current)
        self._list.setVisible(len(images) > 1 or any(image.layer is None for image in images))
        self._drop_hint.setVisible(not images)

    def _describe(self, row: int) -> NameRow:
        """Return what is shown of an image; asked for those in view, as there may be thousands."""
        image = self._shown[row]
        skipped = self._prediction.skipped.get(image.id)
        text = self._text(image)
        tip = f"{image.name}{text.removeprefix(self._name(image))}"
        tip += "\nNot open: click to open it." if image.layer is None else ""
        tip += f"\nSkipped when all were predicted: {skipped}" if skipped else ""
        text = f"{text} (skipped)" if skipped else text
        return NameRow(text, tip, self._is_current(image), image.layer is None)

    def _describe_well(self, well: str, rows: Sequence[int]) -> NameRow:
        """Return what is shown of a well, whose fields are some rows."""
        images = [self._shown[row] for row in rows]
        text = f"{well}: {plural(len(rows), 'field')}"
        if skipped := sum(image.id in self._prediction.skipped for image in images):
            text += f", {skipped} skipped"
        return NameRow(text, f"{text}\nClick to show them.", any(map(self._is_current, images)))

    @staticmethod
    def _name(image: ListedImage) -> str:
        """Return the name of an image in the list: below its well, that of the field is enough."""
        return f"field {image.name.rpartition('_')[2]}" if image.group else image.name

    def _text(self, image: ListedImage) -> str:
        """Return an image's name, with what is annotated on it or on its frames."""
        if not image.frames:
            count = self._annotation.count(image.key) if image.key else None
            name = self._name(image)
            return name if count is None else f"{name}: {count}"
        counts = [self._annotation.count(key) for key in image.frames]
        drawn = [count for count in counts if count is not None and count.any]
        objects = plural(sum(count.total for count in drawn), "object")
        return f"{self._name(image)}: {objects} in {plural(len(drawn), 'frame')}"

    def _is_current(self, image: ListedImage) -> bool:
        return image.has(self._session.image)

    def _follow_prediction(self, _completed: bool) -> None:
        self.refresh()

    # ------------------------------------------------------------------ actions

    def _picked(self, row: int) -> None:
        with self._session.errors_as_messages():
            self._listed.choose(self._shown[row])
        self.refresh()

    def _dropped(self, paths: list[Path]) -> None:
        models = [path for path in paths if is_model(path)]
        if models:
            self.models_dropped.emit(models)
        if others := [path for path in paths if path not in models]:
            self._listed.offer(others)

    def _add(self) -> None:
        with self._session.errors_as_messages():
            kinds = (*TIFF, *PNG, *JPEG, *MICROSCOPES)
            if paths := self._project.dialogs.add_images(self._listed.folder, kinds):
                self._listed.offer(paths)

    def _add_folder(self) -> None:
        with self._session.errors_as_messages():
            if (folder := self._project.dialogs.add_folder(self._listed.folder)) is not None:
                self._listed.offer([folder])

    def _menu(self, row: int, at: QPoint) -> None:
        image = self._shown[row]
        menu = QMenu(self)
        remove = menu.addAction("Remove from the project, with its annotations")
        remove.setEnabled(image.saved)
        remove.triggered.connect(lambda: self._remove(image.key))
        menu.popup(at)

    def _remove(self, key: str) -> None:
        with self._session.errors_as_messages():
            self._listed.remove(key)
