"""Section that exports tracks."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.export.tracks import TRACK_FORMATS
from napari_spatial_embeddings.plugin.controllers.tracking.export import TrackExport
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.sections.format_choice import FormatChoice

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
        self.choice = FormatChoice(TRACK_FORMATS, DEFAULT, "tracks")
        self.choice.changed.connect(self.refresh)
        self.button = QPushButton("Export tracks")
        self.button.clicked.connect(self._press)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.choice)
        layout.addWidget(self.button)
        self._connections = Connections()
        self._connections.add(export.changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self, *_: object) -> None:
        """Enable the button if possible; its tooltip gives the reason if not."""
        self.choice.set_default(self._export.default_folder())
        busy, obstacle = self._export.busy, self._export.obstacle(self.choice.formats)
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
            self._export.export(self.choice.folder, self.choice.formats)
