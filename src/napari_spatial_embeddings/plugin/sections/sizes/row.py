"""Row for the size of the objects in the images to predict."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_spatial_embeddings.plugin.controllers.proposing.object_size import SizeController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .box import DiameterBox

SIZE = """Typical diameter of the objects in pixels: images are resampled to the size that the model
knows. As it is in the images that the model was trained on, if not given."""

FIND = """Find the size of the objects where you look: the model is tried at several sizes, and that
is taken at which it finds about the same objects as at the next ones."""

CIRCLE = "Show the size as a circle over the image: drag its handles until it fits an object."


class SizeRow(QWidget):
    """Shows and edits the size, finds it, and shows it as a circle.

    Parameters
    ----------
    session : Session
    size : SizeController
    """

    def __init__(self, session: Session, size: SizeController) -> None:
        super().__init__()
        self._session, self._size = session, size
        # In a narrow dock with a large font, there is no room for a label beside it.
        self.box = DiameterBox("Size: model's")
        self.box.setPrefix("Size: ")
        self.search, self.circle = QPushButton("Find"), QPushButton("Circle")
        self.circle.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 1)
        row.addWidget(self.search)
        row.addWidget(self.circle)
        self.box.setToolTip(SIZE)
        self.circle.setToolTip(CIRCLE)
        self.box.edited.connect(size.set_diameter)
        self.search.clicked.connect(self._find)
        self.circle.clicked.connect(size.circle)
        self._connections = Connections()
        self._connections.add(session.prediction_changed, self._show)
        self._connections.add(size.changed, self._show)
        self._show()

    def close_down(self) -> None:
        """Disconnect from session and controller."""
        self._connections.close()

    def refresh(self, problem: str) -> None:
        """Enable what can be pressed.

        Parameters
        ----------
        problem : str
            Why the current image cannot be predicted; empty if it can.
        """
        for button, tip in ((self.search, FIND), (self.circle, CIRCLE)):
            button.setEnabled(not problem)
            button.setToolTip(problem or tip)

    def _find(self) -> None:
        if self._size.busy:
            self._size.cancel()
        else:
            self._size.find()

    def _show(self) -> None:
        self.box.show_diameter(self._session.prediction.object_diameter)
        self.search.setText("Stop" if self._size.busy else "Find")
        self.circle.setChecked(self._size.circled)
