"""The images of a project, open or not, as a list."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationLayers
from napari_spatial_embeddings.plugin.controllers.annotation_count import Drawn, count
from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.workers import Job
from napari_spatial_embeddings.project import Project

ROWS = 5
"""More images than this are scrolled."""


class ImageList(QWidget):
    """Lists the images of the project; a click makes one the current image, and opens it.

    Parameters
    ----------
    workspace : Workspace
    layers : AnnotationLayers
        For the number of objects on the images that are open.
    """

    def __init__(
        self, workspace: Workspace, layers: AnnotationLayers, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.workspace, self.session, self._layers = workspace, workspace.session, layers
        self._stored: dict[str, Drawn] = {}
        self._job: Job | None = None
        self._list = QListWidget()
        self._list.setToolTip("The images of the project. Right click: remove.")
        self._list.itemClicked.connect(self._clicked)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list)
        layers.changed.connect(self.refresh)
        workspace.saved.connect(self.refresh)
        self.session.project_changed.connect(self._count_stored)

    def close_down(self) -> None:
        """Let go of the workspace."""
        if self._job is not None:
            self._job.stop()
        self._layers.changed.disconnect(self.refresh)
        self.workspace.saved.disconnect(self.refresh)
        self.session.project_changed.disconnect(self._count_stored)

    def refresh(self) -> None:
        """Show the images there are."""
        keys = {entry.key: entry.name for entry in self.workspace.project_images.entries()}
        open_now = {
            str(_layers.image_key(x)): x.name
            for x in self.workspace.images()
            if _layers.role(x) == "image"
        }
        drawn_on = [k for k in open_now if k in self._layers.counts or k == self.session.image]
        names = {**keys, **{k: open_now[k] for k in drawn_on}}
        self._list.clear()
        for key, name in names.items():
            drawn = self._layers.counts.get(key) or self._stored.get(key)
            text = name if drawn is None else f"{name}: {drawn}"
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, key)
            font = item.font()
            font.setBold(key == self.session.image)
            font.setItalic(key not in open_now)
            item.setFont(font)
            if key not in open_now:
                item.setToolTip("Not open: click to open it")
            self._list.addItem(item)
            item.setSelected(key == self.session.image)
        row = max(18, self._list.sizeHintForRow(0))
        self._list.setFixedHeight(6 + row * min(ROWS, max(1, len(names))))
        self.setVisible(len(names) > 1 or any(k not in open_now for k in names))

    def _clicked(self, item: QListWidgetItem) -> None:
        key = item.data(Qt.ItemDataRole.UserRole)
        with self.session.speaking():
            self.workspace.project_images.show(key)

    def _menu(self, at: QPoint) -> None:
        item = self._list.itemAt(at)
        if item is None:
            return
        key = item.data(Qt.ItemDataRole.UserRole)
        menu = QMenu(self)
        remove = menu.addAction("Remove from the project, with what is drawn on it")
        remove.triggered.connect(lambda: self._remove(key))
        menu.popup(self._list.mapToGlobal(at))

    def _remove(self, key: str) -> None:
        with self.session.speaking():
            self.workspace.project_images.remove(key)

    # ------------------------------------------------------- images not open

    def _count_stored(self) -> None:
        """Count what is drawn on the images of another project."""
        if self._job is not None:
            self._job.stop()
            self._job = None
        self._stored = {}
        project = self.session.project
        if project is not None and project.card.images:
            self._job = Job(lambda: _counts(project), self)
            self._job.reported.connect(self._counted)
            self._job.failed.connect(lambda problem: self.session.say(problem, "error"))
            self._job.start()
        self.refresh()

    def _counted(self, found: tuple[str, Drawn]) -> None:
        self._stored[found[0]] = found[1]
        self.refresh()


def _counts(project: Project) -> Iterator[tuple[str, Drawn]]:
    default = project.card.classes[0]
    for entry in project.card.images:
        annotation = project.annotation(entry.key)
        if annotation is not None:
            classes, regions = dict(annotation.classes), len(annotation.regions)
            yield entry.key, count(annotation.labels, classes, default, regions)
