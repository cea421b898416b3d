"""Section that corrects the links between frames by hand."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.controllers.tracking.link_tool import NO_TOOL_HINT, LinkTool
from napari_spatial_embeddings.plugin.controllers.tracking.linking import LinkingController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.tasks.link_actions import LINK_TOOLS

ABOUT = {
    "same": "Join what is one cell, over any number of frames.",
    "apart": "Cut what is not one cell.",
    "division": "Make a cell the mother of two others.",
    "end": "Let a cell be gone after a frame.",
}
"""What the tools are for."""


class LinkSection(QWidget):
    """Buttons of the tools that correct links.

    Parameters
    ----------
    linking : LinkingController
    link_tool : LinkTool
    """

    def __init__(
        self, linking: LinkingController, link_tool: LinkTool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._linking, self._tool = linking, link_tool
        self.buttons: dict[str, QPushButton] = {}
        for key, tool in LINK_TOOLS.items():
            button = self.buttons[key] = QPushButton(tool.name)
            button.setCheckable(True)
            button.clicked.connect(lambda checked, key=key: self._press(key, checked))
        self.hint = TextBlock(2, "hint")
        self.hint.setText(NO_TOOL_HINT)
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        self.undo.setToolTip("Ctrl+Z")
        self.redo.setToolTip("Ctrl+Shift+Z")
        self.undo.clicked.connect(linking.undo)
        self.redo.clicked.connect(linking.redo)
        self.count = QLabel()
        self.forget = QPushButton("Forget all")
        self.forget.setToolTip("Discard the corrections of these links; Undo brings them back.")
        self.forget.clicked.connect(linking.forget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(EvenGrid(2, self.buttons.values()))
        layout.addWidget(self.hint)
        layout.addLayout(EvenGrid(2, (self.undo, self.redo, self.count, self.forget)))
        self._connections = Connections()
        self._connections.add(linking.changed, self.refresh)
        self._connections.add(link_tool.changed, self._show_tool)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()

    def refresh(self) -> None:
        """Show how many links are corrected, and enable what is possible."""
        ready, series = self._tool.ready, self._linking.series
        for key, button in self.buttons.items():
            tool = LINK_TOOLS[key]
            tip = f"{ABOUT[key]} {tool.hints[0]}\nKey: {tool.key}; Esc leaves the tool."
            button.setEnabled(ready)
            button.setToolTip(tip if ready else "Link the labels first.")
        corrected = 0 if series is None else series.corrected
        self.undo.setEnabled(ready and self._linking.can_undo)
        self.redo.setEnabled(ready and self._linking.can_redo)
        self.forget.setEnabled(ready and corrected > 0)
        self.count.setText(f"{plural(corrected, 'link')} corrected")

    def _show_tool(self) -> None:
        for key, button in self.buttons.items():
            button.setChecked(key == self._tool.tool)
        self.hint.setText(self._tool.hint)

    def _press(self, tool: str, checked: bool) -> None:
        if checked:
            self._tool.use(tool)
        else:
            self._tool.leave()
        self._show_tool()
