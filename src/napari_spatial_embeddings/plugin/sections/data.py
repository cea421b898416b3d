"""The Data step: the current image, its axes, channels and pixel size, and the project."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QWidget,
)
from superqt import QElidingLabel

from napari_spatial_embeddings.plugin.controllers.image_choice import ImageChoice
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.controllers.project_images import ProjectImages
from napari_spatial_embeddings.plugin.layers.axes import finest, meanings
from napari_spatial_embeddings.plugin.layers.image import ImageLayer
from napari_spatial_embeddings.plugin.layers.opened.file_axes import holds_labels
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo, NameList
from napari_spatial_embeddings.plugin.qt.narrow_form import NarrowForm
from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session

from .image_list import ImageList
from .image_offer import ImageOffer
from .pixel_size import PixelSizeField

NO_MODEL_FOR_COLOURS = (
    "No model that comes along takes these colours: train one, from a model of grey, or choose grey"
    " (inverted where objects are dark on bright ground)."
)


class DataStep(StepArea):
    """Choose the image, what its axes and channels are, and the project that it is saved in.

    Parameters
    ----------
    session : Session
    images : ImageController
    choice : ImageChoice
    project : ProjectController
    project_images : ProjectImages
    image_list : ImageList

    Attributes
    ----------
    pixel_size : PixelSizeField
    """

    def __init__(
        self,
        session: Session,
        images: ImageController,
        choice: ImageChoice,
        project: ProjectController,
        project_images: ProjectImages,
        image_list: ImageList,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Data", parent=parent)
        self._session, self._images, self._autosave = session, images, project.autosave
        self._project, self._project_images, self._list = project, project_images, image_list
        self._choice = choice
        self._image = NameCombo()
        self._image.activated.connect(self._choose)
        self._axes = NameCombo()
        self._axes.set_about("Meaning of the axes of the image's array.")
        self._axes.setPlaceholderText("choose")
        self._axes.activated.connect(self._choose_axes)
        self._channels = NameList()
        self._channels.itemChanged.connect(self._choose_channels)
        self.pixel_size = PixelSizeField(session, images)
        self._folder = QElidingLabel()
        self._folder.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._form = NarrowForm()
        self._form.addRow("Image", self._image_row())
        self._axes_label = QLabel()
        self._form.addRow(self._axes_label, self._axes)
        self._form.addRow("Channels", self._channels)
        self._form.addRow("Pixel size", self.pixel_size)
        self._form.addRow("Project", self._project_row())
        self._problem = TextBlock(1, "advice")
        self._offer = ImageOffer(images, choice)
        self.body.addWidget(self._offer)
        self.body.addLayout(self._form)
        self.body.addWidget(self._problem)
        self.body.addWidget(self._list)
        self._connections = Connections()
        self._connections.add(images.changed, self.refresh)
        self._connections.add(self._autosave.saved, self._show_project)
        self._connections.add(session.image_changed, self.refresh)
        self._connections.add(session.model_changed, self.refresh)
        self._connections.add(session.project_changed, self._show_project)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()
        self._list.close_down()
        self._offer.close_down()

    def _image_row(self) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(3)
        line.addWidget(self._image, 1)
        self._use_channels = QPushButton("Channels")
        self._use_channels.setToolTip("Use other layers as further channels of this image.")
        self._use_channels.setCheckable(True)
        self._use_channels.toggled.connect(self._ask_for_channels)
        line.addWidget(self._use_channels)
        return row

    def _project_row(self) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(3)
        line.addWidget(self._folder, 1)
        for text, tip, act in (
            ("New", "Create a project in a folder of your choice.", self._new),
            ("Open", "Open a project's folder.", self._open),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(act)
            line.addWidget(button)
        more = QPushButton("…")
        dress(more, "more")
        more.setToolTip("More project options")
        menu = QMenu(more)
        copy = menu.addAction("Copy images into the project")
        copy.setCheckable(True)
        copy.toggled.connect(self._set_copy)
        more.setMenu(menu)
        line.addWidget(more)
        return row

    # --------------------------------------------------------------- actions

    def _choose(self, index: int) -> None:
        layers = self._images.layers()
        if 0 <= index < len(layers):
            self._images.choose(layers[index])

    def _choose_axes(self, index: int) -> None:
        axes, grey = self._axes.itemData(index)
        with self._session.errors_as_messages():
            self._images.choose(self._images.layer, axes=axes, grey=grey)

    def _choose_channels(self, _item: QListWidgetItem) -> None:
        rows = [self._channels.item(i) for i in range(self._channels.count())]
        chosen = {
            row.data(Qt.ItemDataRole.UserRole)
            for row in rows
            if row.checkState() == Qt.CheckState.Checked
        }
        layers = [x for x in self._images.layers() if str(x.unique_id) in chosen]
        self._images.choose(self._images.layer, channels=tuple(layers))

    def _ask_for_channels(self, _wanted: bool) -> None:
        self._show_channels(self._images.layer, self._images.layers())

    def _set_copy(self, copy: bool) -> None:
        self._project_images.copy = copy

    def _new(self) -> None:
        with self._session.errors_as_messages():
            folder = self._project.dialogs.new_project(self._project.default_folder())
            if folder is not None:
                self._project.create(folder)

    def _open(self) -> None:
        with self._session.errors_as_messages():
            folder = self._project.dialogs.open_project(self._project.default_folder().parent)
            if folder is not None:
                self._project.open(folder)

    # ----------------------------------------------------------------- display

    def refresh(self) -> None:
        """Show the images there are, and what is known of the current one."""
        layers, current = self._images.layers(), self._images.layer
        self._image.clear()
        for layer in layers:
            self._image.addItem(layer.name)
        at = next((i for i, x in enumerate(layers) if x is current), -1)
        self._image.setCurrentIndex(at)
        self._image.setEnabled(bool(layers))
        self._image.setPlaceholderText("no image is open" if not layers else "choose an image")
        self._show_axes(current)
        self._show_channels(current, layers)
        self.pixel_size.refresh()
        self._form.setRowVisible(self.pixel_size, current is not None)
        self._show_project()
        self._list.refresh()
        if not layers:
            there = self._project_images.entries()
            other = "click one in the list." if there else "press Add images."
            self.set_hint(f"Open an image: drag it into the window, or {other}{self._conversion()}")
        elif current is None:
            self.set_hint("Choose the image to work on.")
        else:
            self.set_hint("")

    def _conversion(self) -> str:
        """Return what to do if the image is open as labels, after the sentence before it."""
        labels = self._choice.labels_instead
        if labels is None:
            return ""
        return (
            f" {labels.name} is open as labels, as napari opens whole numbers of 32 and"
            " 64 bits. If it is an image, right-click its layer, and choose Convert to Image."
        )

    def _show_axes(self, layer: ImageLayer | None) -> None:
        tag = tag_of(layer) if layer is not None else None
        possible = meanings(layer) if layer is not None else {}
        self._axes.clear()
        for meaning, text in possible.items():
            self._axes.addItem(text, meaning)
        at = [i for i, m in enumerate(possible) if tag is not None and m == (tag.axes, tag.grey)]
        self._axes.setCurrentIndex(at[0] if at else -1)
        self._axes_label.setText("Colours" if layer is not None and layer.rgb else "Axes")
        self._form.setRowVisible(self._axes, len(possible) > 1)
        problem = self._images.problem if layer is not None else ""
        if not problem and layer is not None and holds_labels(layer):
            problem = (
                f"{layer.name} holds labels that this program wrote. To see them as labels,"
                " right-click its layer, and choose Convert to Labels."
            )
        if not problem and tag is not None and tag.guessed and len(possible) > 1:
            problem = (
                f"Its axes have no names: it is taken for {self._axes.currentText()}. Check Axes."
            )
        if not problem and layer is not None and layer.rgb and not self._images.grey:
            problem = "" if self._session.model is not None else NO_MODEL_FOR_COLOURS
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def _show_channels(self, layer: ImageLayer | None, layers: list[ImageLayer]) -> None:
        others: list[ImageLayer] = []
        if layer is not None and self._images.axes in ("YX", "ZYX", "TYX", "TZYX"):
            shape = finest(layer).shape
            others = [
                x for x in layers if x is not layer and not x.rgb and finest(x).shape == shape
            ]
        tag = tag_of(layer) if layer is not None else None
        chosen = tag.channels if tag is not None else ()
        self._channels.blockSignals(True)
        self._channels.clear()
        for other in others:
            item = self._channels.add_name(other.name, "Use it as a further channel of the image.")
            item.setData(Qt.ItemDataRole.UserRole, str(other.unique_id))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            on = str(other.unique_id) in chosen
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self._channels.setFixedHeight(8 + 20 * min(4, max(1, len(others))))
        self._channels.blockSignals(False)
        self._use_channels.setVisible(bool(others))
        wanted = bool(chosen) or self._use_channels.isChecked()
        self._form.setRowVisible(self._channels, bool(others) and wanted)

    def _show_project(self) -> None:
        project, problem = self._session.project, self._autosave.problem
        if project is None:
            text = "none yet"
            tip = f"There is none yet; Annotate creates {self._project.default_folder()}"
        else:
            text = f"not saved: {problem}" if problem else project.folder.name
            tip = f"{text}\n{project.folder}"
        self._folder.setText(text)
        self._folder.setToolTip(tip)
