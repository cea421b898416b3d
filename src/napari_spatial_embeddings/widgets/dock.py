"""The dock widget: four steps from top to bottom, and a line for what there is to say."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_spatial_embeddings.session import Session

from .predictor import Predictor
from .results import ResultLayers
from .step import Step
from .tune import TuneStep
from .workspace import Workspace

STYLE = """
#hint { color: palette(mid); font-style: italic; padding-left: 6px; }
#message { padding: 4px 8px; border-radius: 4px; }
#message[kind="warning"] { background: #6b5414; color: #fff3d0; }
#message[kind="error"] { background: #6e2626; color: #ffe1e1; }
"""


class SpatialEmbeddingsWidget(QWidget):
    """Annotate, train, predict and tune in one dock widget.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = Session()
        self.workspace = Workspace(napari_viewer, self.session, self)
        self.workspace.predictor = Predictor(self.workspace)
        self.workspace.results = ResultLayers(self.workspace)
        self.setMinimumWidth(320)
        self.setStyleSheet(STYLE)
        self.steps = self._make_steps()
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(8)
        for step in self.steps:
            column.addWidget(step)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        self._message = QLabel()
        self._message.setObjectName("message")
        self._message.setWordWrap(True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._message.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area, 1)
        layout.addWidget(self._message)
        self.session.said.connect(self._say)

    def _make_steps(self) -> list[Step]:
        return [TuneStep(self.workspace)]

    @property
    def message(self) -> str:
        """The last sentence that was said."""
        return self._message.text()

    def _say(self, sentence: str, kind: str) -> None:
        self._message.setProperty("kind", kind)
        self._message.style().unpolish(self._message)
        self._message.style().polish(self._message)
        self._message.setText(sentence)
        self._message.setVisible(bool(sentence))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """End what runs in the background, save, and close."""
        for step in self.steps:
            step.close_down()
        self.workspace.results.close_down()
        self.workspace.close()
        super().closeEvent(event)
