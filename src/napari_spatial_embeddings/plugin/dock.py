"""The dock widget: four steps from top to bottom, and a line for what there is to say."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QApplication,
    QMainWindow,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.system.allocation import keep_freed_memory

from .controllers.prediction import Predictor
from .controllers.workspace import Workspace
from .layers.results import ResultLayers
from .layers.viewport import clear_brush
from .qt.message_bar import Message
from .qt.step_area import Step
from .qt.step_column import Column
from .sections.annotate import AnnotateStep
from .sections.data import DataStep
from .sections.train import TrainStep
from .sections.tune import TuneStep
from .session import Session

STYLE = """
#hint { font-style: italic; padding-left: 6px; }
#more::menu-indicator { image: none; width: 0px; }
QListWidget::item { padding: 1px 2px; }
#group { font-weight: bold; padding-top: 4px; }
#main:enabled { background: #2d6cb5; color: white; font-weight: bold; }
#main:enabled:hover { background: #3a7dcb; }
#main[active="true"] { background: #9c4221; }
#main[active="true"]:hover { background: #b5502b; }
#advice { background: #6b5414; color: #fff3d0; padding: 4px 8px; border-radius: 4px; }
#message { border-radius: 4px; }
#message QToolButton { background: transparent; }
#message[kind="warning"] { background: #6b5414; }
#message[kind="warning"] * { color: #fff3d0; background: transparent; }
#message[kind="error"] { background: #6e2626; }
#message[kind="error"] * { color: #ffe1e1; background: transparent; }
"""


class SpatialEmbeddingsWidget(QWidget):
    """Annotate, train, predict and tune in one dock widget.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._closed, self._closing = False, False
        self._above: list[QObject] = []
        # What napari hands to a plugin makes a new proxy of a layer each time it is asked for it,
        # and no two of them are the same; behind it is the viewer.
        viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        if (app := QApplication.instance()) is not None:
            app.aboutToQuit.connect(self.close_down)
        clear_brush(viewer)
        keep_freed_memory()
        self.session = Session()
        self.workspace = Workspace(viewer, self.session, self)
        self.workspace.predictor = Predictor(self.workspace)
        self.workspace.results = ResultLayers(self.workspace)
        self.setMinimumWidth(320)
        self.setStyleSheet(STYLE)
        self.steps = self._make_steps()
        self.column = Column(self.steps)
        self._message = Message()
        below = QVBoxLayout()
        below.setContentsMargins(4, 0, 8, 4)
        below.addWidget(self._message)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.column, 1)
        layout.addLayout(below)
        self.session.said.connect(self._message.say)
        self.session.training_changed.connect(self._follow)

    def _make_steps(self) -> list[Step]:
        annotate = AnnotateStep(self.workspace)
        self.workspace.annotations, self.workspace.drawing = annotate.layers, annotate.drawing
        data = DataStep(self.workspace, annotate.layers)
        self._train = TrainStep(self.workspace)
        return [data, annotate, self._train, TuneStep(self.workspace)]

    @property
    def message(self) -> str:
        """The last sentence that was said."""
        return self._message.text

    def _follow(self) -> None:
        """Show the curve of a training that begins."""
        if self.session.training.status == "starting":
            self.column.bring(self._train)

    # ---------------------------------------------------------------- closing

    def close_down(self) -> None:
        """End what runs in the background and save; once, however the dock is closed."""
        if self._closed:
            return
        self._closed = True
        self._watch(None)
        self.workspace.finish()
        for step in self.steps:
            step.close_down()
        self.workspace.results.close_down()
        self.workspace.close()
        self.session.said.disconnect(self._message.say)
        self.session.training_changed.disconnect(self._follow)

    def event(self, event: QEvent) -> bool:
        """Close down when napari takes the widget out of its dock: its x was pressed."""
        if event.type() == QEvent.Type.ParentChange and not self._closed:
            if self.parent() is None:
                self.close_down()
                self.deleteLater()
            else:
                self._watch(self.parent())
        return bool(super().event(event))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Close down when the window closes.

        Closing by the program cannot be refused. Closing by a person can, as napari may ask whether
        that was meant; the window is hidden once it was.
        """
        if event.type() == QEvent.Type.ParentChange and not self._closed:
            self._watch(self.parent())
        elif isinstance(watched, QMainWindow):
            if event.type() == QEvent.Type.Close:
                self._closing = True
            if self._closing and event.type() in (QEvent.Type.Close, QEvent.Type.Hide):
                if event.type() == QEvent.Type.Hide or not event.spontaneous():
                    self.close_down()
            elif event.type() == QEvent.Type.Show:
                self._closing = False
        return bool(super().eventFilter(watched, event))

    def _watch(self, parent: QObject | None) -> None:
        """Watch the dock and the window that the widget is in, now."""
        for one in self._above:
            one.removeEventFilter(self)
        self._above = []
        while parent is not None:
            parent.installEventFilter(self)
            self._above.append(parent)
            parent = parent.parent()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Close down when the widget is a window of its own."""
        self.close_down()
        super().closeEvent(event)
