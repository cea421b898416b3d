"""The list of the project's images, open or not."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QListWidgetItem, QMenu, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.controllers.project_images import ProjectImages
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.name_widgets import NameList
from napari_spatial_embeddings.plugin.state.session import Session

MAX_ROWS = 5
"""More images than this are scrolled."""


class ImageList(QWidget):
    """Lists the images of the project; a click makes one the current image, and opens it.

    Parameters
    ----------
    session : Session
    autosave : Autosave
        Adds images to the project.
    project_images : ProjectImages
    annotation : AnnotationController
        For the number of objects on each image.
    """

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        project_images: ProjectImages,
        annotation: AnnotationController,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._project_images = session, project_images
        self._annotation = annotation
        self._list = NameList()
        self._list.itemClicked.connect(self._clicked)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list)
        self._connections = Connections()
        self._connections.add(annotation.changed, self.refresh)
        self._connections.add(autosave.saved, self.refresh)

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()

    def refresh(self) -> None:
        """Show the images there are."""
        names = {entry.key: entry.name for entry in self._project_images.entries()}
        images, current = self._session.images, self._session.image
        for key, image in images.items():
            if key in names or image.strokes is not None or key == current:
                names[key] = image.layer.name
        self._list.clear()
        for key, name in names.items():
            count = self._annotation.count(key)
            about = "" if key in images else "Not open: click to open it.\n"
            title = name if count is None else f"{name}: {count}"
            item = self._list.add_name(title, f"{about}Right click: remove it from the project.")
            item.setData(Qt.ItemDataRole.UserRole, key)
            font = item.font()
            font.setBold(key == current)
            font.setItalic(key not in images)
            item.setFont(font)
            item.setSelected(key == current)
        row = max(18, self._list.sizeHintForRow(0))
        self._list.setFixedHeight(6 + row * min(MAX_ROWS, max(1, len(names))))
        self.setVisible(len(names) > 1 or any(key not in images for key in names))

    def _clicked(self, item: QListWidgetItem) -> None:
        with self._session.errors_as_messages():
            self._project_images.show(item.data(Qt.ItemDataRole.UserRole))

    def _menu(self, at: QPoint) -> None:
        item = self._list.itemAt(at)
        if item is None:
            return
        key = item.data(Qt.ItemDataRole.UserRole)
        menu = QMenu(self)
        remove = menu.addAction("Remove from the project, with its annotations")
        remove.triggered.connect(lambda: self._remove(key))
        menu.popup(self._list.mapToGlobal(at))

    def _remove(self, key: str) -> None:
        with self._session.errors_as_messages():
            self._project_images.remove(key)
