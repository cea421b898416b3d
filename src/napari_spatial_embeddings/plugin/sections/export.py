"""The section that exports labels, tables, maps and pictures."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QPushButton, QWidget

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.plugin.controllers.export import ExportController
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.state.session import Session

DEFAULT_FORMATS = ("labels", "objects")
"""What is written unless the user chooses otherwise."""

WHOLE = ("roi", "geojson", "coco", "svg", "pdf", "ome-zarr")
"""Formats that can hold objects that overlap."""

KINDS = {"detection": "detections", "annotation": "annotations", "cell": "cells"}
"""What the objects may be in QuPath, as the setting and as users see it."""


class ExportSection(Collapsible):
    """Boxes for the formats, a folder, and the buttons that export; built when opened.

    Parameters
    ----------
    session : Session
    export : ExportController
    """

    def __init__(
        self, session: Session, export: ExportController, parent: QWidget | None = None
    ) -> None:
        super().__init__("Export", parent)
        self._session, self._export = session, export
        self._connections = Connections()

    def build(self) -> None:
        """Add the boxes, the folder and the buttons."""
        from napari_spatial_embeddings.export import FORMATS

        from .format_choice import FormatChoice

        export = self._export
        self.choice = FormatChoice(FORMATS, DEFAULT_FORMATS, "results")
        self.choice.changed.connect(self.refresh)
        self.overlaps = QCheckBox("Overlaps whole")
        self.kind = QComboBox()
        for key, text in KINDS.items():
            self.kind.addItem(f"As {text}", key)
        self.ids, self.bar = QCheckBox("Ids"), QCheckBox("Scale bar")
        self.bar.setChecked(True)
        self.this = QPushButton("Export this")
        self.series = QPushButton("Export series")
        self.all = QPushButton("Export all")
        self.copy = QPushButton("Copy command")
        self.python = QPushButton("Copy Python")
        self.this.clicked.connect(lambda: export.export_current(*self._chosen()))
        self.series.clicked.connect(lambda: export.export_series(*self._chosen()))
        self.all.clicked.connect(self._export_all)
        self.copy.clicked.connect(lambda: self._copy(python=False))
        self.python.clicked.connect(lambda: self._copy(python=True))
        self.choice.add_to("Outlines", (self.overlaps, self.kind))
        self.choice.add_to("Pictures", (self.ids, self.bar))
        self.body.addWidget(self.choice)
        buttons = self.this, self.series, self.all, self.copy, self.python
        self.body.addLayout(EvenGrid(2, buttons))
        self._connections.add(export.changed, self.refresh)
        self._connections.add(export.command_made, self._copied)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self, *_: object) -> None:
        """Enable what is possible; the tooltips of the other buttons give the reason."""
        from napari_spatial_embeddings.export.formats import PICTURE_FORMATS

        self.choice.set_default(self._export.default_folder())
        formats, busy = self.choice.formats, self._export.busy
        _enable(self.this, self._export.obstacle(formats), "Write the files of the current image.")
        for widget, name, keys, what in (
            (self.overlaps, "overlaps", WHOLE, "an outline format, SVG, PDF, or OME-Zarr"),
            (self.kind, "object_type", ("geojson",), "QuPath"),
            (self.ids, "ids", PICTURE_FORMATS, "a picture"),
            (self.bar, "scale_bar", PICTURE_FORMATS, "a picture"),
        ):
            widget.setEnabled(not {*keys}.isdisjoint(formats))
            reason = "" if widget.isEnabled() else f"\nTick {what} first."
            widget.setToolTip(f"{ExportSettings.model_fields[name].description}{reason}")
        image = self._session.current
        self.series.setVisible(image is not None and image.series is not None)
        _enable(
            self.series,
            self._export.obstacle_of_series(),
            "Write the labels of all frames as one TIFF with an axis of time, NAME.tif: what"
            " napari-spatial-embeddings track links. If Objects (CSV) is ticked, also NAME.csv: a"
            " row for each object of each frame, with its track if the objects are linked. A file"
            " of outlines holds those of all frames.",
        )
        _enable(
            self.all,
            self._export.obstacle_of_all(formats),
            "Stop after the file that is being written."
            if busy
            else "Write the files of every image; images without a prediction are predicted first.",
        )
        self.all.setText("Stop" if busy else "Export all")
        for button, what in (
            (self.copy, "a command that writes these files of this image, for a terminal"),
            (self.python, "Python code that writes these files of this image, for a script"),
        ):
            _enable(
                button,
                "" if self._session.model else "Choose or train a model first.",
                f"Copy {what}: with the current model and thresholds, and with the corrections,"
                " which are saved in a file beside.",
            )

    def _chosen(self) -> tuple[Path, list[str], ExportSettings]:
        settings = ExportSettings(
            overlaps=self.overlaps.isChecked(),
            object_type=self.kind.currentData(),
            ids=self.ids.isChecked(),
            scale_bar=self.bar.isChecked(),
        )
        return self.choice.folder, self.choice.formats, settings

    def _export_all(self) -> None:
        if self._export.busy:
            self._export.cancel()
        else:
            self._export.export_all(*self._chosen())

    def _copy(self, *, python: bool) -> None:
        with self._session.errors_as_messages():
            self._export.copy_command(*self._chosen(), python=python)

    def _copied(self, command: str) -> None:
        QApplication.clipboard().setText(command)


def _enable(button: QPushButton, obstacle: str, what: str) -> None:
    button.setEnabled(not obstacle)
    button.setToolTip(obstacle or what)
