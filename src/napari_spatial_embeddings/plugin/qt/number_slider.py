"""A slider with a title and a number box above it."""

from __future__ import annotations

import math

from qtpy.QtCore import QLocale, Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QSlider, QWidget

from .form_fields import ignore_wheel

STEPS = 1000

HEIGHT = 16
"""Of the slider in pixels: that of its handle, and no more."""

NARROW = """
QDoubleSpinBox { min-width: 3em; max-width: 3em; padding: 1px 4px; }
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0; border: none; }
QDoubleSpinBox::up-arrow, QDoubleSpinBox::down-arrow { image: none; width: 0; height: 0; }
"""
"""No buttons: the title needs the room. (Without these lines, napari's style hides the text.)"""


class NumberSlider(QWidget):
    """A slider with a title and a number box above it.

    The slider covers the usual range; the box takes all that is allowed. In a narrow dock, a slider
    beside its title would be so short that a pixel of it is a large step.

    Parameters
    ----------
    title : str
    usual : (lowest, highest)
        What the slider covers.
    allowed : (lowest, highest)
        What may be typed.
    decimals : int
        0 for whole numbers.
    logarithmic : bool
        Whether equal steps of the slider are equal factors.
    """

    changed = Signal(float)
    held = Signal(bool)

    def __init__(
        self,
        title: str,
        usual: tuple[float, float],
        allowed: tuple[float, float],
        decimals: int = 2,
        logarithmic: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high = usual
        self._logarithmic = logarithmic
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 20)
        self.slider.setFixedHeight(HEIGHT)
        self.box = QDoubleSpinBox()
        self.box.setLocale(QLocale.c())
        self.box.setDecimals(decimals)
        self.box.setRange(*allowed)
        self.box.setSingleStep(1 if decimals == 0 else 0.01)
        self.box.setKeyboardTracking(False)
        self.box.setStyleSheet(NARROW)
        for widget in (self.slider, self.box):
            ignore_wheel(widget)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(QLabel(title), 0, 0)
        layout.addWidget(self.box, 0, 1)
        layout.setColumnStretch(0, 1)
        layout.addWidget(self.slider, 1, 0, 1, 2)
        self.slider.valueChanged.connect(self._dragged)
        self.slider.sliderPressed.connect(lambda: self.held.emit(True))
        self.slider.sliderReleased.connect(lambda: self.held.emit(False))
        self.box.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        """The number."""
        return float(self.box.value())

    def set_value(self, value: float) -> None:
        """Show another number, without a signal."""
        for widget in (self.slider, self.box):
            widget.blockSignals(True)
        if not math.isclose(self.box.value(), value, abs_tol=10 ** -self.box.decimals() / 2):
            self.box.setValue(value)
        if not self.slider.isSliderDown():
            self.slider.setValue(self._place(value))
        for widget in (self.slider, self.box):
            widget.blockSignals(False)

    def _place(self, value: float) -> int:
        low, high = self._low, self._high
        if self._logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-9))
        return round(STEPS * (value - low) / (high - low))

    def _dragged(self, place: int) -> None:
        share = place / STEPS
        if self._logarithmic:
            value = self._low * (self._high / self._low) ** share
        else:
            value = self._low + (self._high - self._low) * share
        self.box.blockSignals(True)
        before = self.box.value()
        self.box.setValue(value)
        self.box.blockSignals(False)
        if self.box.value() != before:
            self.changed.emit(self.box.value())

    def _typed(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(self._place(value))
        self.slider.blockSignals(False)
        self.changed.emit(value)
