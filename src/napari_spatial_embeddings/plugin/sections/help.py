"""Help: the keyboard shortcuts, and the pages of the documentation that come with the package."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby
from pathlib import Path

from qtpy.QtWidgets import QToolButton, QWidget

import napari_spatial_embeddings
from napari_spatial_embeddings.plugin.controllers.shortcuts import Shortcut, shortcuts
from napari_spatial_embeddings.plugin.qt.help_window import HelpWindow

PAGES = {
    "First steps": "first-steps.md",
    "Every button": "plugin.md",
    "Words": "glossary.md",
}
"""Pages of the documentation, by the titles of their tabs."""


def help_folder() -> Path:
    """Return the folder of the pages: in the package, or that of the repository around it."""
    package = Path(napari_spatial_embeddings.__file__).parent
    bundled = package / "help"
    return bundled if bundled.is_dir() else package.parents[1] / "docs"


def shortcut_table(table: Iterable[Shortcut]) -> str:
    """Return the shortcuts as HTML, by where they work."""
    parts = []
    for where, some in groupby(table, key=lambda shortcut: shortcut.where):
        rows = "".join(
            f"<tr><td width='120'><b>{escape(s.key)}</b></td>"
            f"<td width='120'>{escape(s.name)}</td><td>{escape(s.text)}</td></tr>"
            for s in some
        )
        parts.append(f"<h3>{escape(where)}</h3><table cellpadding='2'>{rows}</table>")
    return "".join(parts)


class HelpButton(QToolButton):
    """A button that opens the help in a window of its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("?")
        self.setToolTip("Keyboard shortcuts, and help on every button.")
        self.clicked.connect(self.open)
        self.window_of_help: HelpWindow | None = None

    def open(self) -> None:
        """Show the help; its window is made when it is asked for."""
        if self.window_of_help is None:
            folder = help_folder()
            files = {name: folder / file for name, file in PAGES.items()}
            pages: dict[str, str | Path] = {"Keyboard shortcuts": shortcut_table(shortcuts())}
            pages |= {name: path for name, path in files.items() if path.is_file()}
            self.window_of_help = HelpWindow("Spatial Embeddings: help", pages, self.window())
        self.window_of_help.show()
        self.window_of_help.raise_()

    def close_down(self) -> None:
        """Close the window of the help."""
        if self.window_of_help is not None:
            self.window_of_help.close()
            self.window_of_help.deleteLater()
            self.window_of_help = None
