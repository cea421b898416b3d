"""Dialogs that ask for files and folders, and whether something is to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QInputDialog,
    QLineEdit,
    QMessageBox,
    QWidget,
)

from .which_files import WhichFiles

LICENCES = ("CC-BY-4.0", "CC0-1.0", "BSD-3-Clause", "MIT")
"""Licences that are offered, by their names in SPDX; any other can be typed."""

WIDTH = 360
"""Pixels that a form has at least, for some names."""


class Dialogs:
    """Questions: for a path, where None means that the user cancelled; for a decision.

    Parameters
    ----------
    parent : QWidget, optional
        Whose style they have, and over whose window they are shown.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self.parent = parent

    def new_project(self, suggestion: Path, /) -> Path | None:
        """Ask where to create a project."""
        suggestion.parent.mkdir(parents=True, exist_ok=True)
        name, _ = QFileDialog.getSaveFileName(
            self.parent, "New project: name of its folder", str(suggestion)
        )
        return Path(name) if name else None

    def open_project(self, start: Path, /) -> Path | None:
        """Ask for the folder of a project."""
        name = QFileDialog.getExistingDirectory(self.parent, "Open a project's folder", str(start))
        return Path(name) if name else None

    def add_images(self, start: Path, endings: Sequence[str], /) -> list[Path]:
        """Ask for files of images, which have one of some endings."""
        kinds = " ".join(f"*{ending}" for ending in endings)
        names, _ = QFileDialog.getOpenFileNames(
            self.parent, "Add images", str(start), f"Images ({kinds});;All files (*)"
        )
        return [Path(name) for name in names]

    def import_files(self, start: Path, /) -> list[Path]:
        """Ask for files of annotations."""
        kinds = "*.zip *.roi *.geojson *.json *.csv *.npy *.tif *.tiff *.png *.gz"
        names, _ = QFileDialog.getOpenFileNames(
            self.parent, "Import annotations", str(start), f"Annotations ({kinds});;All files (*)"
        )
        return [Path(name) for name in names]

    def add_folder(self, start: Path, /) -> Path | None:
        """Ask for a folder of images, or one that is an image, such as OME-Zarr."""
        name = QFileDialog.getExistingDirectory(
            self.parent, "Add the images of a folder", str(start)
        )
        return Path(name) if name else None

    def which_files(
        self,
        folder: Path,
        look: Callable[[str], tuple[int, str]],
        chosen: Callable[[str], object],
        /,
    ) -> None:
        """Ask which files of a folder are meant, without waiting for the answer.

        Parameters
        ----------
        folder : path
        look : callable
            Returns how many files a pattern finds, and a sentence about them.
        chosen : callable
            Called with the pattern, unless the user cancels.
        """
        WhichFiles(folder.name, look, chosen, self.parent).open()

    def save_labels(self, suggestion: Path, /) -> Path | None:
        """Ask where the labels of a large image are to be written."""
        name, _ = QFileDialog.getSaveFileName(
            self.parent, "Labels of the whole image", str(suggestion), "OME-Zarr (*.zarr)"
        )
        return Path(name) if name else None

    def import_models(self, start: Path, /) -> list[Path]:
        """Ask for files of models."""
        names, _ = QFileDialog.getOpenFileNames(
            self.parent, "Import models", str(start), "Models (*.zip *.onnx);;All files (*)"
        )
        return [Path(name) for name in names]

    def export_model(self, suggestion: Path, /) -> Path | None:
        """Ask where a model is to be written."""
        name, _ = QFileDialog.getSaveFileName(self.parent, "Export a model", str(suggestion))
        return Path(name) if name else None

    def model_rights(
        self, authors: Sequence[str], licence: str | None, /
    ) -> tuple[list[str], str | None] | None:
        """Ask who made a model, and under which licence others may use it."""
        box = QDialog(self.parent)
        box.setWindowTitle("For bioimage.io")
        names, right = QLineEdit(", ".join(authors)), QComboBox()
        names.setPlaceholderText("names, separated by commas")
        right.setEditable(True)
        right.addItems(LICENCES)
        right.setCurrentText(licence or "")
        if (line := right.lineEdit()) is not None:
            line.setPlaceholderText(f"such as {LICENCES[0]}")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(box.accept)
        buttons.rejected.connect(box.reject)
        form = QFormLayout(box)
        form.addRow("Authors", names)
        form.addRow("Licence", right)
        form.addRow(buttons)
        box.setMinimumWidth(WIDTH)
        accepted = box.exec()
        box.deleteLater()
        if not accepted:
            return None
        given = [name.strip() for name in names.text().split(",")]
        return [name for name in given if name], right.currentText().strip() or None

    def new_name(self, title: str, name: str, /) -> str | None:
        """Ask for another name."""
        new, accepted = QInputDialog.getText(self.parent, title, "Name", text=name)
        return new if accepted and new != name else None

    def find_image(self, missing: Path, /) -> Path | None:
        """Ask where a moved image is now."""
        name, _ = QFileDialog.getOpenFileName(
            self.parent, f"Where is {missing.name} now?", str(missing.parent)
        )
        return Path(name) if name else None

    def confirm(self, question: str, yes: str, no: str, /) -> bool:
        """Ask for a decision; ``yes`` and ``no`` are the texts of its buttons."""
        box = QMessageBox(self.parent)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(question)
        accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(no, QMessageBox.ButtonRole.RejectRole))
        box.exec()
        box.deleteLater()  # else it would live as long as its parent
        return bool(box.clickedButton() is accept)
