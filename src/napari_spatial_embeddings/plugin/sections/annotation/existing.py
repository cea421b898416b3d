"""Rows that take over objects which are there already: of another layer, or of a file."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.controllers.proposing.dots import DotImport
from napari_spatial_embeddings.plugin.controllers.tools.file_import import FileImport, Purpose
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.controllers.tools.series_import import SeriesImport
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
from napari_spatial_embeddings.plugin.state.session import Session

PURPOSES: dict[str, Purpose] = {
    "As annotations …": "annotations",
    "As annotations of every object …": "every object",
    "As results to correct …": "results",
}
"""What imported objects are, by the text in the menu."""


class ExistingObjects(QWidget):
    """Offers the layers whose objects can be used, and the import of files.

    Parameters
    ----------
    session : Session
    objects : ObjectImport
    series : SeriesImport
    dots : DotImport
    files : FileImport
    """

    def __init__(
        self,
        session: Session,
        objects: ObjectImport,
        series: SeriesImport,
        dots: DotImport,
        files: FileImport,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._objects, self._series = session, objects, series
        self._dots, self._files = dots, files
        self._others = NameCombo()
        self._take = QPushButton("Use")
        self._take.setToolTip(
            "Copy the objects of this layer into the annotations.\n"
            "Of points, the object that the model outlines at each."
        )
        self._take.clicked.connect(self._use_other)
        self._frames_menu = QMenu(self._take)
        self._all_frames = self._frames_menu.addAction("", self._use_series)
        self._frames_menu.addAction("On this frame", self._use_other)
        self._others.currentIndexChanged.connect(self._show_choice)
        self._layer_row = _row(QLabel("Use layer"), self._others, self._take)
        button = QPushButton("Import")
        button.setToolTip(
            "Read what other programs annotated: ROIs of Fiji, GeoJSON of QuPath, COCO,\n"
            "_seg.npy of Cellpose, or a label image. To drop such a file on the list of\n"
            "images, under Data, does the same."
        )
        menu = QMenu(button)
        for text, purpose in PURPOSES.items():
            menu.addAction(text, partial(self._import, purpose))
        button.setMenu(menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._layer_row)
        column.addWidget(_row(QLabel("Use file"), QWidget(), button))

    def refresh(self, possible: bool) -> None:
        """Offer the layers there are; nothing, if no image can be annotated."""
        others = self._layers()
        chosen = self._others.currentData(Qt.ItemDataRole.UserRole)
        self._others.clear()
        for layer in others:
            self._others.addItem(layer.name, str(layer.unique_id))
        self._others.setCurrentIndex(max(0, self._others.findData(chosen)))
        self._layer_row.setVisible(bool(others))
        self.setVisible(possible)
        self._show_choice()

    def _use_other(self) -> None:
        with self._session.errors_as_messages():
            layer = self._other()
            if layer in self._dots.layers():
                self._dots.use(layer)
            elif layer is not None:
                self._objects.use_layer(layer)

    def _use_series(self) -> None:
        with self._session.errors_as_messages():
            if (layer := self._other()) is not None:
                self._series.use(layer)

    def _import(self, purpose: Purpose) -> None:
        with self._session.errors_as_messages():
            self._files.ask(purpose)

    def _other(self) -> Any:
        """Return the layer that is chosen."""
        chosen = self._others.currentData(Qt.ItemDataRole.UserRole)
        return next((x for x in self._layers() if str(x.unique_id) == chosen), None)

    def _layers(self) -> list[Any]:
        return [*self._objects.layers(), *self._dots.layers()]

    def _show_choice(self) -> None:
        """Offer a menu where the chosen layer has all frames of the time series."""
        layer = self._other()
        frames = 0 if layer in self._dots.layers() else self._series.frames(layer)
        self._take.setMenu(self._frames_menu if frames else None)  # type: ignore[arg-type]
        self._all_frames.setText(f"On all {plural(frames, 'frame')}")


def _row(label: QLabel, middle: QWidget, button: QPushButton) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.addWidget(label)
    line.addWidget(middle, 1)
    line.addWidget(button)
    return row
