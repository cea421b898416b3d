"""Live plot of a training: its loss, and the share of objects that are right on a second axis.

That share is the validation's AP50, which few users know by its name.

Painted directly: two lines need no plotting library, which takes longer to load than the dock.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_spatial_embeddings.core.text import clock
from napari_spatial_embeddings.plugin.state.training_state import kind_of, share_right

LEFT, RIGHT, TOP, BOTTOM = 34, 36, 20, 18
"""Margins around the plot, in pixels: for the axes' numbers, and the newest values above."""

COLOURS = {False: ("#c2540a", "#0b6fa4"), True: ("#ffa45c", "#5cc8ff")}
"""Of the loss and of AP50, by whether the background is dark."""

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Seconds between two numbers of the time axis."""

PARTS = ("instance", "variance", "seed")

RIGHT_MEANS = (
    "Right: the outlines found and annotated overlap by half or more."
    "\nWhat is found beside the annotated objects counts against it."
)

SCRIBBLE_MEANS = "Right: found in an object that no other scribble and no background is in."

BEFORE = "While a model is trained, its loss and the share of objects that are right appear here."


class LossCurve(QWidget):
    """Loss and AP50 over time; before a training, a sentence in their place.

    Both axes share their lines: the loss's axis ends at a round number, AP50's at 100%.

    Attributes
    ----------
    loss, ap50 : list of (float, float)
        Points of the lines: seconds and values.
    span : float
        Seconds from one end of the time axis to the other: the training's budget.
    started : bool
        Whether there is a training.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(134)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._pointed: int | None = None
        self.started = False
        self.clear()

    def clear(self) -> None:
        """Remove all reports."""
        self._reports: list[dict[str, Any]] = []
        self._losses: list[float] = []  # sorted
        self._validation: dict[str, Any] | None = None
        self.loss: list[tuple[float, float]] = []
        self.ap50: list[tuple[float, float]] = []
        self.span = self._top = 1.0
        self.update()

    def add(self, report: dict[str, Any]) -> None:
        """Add a training's report; see ``train --json``."""
        self.started = True
        self._reports.append(report)
        at, loss, validation = report["seconds"], report["loss"], report["validation"]
        self.span = max(1.0, at + (0.0 if report.get("done") else report["seconds_left"]))
        if validation:
            if self._validation is None or report.get("improved", True):
                self._validation = validation  # of the model that is kept
            self.ap50.append((at, validation["ap50"]))
        if loss is not None:
            self.loss.append((at, loss))
            insort(self._losses, loss)
            # The first steps' losses may be far above all others.
            self._top = _round_up(1.1 * self._losses[int(0.95 * (len(self._losses) - 1))])
        self.update()

    def readout(self, index: int = -1) -> str:
        """Return a report as text; the newest one if no index is given."""
        if not self._reports:
            return ""
        report = self._reports[index]
        lines = [f"{clock(report['seconds'])} min, step {report['step']}"]
        if report["loss"] is not None:
            parts = ", ".join(f"{name} {report[name]:.3f}" for name in PARTS)
            lines.append(f"loss {report['loss']:.3f} ({parts})")
        if validation := report["validation"]:
            ap = f"AP50 {validation['ap50']:.3f}, mean AP {validation['mean_ap']:.3f}"
            lines.append(f"{share_right(validation)} of the {kind_of(validation)} are right ({ap})")
            lines.append(SCRIBBLE_MEANS if validation.get("scribbles") else RIGHT_MEANS)
        return "\n".join(lines)

    # -------------------------------------------------------------- pointing

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the values under the pointer."""
        if self._reports:
            plot = self._plot()
            share = (event.position().x() - plot.left()) / max(1.0, plot.width())
            times = [r["seconds"] for r in self._reports]
            self._pointed = min(bisect_left(times, share * self.span), len(times) - 1)
            text = self.readout(self._pointed)
            QToolTip.showText(event.globalPosition().toPoint(), text, self)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Hide the values."""
        self._pointed = None
        self.update()
        super().leaveEvent(event)

    # --------------------------------------------------------------- drawing

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(LEFT, TOP, -RIGHT, -BOTTOM)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw axes and lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(6.5, 0.85 * font.pointSizeF()))
        painter.setFont(font)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        colours = COLOURS[text.lightnessF() > 0.5]
        plot = self._plot()
        if not self.started:
            self._draw_sentence(painter, text)
            return
        self._draw_axes(painter, plot, text, *map(QColor, colours))
        painter.setClipRect(plot.adjusted(-3, -3, 3, 3))
        self._draw_line(painter, plot, QColor(colours[0]), self.loss, self._top)
        self._draw_line(painter, plot, QColor(colours[1]), self.ap50, 1.0, dots=True)
        if self._pointed is not None and self._pointed < len(self._reports):
            x = plot.left() + self._reports[self._pointed]["seconds"] / self.span * plot.width()
            painter.setPen(QPen(_faint(text, 0.5), 1))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.end()

    def _draw_sentence(self, painter: QPainter, text: QColor) -> None:
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(_faint(text, 0.2), 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(frame, 4, 4)
        painter.setPen(_faint(text, 0.6))
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(frame.adjusted(16, 8, -16, -8), flags, BEFORE)

    def _draw_axes(
        self, painter: QPainter, plot: QRectF, text: QColor, loss: QColor, ap50: QColor
    ) -> None:
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = plot.bottom() - share * plot.height()
            painter.setPen(QPen(_faint(text, 0.15), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            if share in (0.0, 0.5, 1.0):
                if self.loss:
                    painter.setPen(loss)
                    box = QRectF(0, y - 8, LEFT - 5, 16)
                    painter.drawText(box, right, f"{share * self._top:g}")
                painter.setPen(ap50)
                painter.drawText(
                    QRectF(plot.right() + 5, y - 8, RIGHT - 5, 16), left, f"{share:.0%}"
                )
        head = QRectF(2, 0, self.width() - 4, TOP - 4)
        newest = self.loss[-1][1] if self.loss else None
        painter.setPen(loss)
        painter.drawText(head, left, "loss" if newest is None else f"loss {newest:.3f}")
        painter.setPen(ap50)
        painter.drawText(head, right, self.score)
        if self._reports:  # the time is known from then on
            self._draw_times(painter, plot, _faint(text, 0.75))

    @property
    def score(self) -> str:
        """Return which share of which objects is right, with the best model so far."""
        known = self._validation
        return "objects right" if known is None else f"{kind_of(known)} right {share_right(known)}"

    def _draw_times(self, painter: QPainter, plot: QRectF, colour: QColor) -> None:
        painter.setPen(colour)
        most = max(2.0, plot.width() / 48)
        step = next((t for t in TICKS if self.span / t <= most), TICKS[-1])
        metrics = painter.fontMetrics()
        for k in range(int(self.span / step) + 1):
            x = plot.left() + k * step / self.span * plot.width()
            label = f"{k * step} s" if self.span < 120 else f"{k * step / 60:g} min"
            width = metrics.horizontalAdvance(label)
            x = min(max(0.0, x - width / 2), self.width() - width)
            painter.drawText(QPointF(x, self.height() - 4), label)

    def _draw_line(
        self,
        painter: QPainter,
        plot: QRectF,
        colour: QColor,
        points: list[tuple[float, float]],
        top: float,
        dots: bool = False,
    ) -> None:
        across, up = plot.width() / self.span, plot.height() / top
        # No more points than pixels: a night's training has tens of thousands of reports.
        stride = max(1, int(len(points) // max(1.0, plot.width())))
        polyline = [
            QPointF(plot.left() + x * across, plot.bottom() - min(y, 1.05 * top) * up)
            for x, y in [*points[:-1:stride], *points[-1:]]
        ]
        painter.setPen(QPen(colour, 1.6))
        painter.drawPolyline(QPolygonF(polyline))
        if dots and len(polyline) <= 60:
            painter.setBrush(colour)
            for point in polyline:
                painter.drawEllipse(point, 2.2, 2.2)


def _round_up(value: float) -> float:
    """Return the next number of 1, 2, 4, 5, 6, 8 times a power of ten."""
    if not value > 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(k * unit for k in (1, 2, 4, 5, 6, 8, 10) if k * unit >= value * (1 - 1e-9))


def _faint(colour: QColor, share: float) -> QColor:
    faint = QColor(colour)
    faint.setAlphaF(share)
    return faint
