"""Section that exports tracks."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.export.tracks import TRACK_FORMATS
from napari_spatial_embeddings.plugin.controllers.tracking.export import TrackExport
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid

DEFAULT = ("labels", "csv")
"""What is written unless the user chooses otherwise."""


class TrackExportSection(QWidget):
    """Boxes for the formats, a folder, and the button that exports.

    Parameters
    ----------
    export : TrackExport
    """

    def __init__(self, export: TrackExport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._export = export
        self.boxes: dict[str, QCheckBox] = {}
        for key, kind in TRACK_FORMATS.items():
            box = self.boxes[key] = QCheckBox(kind.name)
            box.setToolTip(f"{kind.about}\nNAME{kind.ending}")
            box.setChecked(key in DEFAULT)
            box.toggled.connect(self.refresh)
        self.folder = QLineEdit()
        self.folder.setClearButtonEnabled(True)
        browse = QPushButton("…")
        browse.setToolTip("Choose a folder.")
        browse.clicked.connect(self._browse)
        self.button = QPushButton("Export tracks")
        self.button.clicked.connect(self._press)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(EvenGrid(2, self.boxes.values()))
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        layout.addLayout(line)
        layout.addWidget(self.button)
        self._connections = Connections()
        self._connections.add(export.changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def formats(self) -> list[str]:
        """Return the keys of the formats that are ticked."""
        return [key for key, box in self.boxes.items() if box.isChecked()]

    def refresh(self, *_: object) -> None:
        """Enable the button if possible; its tooltip gives the reason if not."""
        default = str(self._export.default_folder())
        self.folder.setPlaceholderText(default)
        self.folder.setToolTip(
            "Folder for the files; files of the same names are replaced. If this is empty:\n"
            + default
        )
        busy, obstacle = self._export.busy, self._export.obstacle(self.formats())
        self.button.setText("Stop" if busy else "Export tracks")
        self.button.setEnabled(busy or not obstacle)
        what = "Write the tracks; corrected links are written beside them."
        self.button.setToolTip(
            "Stop after the file that is being written." if busy else obstacle or what
        )

    def _press(self) -> None:
        if self._export.busy:
            self._export.cancel()
        else:
            self._export.export(self._folder(), self.formats())

    def _folder(self) -> Path:
        return Path(self.folder.text() or self._export.default_folder())

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(
            self, "Folder for the tracks", str(self._folder())
        ):
            self.folder.setText(chosen)
