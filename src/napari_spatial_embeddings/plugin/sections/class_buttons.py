"""Buttons of the classes of objects."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.layers.class_colormap import class_colour
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.name_widgets import NameButton
from napari_spatial_embeddings.plugin.state.session import Session


class ClassButtons(QWidget):
    """One button per class: the one pressed is the class of the objects that are painted.

    A right click renames or removes a class.

    Parameters
    ----------
    session : Session
    annotation : AnnotationController
    """

    def __init__(
        self, session: Session, annotation: AnnotationController, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._annotation = session, annotation
        self._row = QWidget()
        self._flow = QFlowLayout(self._row)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._name = QLineEdit()
        self._name.setPlaceholderText("name of the class")
        self._name.editingFinished.connect(self._named)
        self._name.hide()
        self._renamed = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._row)
        column.addWidget(self._name)
        self._shown: tuple[object, ...] = ()
        self._connections = Connections()
        self._connections.add(annotation.changed, self._refresh)
        self._refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def _refresh(self) -> None:
        names, chosen = self._session.classes, self._annotation.class_name
        if self._shown == (names, chosen):
            return
        self._shown = names, chosen
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for index, name in enumerate(names):
            self._flow.addWidget(self._button(index, name, name == chosen, len(names) > 1))
        more = QPushButton("+ class")
        more.setToolTip("Add a class, for another kind of object.")
        more.clicked.connect(self._add)
        self._flow.addWidget(more)

    def _button(self, index: int, name: str, chosen: bool, coloured: bool) -> QPushButton:
        button = NameButton(
            name, "Class of the objects you paint. Right click: rename or remove it."
        )
        button.setCheckable(True)
        button.setChecked(chosen)
        if coloured:
            swatch = QPixmap(12, 12)
            swatch.fill(QColor.fromRgbF(*class_colour(index)))
            button.setIcon(QIcon(swatch))
            button.setIconSize(QSize(12, 12))
        button.clicked.connect(lambda: self._choose(name))
        button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        button.customContextMenuRequested.connect(lambda at: self._menu(button, name, at))
        return button

    def _choose(self, name: str) -> None:
        self._shown = ()
        self._annotation.set_class(name)

    def _menu(self, button: QPushButton, name: str, at: QPoint) -> None:
        menu = QMenu(button)
        menu.addAction("Rename").triggered.connect(lambda: self._edit(name))
        menu.addAction("Remove").triggered.connect(lambda: self._remove(name))
        menu.popup(button.mapToGlobal(at))

    def _add(self) -> None:
        names = self._session.classes
        n = len(names) + 1
        while f"class {n}" in names:
            n += 1
        self._session.set_classes((*names, f"class {n}"))
        self._annotation.set_class(f"class {n}")
        self._edit(f"class {n}")

    def _edit(self, name: str) -> None:
        self._renamed = name
        self._name.setText(name)
        self._name.show()
        self._name.selectAll()
        self._name.setFocus()

    def _named(self) -> None:
        old, self._renamed = self._renamed, ""
        if old and self._name.isVisibleTo(self):
            self._name.hide()
            with self._session.errors_as_messages():
                self._annotation.rename_class(old, self._name.text())

    def _remove(self, name: str) -> None:
        with self._session.errors_as_messages():
            self._annotation.remove_class(name)
