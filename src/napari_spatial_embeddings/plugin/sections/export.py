"""The section that exports labels, tables, maps and pictures."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.export import FORMATS
from napari_spatial_embeddings.plugin.controllers.export import ExportController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.state.session import Session

DEFAULT_FORMATS = ("labels", "objects")
"""What is written unless the user chooses otherwise."""


class ExportSection(QWidget):
    """Boxes for the formats, a folder, and the buttons that export.

    Parameters
    ----------
    session : Session
    export : ExportController
    """

    def __init__(
        self,
        session: Session,
        export: ExportController,
        _prediction: PredictionController,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._export = session, export
        self.boxes: dict[str, QCheckBox] = {}
        for key, kind in FORMATS.items():
            box = self.boxes[key] = QCheckBox(kind.name)
            box.setToolTip(f"{kind.about}\nNAME{kind.ending}")
            box.setChecked(key in DEFAULT_FORMATS)
            box.toggled.connect(self.refresh)
        self.folder = QLineEdit()
        self.folder.setClearButtonEnabled(True)
        browse = QPushButton("…")
        browse.setToolTip("Choose a folder.")
        browse.clicked.connect(self._browse)
        self.this = QPushButton("Export this")
        self.series = QPushButton("Export series")
        self.all = QPushButton("Export all")
        self.copy = QPushButton("Copy command")
        self.this.clicked.connect(lambda: export.export_current(self._folder(), self.formats()))
        self.series.clicked.connect(lambda: export.export_series(self._folder(), self.formats()))
        self.all.clicked.connect(self._export_all)
        self.copy.clicked.connect(self._copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(EvenGrid(2, self.boxes.values()))
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        layout.addLayout(line)
        layout.addLayout(EvenGrid(3, (self.this, self.series, self.all, self.copy)))
        self._connections = Connections()
        self._connections.add(export.changed, self.refresh)
        self._connections.add(export.command_made, self._copied)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def formats(self) -> list[str]:
        """Return the keys of the formats that are ticked."""
        return [key for key, box in self.boxes.items() if box.isChecked()]

    def refresh(self, *_: object) -> None:
        """Enable what is possible; the tooltips of the other buttons give the reason."""
        default = str(self._export.default_folder())
        self.folder.setPlaceholderText(default)
        self.folder.setToolTip(
            "Folder for the files; files of the same names are replaced. If this is empty:\n"
            + default
        )
        formats, busy = self.formats(), self._export.busy
        _enable(self.this, self._export.obstacle(formats), "Write the files of the current image.")
        image = self._session.current
        self.series.setVisible(image is not None and image.series is not None)
        _enable(
            self.series,
            self._export.obstacle_of_series(),
            "Write the labels of all frames as one TIFF with an axis of time, NAME.tif: what"
            " napari-spatial-embeddings track links. If Objects (CSV) is ticked, also NAME.csv: a"
            " row for each object of each frame, with its track if the objects are linked.",
        )
        _enable(
            self.all,
            self._export.obstacle_of_all(formats),
            "Stop after the file that is being written."
            if busy
            else "Write the files of every image; images without a prediction are predicted first.",
        )
        self.all.setText("Stop" if busy else "Export all")
        _enable(
            self.copy,
            "" if self._session.model else "Choose or train a model first.",
            "Copy a command that segments this image with the current model and thresholds, for a"
            " terminal or a script. It does not include corrections.",
        )

    def _folder(self) -> Path:
        return Path(self.folder.text() or self._export.default_folder())

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(
            self, "Folder for the results", str(self._folder())
        ):
            self.folder.setText(chosen)

    def _export_all(self) -> None:
        if self._export.busy:
            self._export.cancel()
        else:
            self._export.export_all(self._folder(), self.formats())

    def _copy(self) -> None:
        with self._session.errors_as_messages():
            self._export.copy_command(self._folder(), self.formats())

    def _copied(self, command: str) -> None:
        QApplication.clipboard().setText(command)


def _enable(button: QPushButton, obstacle: str, what: str) -> None:
    button.setEnabled(not obstacle)
    button.setToolTip(obstacle or what)
