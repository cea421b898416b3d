"""Choice of the formats that are exported, and of the folder that they are written into."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid


class Format(Protocol):
    """A format of an export."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def ending(self) -> str:
        """What its files' names end with."""

    @property
    def about(self) -> str:
        """What is in it, as a sentence."""

    @property
    def group(self) -> str:
        """Heading under which it is offered; empty for none."""


class FormatChoice(QWidget):
    """A box for each format, under the headings of their groups, and a line for the folder.

    Parameters
    ----------
    formats : mapping of str to Format
    ticked : collection of str
        Keys of those that are written unless the user chooses otherwise.
    what : str
        What is written, in the title of the dialog that asks for a folder.
    """

    changed = Signal()
    """Other formats are ticked."""

    def __init__(
        self,
        formats: Mapping[str, Format],
        ticked: Collection[str],
        what: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._what, self._default = what, Path()
        self.boxes: dict[str, QCheckBox] = {}
        self._settings: dict[str, EvenGrid] = {}
        for key, kind in formats.items():
            box = self.boxes[key] = QCheckBox(kind.name)
            box.setToolTip(f"{kind.about}\nNAME{kind.ending}")
            box.setChecked(key in ticked)
            box.toggled.connect(lambda _: self.changed.emit())
        self.line = QLineEdit()
        self.line.setClearButtonEnabled(True)
        browse = QPushButton("…")
        browse.setToolTip("Choose a folder.")
        browse.clicked.connect(self._browse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        groups: dict[str, list[QCheckBox]] = {}
        for key, kind in formats.items():
            groups.setdefault(kind.group, []).append(self.boxes[key])
        for heading, boxes in groups.items():
            if heading:
                layout.addWidget(QLabel(heading))
            layout.addLayout(EvenGrid(2, boxes))
            self._settings[heading] = EvenGrid(2)
            layout.addLayout(self._settings[heading])
        line = QHBoxLayout()
        line.addWidget(self.line, 1)
        line.addWidget(browse)
        layout.addLayout(line)

    def add_to(self, heading: str, widgets: Iterable[QWidget]) -> None:
        """Add settings of a group of formats below their boxes."""
        for widget in widgets:
            self._settings[heading].addWidget(widget)

    @property
    def formats(self) -> list[str]:
        """Keys of the formats that are ticked."""
        return [key for key, box in self.boxes.items() if box.isChecked()]

    @property
    def folder(self) -> Path:
        """The folder that was chosen, or else the default one."""
        return Path(self.line.text() or self._default)

    def set_default(self, folder: Path) -> None:
        """Set the folder that is used if the user chooses none."""
        self._default = folder
        self.line.setPlaceholderText(str(folder))
        self.line.setToolTip(
            "Folder for the files; files of the same names are replaced. If this is empty:\n"
            f"{folder}"
        )

    def _browse(self) -> None:
        title = f"Folder for the {self._what}"
        if chosen := QFileDialog.getExistingDirectory(self, title, str(self.folder)):
            self.line.setText(chosen)
