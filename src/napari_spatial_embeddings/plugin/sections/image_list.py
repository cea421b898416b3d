"""The list of images, and the buttons that add to it."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.endings import JPEG, PNG, TIFF
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImage, ListedImages
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.name_widgets import NameList
from napari_spatial_embeddings.plugin.state.session import Session

MAX_ROWS = 5
"""More images than this are scrolled."""


class ImageList(QWidget):
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
        self._list = NameList()
        self._list.setToolTip(
            "The images that are trained on and predicted. Click: work on it. Right click: remove."
        )
        self._list.setUniformItemSizes(True)
        self._list.itemClicked.connect(self._clicked)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._list)
        column.addLayout(self._buttons())
        self._connections = Connections()
        self._connections.add(annotation.changed, self.refresh)
        self._connections.add(listed.saved, self.refresh)
        self._connections.add(prediction.ended, self._follow_prediction)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        for text, tip, act in (
            ("Add images…", "Add files to the list; each is opened when you click it.", self._add),
            ("Add folder…", "Add all images of a folder to the list.", self._add_folder),
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
        while self._list.count() > len(images):
            self._list.takeItem(self._list.count() - 1)
        for row, image in enumerate(images):
            if row == self._list.count():
                self._list.addItem(QListWidgetItem())
            self._show(self._list.item(row), image)
        self._show_current()
        height = max(18, self._list.sizeHintForRow(0))
        self._list.setFixedHeight(6 + height * min(MAX_ROWS, max(1, len(images))))
        self._list.setVisible(len(images) > 1 or any(image.layer is None for image in images))

    def _show(self, item: QListWidgetItem, image: ListedImage) -> None:
        """Show one image; an item is touched only where it changes, as there may be hundreds."""
        skipped = self._prediction.skipped.get(image.id)
        text = self._text(image)
        text = f"{text} (skipped)" if skipped else text
        tip = text + ("\nNot open: click to open it." if image.layer is None else "")
        tip += f"\nSkipped when all were predicted: {skipped}" if skipped else ""
        if item.text() != text:
            item.setText(text)
        if item.toolTip() != tip:
            item.setToolTip(tip)
        font, bold = item.font(), self._is_current(image)
        if (font.bold(), font.italic()) != (bold, image.layer is None):
            font.setBold(bold)
            font.setItalic(image.layer is None)
            item.setFont(font)

    def _text(self, image: ListedImage) -> str:
        """Return an image's name, with what is annotated on it or on its frames."""
        if not image.frames:
            count = self._annotation.count(image.key) if image.key else None
            return image.name if count is None else f"{image.name}: {count}"
        counts = [self._annotation.count(key) for key in image.frames]
        drawn = [count for count in counts if count is not None and count.any]
        objects = plural(sum(count.total for count in drawn), "object")
        return f"{image.name}: {objects} in {plural(len(drawn), 'frame')}"

    def _is_current(self, image: ListedImage) -> bool:
        return image.has(self._session.image)

    def _show_current(self) -> None:
        row = next((k for k, image in enumerate(self._shown) if self._is_current(image)), -1)
        if row != self._list.currentRow():
            self._list.setCurrentRow(row)
            if row >= 0:
                self._list.scrollToItem(self._list.item(row))

    def _follow_prediction(self, _completed: bool) -> None:
        self.refresh()

    # ------------------------------------------------------------------ actions

    def _clicked(self, item: QListWidgetItem) -> None:
        with self._session.errors_as_messages():
            self._listed.choose(self._shown[self._list.row(item)])
        self.refresh()

    def _add(self) -> None:
        with self._session.errors_as_messages():
            if paths := self._project.dialogs.add_images(self._listed.folder, (*TIFF, *PNG, *JPEG)):
                self._listed.add(paths)

    def _add_folder(self) -> None:
        with self._session.errors_as_messages():
            if (folder := self._project.dialogs.add_folder(self._listed.folder)) is not None:
                self._listed.add([folder])

    def _menu(self, at: QPoint) -> None:
        item = self._list.itemAt(at)
        if item is None:
            return
        image = self._shown[self._list.row(item)]
        menu = QMenu(self)
        remove = menu.addAction("Remove from the project, with its annotations")
        remove.setEnabled(image.saved)
        remove.triggered.connect(lambda: self._remove(image.key))
        menu.popup(self._list.mapToGlobal(at))

    def _remove(self, key: str) -> None:
        with self._session.errors_as_messages():
            self._listed.remove(key)
