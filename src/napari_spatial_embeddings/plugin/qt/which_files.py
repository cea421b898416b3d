"""Question which files of a folder are meant, by what their names look like."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from .workers import LatestWorker

ALL, INSIDE = "*", "**/"


class WhichFiles(QDialog):
    """Asks for a pattern, and shows how many files it finds.

    Parameters
    ----------
    folder : str
        Name of the folder.
    look : callable
        Returns how many files a pattern finds, and a sentence about them; it runs in a thread.
    chosen : callable
        Called with the pattern.
    """

    def __init__(
        self,
        folder: str,
        look: Callable[[str], tuple[int, str]],
        chosen: Callable[[str], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add the images of a folder")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._pattern = QLineEdit(ALL)
        self._pattern.setToolTip("* stands for any letters: *_dapi.tif")
        self._inside = QCheckBox("Also in the folders in it")
        self._count = QLabel()
        self._count.setWordWrap(True)
        self._count.setMinimumWidth(360)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._add = buttons.addButton("Add", QDialogButtonBox.ButtonRole.AcceptRole)
        column = QVBoxLayout(self)
        column.addWidget(QLabel(f"Which files of the folder {folder}?"))
        column.setSpacing(10)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.addRow("Names like", self._pattern)
        form.addRow("", self._inside)
        column.addLayout(form)
        column.addWidget(self._count)
        column.addWidget(buttons)
        self._worker = LatestWorker(look, self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._count.setText)
        self._pattern.textChanged.connect(self._ask)
        self._inside.toggled.connect(self._ask)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: chosen(self.pattern))
        self.finished.connect(lambda _: self._worker.close())
        self._tried = False
        self._ask()

    @property
    def pattern(self) -> str:
        """The pattern, as `files.find_images` takes it."""
        text = self._pattern.text().strip() or ALL
        return INSIDE + text if self._inside.isChecked() else text

    def _ask(self, _value: object = None) -> None:
        self._add.setEnabled(False)
        self._worker.request(self.pattern)

    def _show(self, pattern: str, found: tuple[int, str]) -> None:
        if pattern != self.pattern:
            return
        count, text = found
        self._count.setText(text)
        self._add.setEnabled(count > 0)
        if not count and not self._tried:
            self._inside.setChecked(True)  # the images may be one level deeper
        self._tried = True
