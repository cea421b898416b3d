"""Offer to work on another image than the current one: one that is seen, or was just opened."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.image_choice import ImageChoice
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.looks import dress


class ImageOffer(QWidget):
    """Shows which image lies over the current one, or is new, and buttons to choose between them.

    Parameters
    ----------
    images : ImageController
    choice : ImageChoice
    """

    def __init__(
        self, images: ImageController, choice: ImageChoice, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._images, self._choice = images, choice
        self._text = QLabel()
        dress(self._text, "advice")
        self._text.setWordWrap(True)
        self.take, self.hide_it = QPushButton("Work on it"), QPushButton("Hide it")
        self.take.clicked.connect(choice.take_offered)
        self.hide_it.clicked.connect(choice.show_current)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.take)
        row.addWidget(self.hide_it)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._text)
        column.addLayout(row)
        self._connections = Connections()
        self._connections.add(choice.changed, self.refresh)
        self._connections.add(images.changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()

    @property
    def text(self) -> str:
        """The sentence that is shown; empty if the current image is the one that is seen."""
        return "" if self.isHidden() else self._text.text()

    def refresh(self) -> None:
        """Show the offer if there is one."""
        offered, current = self._choice.offered, self._images.layer
        if offered is not None and current is not None:
            stay = f"Go on with {current.name}."
            if self._choice.seen_instead is None:
                self._text.setText(f"{offered.name} is open, too. You work on {current.name}.")
            else:
                where = "lies over" if current.visible else "is seen in place of"
                self._text.setText(f"{offered.name} {where} {current.name}.")
                stay = f"Hide {offered.name}, and go on with {current.name}."
            self.take.setToolTip(f"Work on {offered.name}.")
            self.hide_it.setText("Not now" if self._choice.seen_instead is None else "Hide it")
            self.hide_it.setToolTip(stay)
        self.setVisible(offered is not None and current is not None)
