"""The step in which people say what is to be segmented, and where it is kept."""

from __future__ import annotations

from pathlib import Path

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QWidget,
)
from superqt import QElidingLabel

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationLayers
from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.step_area import Step

from .image_list import ImageList
from .pixel_size import PixelSize

MEANINGS = {
    "YX": "image (YX)",
    "ZYX": "volume: slices (ZYX)",
    "CYX": "channels (CYX)",
    "YXC": "colours (RGB)",
    "ZYXC": "volume in colours (RGB)",
    "CZYX": "volume with channels (CZYX)",
}


class DataStep(Step):
    """Choose the image, what its axes and channels are, and the project it is kept in.

    Parameters
    ----------
    workspace : Workspace
    layers : AnnotationLayers
        For the number of objects on each image.

    Attributes
    ----------
    pixels : PixelSize
    """

    def __init__(
        self, workspace: Workspace, layers: AnnotationLayers, parent: QWidget | None = None
    ) -> None:
        super().__init__("Data", parent=parent)
        self.workspace, self.session = workspace, workspace.session
        self._image = QComboBox()
        self._image.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._image.activated.connect(self._choose)
        self._axes = QComboBox()
        self._axes.setToolTip("What the axes of the image's array mean")
        self._axes.activated.connect(self._choose_axes)
        self._channels = QListWidget()
        self._channels.setToolTip("Layers that show the same objects: more channels of the image")
        self._channels.itemChanged.connect(self._choose_channels)
        self.pixels = PixelSize(workspace)
        self._list = ImageList(workspace, layers)
        self._project = QElidingLabel()
        self._project.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(4)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._form.addRow("Image", self._image)
        self._form.addRow("Axes", self._axes)
        self._form.addRow("Channels", self._channels)
        self._form.addRow("Pixel size", self.pixels)
        self._form.addRow("Project", self._project_row())
        self._problem = QLabel()
        self._problem.setObjectName("advice")
        self._problem.setWordWrap(True)
        self.body.addLayout(self._form)
        self.body.addWidget(self._problem)
        self.body.addWidget(self._list)
        workspace.images_changed.connect(self.refresh)
        workspace.saved.connect(self._show_project)
        self.session.image_changed.connect(self.refresh)
        self.session.project_changed.connect(self._show_project)
        for layer in list(workspace.viewer.layers):
            workspace.storage.arrived(layer)
        self._seen: list[Image] | None = None
        self.refresh()

    def close_down(self) -> None:
        """Let go of the workspace."""
        self.workspace.images_changed.disconnect(self.refresh)
        self.workspace.saved.disconnect(self._show_project)
        self.session.image_changed.disconnect(self.refresh)
        self.session.project_changed.disconnect(self._show_project)
        self._list.close_down()

    def _project_row(self) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(3)
        line.addWidget(self._project, 1)
        for text, tip, act in (
            ("New", "Begin a project in a folder that you choose", self._new),
            ("Open", "Go on with a project: choose its folder", self._open),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(act)
            line.addWidget(button)
        more = QPushButton("…")
        more.setObjectName("more")
        more.setToolTip("More about the project")
        menu = QMenu(more)
        copy = menu.addAction("Copy images into the project")
        copy.setCheckable(True)
        copy.toggled.connect(self._set_copy)
        more.setMenu(menu)
        line.addWidget(more)
        return row

    # --------------------------------------------------------------- actions

    def _choose(self, index: int) -> None:
        images = self.workspace.images()
        if 0 <= index < len(images):
            self.workspace.choose(images[index])

    def _choose_axes(self, index: int) -> None:
        self.workspace.choose(self.workspace.layer, axes=self._axes.itemData(index))

    def _choose_channels(self, _item: QListWidgetItem) -> None:
        rows = [self._channels.item(i) for i in range(self._channels.count())]
        chosen = {
            row.data(Qt.ItemDataRole.UserRole)
            for row in rows
            if row.checkState() == Qt.CheckState.Checked
        }
        layers = [x for x in self.workspace.images() if str(x.unique_id) in chosen]
        self.workspace.choose(self.workspace.layer, channels=tuple(layers))

    def _set_copy(self, copy: bool) -> None:
        self.workspace.project_images.copy = copy

    def _new(self) -> None:
        storage = self.workspace.storage
        with self.session.speaking():
            folder = storage.dialogs.new_project(storage.default_folder())
            if folder is not None:
                storage.create(folder)

    def _open(self) -> None:
        storage = self.workspace.storage
        with self.session.speaking():
            folder = storage.dialogs.open_project(storage.default_folder().parent)
            if folder is not None:
                storage.open(Path(folder))

    # ------------------------------------------------------------ what shows

    def refresh(self) -> None:
        """Show the images there are, and what is known of the current one."""
        images = self.workspace.images()
        new = [x for x in images if not any(x is seen for seen in self._seen or ())]
        opening, self._seen = self._seen is None, images
        # A sample, or an image of a project, is what a person wants to work on now.
        wanted = [x for x in new if _layers.role(x) == "image"]
        if self.session.image is None and new:
            self.workspace.choose((wanted or new)[0])  # comes back here
            return
        if wanted and not opening and wanted[0] is not self.workspace.layer:
            self.workspace.choose(wanted[0])
            return
        current = self.workspace.layer
        self._image.clear()
        for layer in images:
            self._image.addItem(layer.name)
        at = next((i for i, x in enumerate(images) if x is current), -1)
        self._image.setCurrentIndex(at)
        self._image.setEnabled(bool(images))
        self._image.setPlaceholderText("no image is open" if not images else "choose an image")
        self._show_axes(current)
        self._show_channels(current, images)
        self.pixels.refresh()
        self._form.setRowVisible(self.pixels, current is not None)
        self._show_project()
        self._list.refresh()
        if not images:
            self.set_hint("Open an image: drag it into the window, or use File > Open Sample.")
        elif current is None:
            self.set_hint("Choose the image to work on.")
        else:
            self.set_hint("")

    def _show_axes(self, layer: Image | None) -> None:
        possible = _layers.possible_axes(layer) if layer is not None else []
        self._axes.clear()
        for axes in possible:
            self._axes.addItem(MEANINGS[axes], axes)
        axes = _layers.facts(layer)["axes"] if layer is not None else ""
        self._axes.setCurrentIndex(max(0, self._axes.findData(axes)))
        self._form.setRowVisible(self._axes, len(possible) > 1)
        problem = ""
        if layer is not None and not possible:
            problem = _layers.no_meaning(layer)
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def _show_channels(self, layer: Image | None, images: list[Image]) -> None:
        others: list[Image] = []
        if layer is not None and _layers.facts(layer)["axes"] in ("YX", "ZYX"):
            others = [
                x
                for x in images
                if x is not layer and not x.rgb and x.data.shape == layer.data.shape
            ]
        self._channels.blockSignals(True)
        self._channels.clear()
        chosen = _layers.facts(layer).get("channels", []) if layer is not None else []
        for other in others:
            item = QListWidgetItem(other.name)
            item.setData(Qt.ItemDataRole.UserRole, str(other.unique_id))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            on = str(other.unique_id) in chosen
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self._channels.addItem(item)
        self._channels.setFixedHeight(8 + 20 * min(4, max(1, len(others))))
        self._channels.blockSignals(False)
        self._form.setRowVisible(self._channels, bool(others))

    def _show_project(self) -> None:
        project = self.session.project
        if project is None:
            self._project.setText("made when you draw")
            self._project.setToolTip(
                f"A folder with all you make: {self.workspace.storage.default_folder()}"
            )
        else:
            problem = self.workspace.problem
            self._project.setText(f"not saved: {problem}" if problem else project.folder.name)
            self._project.setToolTip(str(project.folder))
