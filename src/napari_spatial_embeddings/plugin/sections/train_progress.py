"""Progress of a training: a bar with the time left, the loss curve, and messages."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QElapsedTimer, QTimer
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_spatial_embeddings.core.text import clock, plural, sentence
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock, TextBox
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.state.training_state import TrainingState

from .loss_curve import LossCurve
from .train_use import share_text, used_text

NOTE_LINES = 4
"""Lines that the newest message has room for; a longer one is scrolled."""

LATE = 1.5
"""Reports are late from this many times the settings' interval on."""


class TrainingProgress(QWidget):
    """Shows the session's training; before there is one, its room and what will be in there.

    Parameters
    ----------
    session : Session
    foot : QWidget
        Shown below, if there is something to be done with the result; its room is always there.
    """

    def __init__(self, session: Session, foot: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._time = TextBlock(1)
        self._curve = LossCurve()
        self._note = TextBox(NOTE_LINES, "news")
        self._shown: tuple[dict[str, Any], ...] = ()
        self._clock = QElapsedTimer()
        self._tick = QTimer(self)
        self._tick.setInterval(250)
        self._tick.timeout.connect(self._show_time)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._parts = self._bar, self._time, self._note
        for widget in (foot, *self._parts):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
        for widget in (self._bar, self._time, self._curve, self._note, foot):
            layout.addWidget(widget)
        self._connections = Connections()
        self._connections.add(session.training_changed, self._update)
        self._update()

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._tick.stop()
        self._connections.close()

    @property
    def texts(self) -> tuple[str, str]:
        """The text about the time, and the newest message."""
        return self._time.text(), self._note.text()

    @property
    def curve(self) -> LossCurve:
        """The plot."""
        return self._curve

    def _update(self) -> None:
        training = self._session.training
        started = training.status != "idle" or bool(training.reports)
        for part in self._parts:
            part.setVisible(started)
        if self._curve.started != started:
            self._curve.started = started
            self._curve.update()
        if training.reports[: len(self._shown)] != self._shown:  # it is another training
            self._curve.clear()
            self._shown = ()
        if training.active and not training.reports and not self._tick.isActive():
            self._clock.start()  # from the press of the button on
        for report in training.reports[len(self._shown) :]:
            self._curve.add(report)
            self._clock.start()
        self._shown = training.reports
        self._time.setToolTip(f"{used_text(training)}\n{share_text(training)}".strip())
        messages = [r["message"] for r in training.reports if r.get("message")]
        problem = "" if training.back else training.problem
        notes = problem, training.outcome, _ended_early(training), *messages[-1:]
        self._note.show_text(sentence(next(filter(None, notes), "")))
        if training.active:
            self._tick.start()
        else:
            self._tick.stop()
        self._show_time()

    def _show_time(self) -> None:
        training = self._session.training
        waiting = training.active and not training.reports
        self._bar.setRange(0, 0 if waiting else 1000)  # 0 to 0: busy
        if not training.reports:
            waited = round(self._clock.elapsed() / 1000)
            stage = training.stage or "starting"
            self._time.setText(f"{stage[0].upper()}{stage[1:]}: {waited} s" if waiting else "")
            return
        last = training.reports[-1]
        seconds, left = last["seconds"], last["seconds_left"]
        if training.active:
            # The clock goes on where a report is late. Else the window is painted with reports
            # only: in software OpenGL that takes 7 ms, whatever changed in it.
            elapsed = self._clock.elapsed() / 1000
            late = elapsed > LATE * self._session.training_settings.report_seconds
            since = min(left, float(int(elapsed))) if late else 0.0
            seconds, left = seconds + since, left - since
        share = 1.0 if training.status == "done" else seconds / max(1e-9, seconds + left)
        self._bar.setValue(round(1000 * share))
        self._time.setText(_time_text(last, training, seconds, left))


def _ended_early(training: TrainingState) -> str:
    """Return what became of an earlier training that was closed with its window."""
    reports = training.reports
    if training.status != "idle" or not reports or reports[-1].get("done"):
        return ""
    kept = "its best model is kept" if training.better else "it had no better model yet"
    when = clock(reports[-1]["seconds"])
    return f"This training was cut off after {when} min; {kept}. Go on takes it up there"


def _time_text(report: dict[str, Any], training: TrainingState, seconds: float, left: float) -> str:
    if training.status == "stopping":
        return f"stopping after {clock(seconds)} min"
    if training.status == "running":
        if training.stage:  # something that is done between two reports
            return f"{training.stage[0].upper()}{training.stage[1:]}"
        pace = f" · {report['steps_per_second']:.1f} steps/s" if report["step"] else ""
        return f"{clock(left)} min left{pace}"
    return f"{plural(report['step'], 'step')} in {clock(seconds)} min"
