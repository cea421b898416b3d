"""The buttons that go from one region to annotate to the next, and what is in the one in view."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.proposing.next_region import NextRegion
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session

NEXT = """Go to the region where annotation is expected to help most: that of the most unsure
objects. The region before is marked as complete if all that was found in it is annotated.
Key: Shift+G."""

ACCEPT = """Copy all objects found in the outlined region into the annotations, and mark the
region as complete. Correct them before, or mend them afterwards with Draw and Erase.
Key: Shift+A."""

SKIP = "Go to the next region, and leave this one as it is.\nKey: Shift+S."

BACK = "Go to the region before."


class NextRegionRow(QWidget):
    """Next, accept, skip and back, above a sentence about the region.

    Parameters
    ----------
    session : Session
    next_region : NextRegion
    """

    def __init__(
        self, session: Session, next_region: NextRegion, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._next = session, next_region
        self.next = self._button("Next", next_region.next)
        self.accept = self._button("Accept", next_region.accept)
        self.skip = self._button("Skip", next_region.skip)
        self.back = self._button("Back", next_region.back)
        self._text = TextBlock(2, "note")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(EvenGrid(4, (self.next, self.accept, self.skip, self.back)))
        column.addWidget(self._text)
        self._connections = Connections()
        self._connections.add(next_region.changed, self.refresh)
        self.refresh()

    def _button(self, text: str, action: Callable[[], None]) -> QPushButton:
        def press() -> None:
            with self._session.errors_as_messages():
                action()

        button = QPushButton(text)
        button.clicked.connect(press)
        return button

    @property
    def text(self) -> str:
        """The sentence about the region."""
        return self._text.text()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self) -> None:
        """Show the region, and what can be done."""
        here, shown = self._next.problem_here, self._next.problem_shown
        for button, problem, tip in (
            (self.next, self._next.problem, NEXT),
            (self.accept, here, ACCEPT),
            (self.skip, shown, SKIP),
            (self.back, self._next.problem_back, BACK),
        ):
            button.setEnabled(not problem)
            button.setToolTip(problem or tip)
        self._text.setText(self._next.text)
