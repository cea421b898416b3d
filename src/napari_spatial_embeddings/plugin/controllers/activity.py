"""Progress of predictions, exports, linkings and trainings in napari's activity dock."""

from __future__ import annotations

from dataclasses import dataclass, field

from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.core.text import clock
from napari_spatial_embeddings.plugin.layers.activity import ActivityBar
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .export import ExportController
from .large.prediction import LargePrediction
from .prediction import PredictionController
from .proposing.start_maps import StartMaps
from .tracking.linking import LinkingController

INTERVAL_MS = 500
"""Milliseconds between two looks; what takes less, such as most previews, is not shown."""

SHARES = 1000
"""Steps of the bar of a training."""


@dataclass
class _Work:
    """What is under way, and the bar that shows it."""

    bar: ActivityBar = field(default_factory=ActivityBar)
    state: tuple[str, int, int] | None = None
    seen: bool = False


class ActivityController(QObject):
    """Shows in napari's activity dock what takes longer.

    Parameters
    ----------
    session : Session
    prediction : PredictionController
    start : StartMaps
    large : LargePrediction
    export : ExportController
    linking : LinkingController
    """

    def __init__(
        self,
        session: Session,
        prediction: PredictionController,
        start: StartMaps,
        large: LargePrediction,
        export: ExportController,
        linking: LinkingController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._export, self._linking = session, export, linking
        self._predicting, self._exporting, self._training = _Work(), _Work(), _Work()
        self._whole, self._tracking, self._looking = _Work(), _Work(), _Work()
        # Bars are changed by a timer: napari runs the event loop when it adds one.
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._show)
        self._connections = Connections()
        self._connections.add(prediction.progressed, self._predict)
        self._connections.add(prediction.ended, lambda *_: self._set(self._predicting, None))
        self._connections.add(start.progressed, self._look)
        self._connections.add(start.ended, lambda *_: self._set(self._looking, None))
        self._connections.add(large.progressed, self._predict_whole)
        self._connections.add(large.ended, lambda *_: self._set(self._whole, None))
        self._connections.add(export.changed, self._follow_export)
        self._connections.add(linking.progressed, self._link)
        self._connections.add(linking.changed, self._follow_linking)
        self._connections.add(session.training_changed, self._follow_training)

    def close(self) -> None:
        """Remove the bars, and disconnect."""
        self._connections.close()
        self._timer.stop()
        for work in self._all():
            work.bar.close()

    def _all(self) -> tuple[_Work, ...]:
        predicting = self._predicting, self._looking, self._whole
        return *predicting, self._exporting, self._tracking, self._training

    def _predict(self, done: int, total: int, message: str) -> None:
        self._set(self._predicting, (message, done, total))

    def _look(self, done: int, total: int, message: str) -> None:
        self._set(self._looking, (message, done, total))

    def _predict_whole(self, done: int, total: int, message: str) -> None:
        self._set(self._whole, (f"Whole image: {message}", done, total))

    def _follow_export(self) -> None:
        self._set(self._exporting, ("Exporting", 0, 0) if self._export.busy else None)

    def _link(self, done: int, total: int, message: str) -> None:
        if self._linking.busy:  # corrections, which take a moment, end before they are seen
            self._set(self._tracking, (f"Tracks: {message}", done, total))

    def _follow_linking(self) -> None:
        if not self._linking.busy:
            self._set(self._tracking, None)

    def _follow_training(self) -> None:
        training = self._session.training
        if not training.active:
            self._set(self._training, None)
        elif not training.reports:
            self._set(self._training, (f"Training: {training.stage}", 0, 0))
        else:
            spent, left = (training.reports[-1][name] for name in ("seconds", "seconds_left"))
            share = round(SHARES * spent / max(1e-9, spent + left))
            meanwhile = f" · {training.stage}" if training.stage else ""
            text = f"Training: {clock(left)} min left{meanwhile}"
            self._set(self._training, (text, share, SHARES))

    def _set(self, work: _Work, state: tuple[str, int, int] | None) -> None:
        work.state = state
        if state is None:
            work.seen = False
        if not self._timer.isActive() and any(w.state for w in self._all()):
            self._timer.start()

    def _show(self) -> None:
        for work in self._all():
            if work.state is None:
                work.bar.close()
            elif work.seen:
                work.bar.show(*work.state)
            work.seen = work.state is not None
        if not any(work.state for work in self._all()):
            self._timer.stop()
