"""The size of an image's pixels: read from its layer, or told by a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.units import METRES, unit_name

from . import _layers

if TYPE_CHECKING:
    from .workspace import Workspace

NUMBER = r"\d*[.,]?\d+(?:[eE][+-]?\d+)?"
BETWEEN = r"\s*[\sx*\u00d7;]\s*"


def parsed(text: str, ndim: int) -> tuple[tuple[float, ...], str]:
    """Return the size of a pixel along each axis, and its unit, from what a person typed.

    Parameters
    ----------
    text : str
        "0.3", "0.3 um", "0.5 x 0.2 x 0.2 um", "500 200 200 nm". One number holds for all axes;
        micrometres if there is no unit.
    ndim : int
        Number of spatial axes.

    Raises
    ------
    InputError
        If it is not understood.
    """
    text = text.strip()
    found = re.fullmatch(rf"({NUMBER}(?:{BETWEEN}{NUMBER})*)\s*([^\W\d]*)", text)
    numbers = re.split(BETWEEN, found[1]) if found else []
    sizes = [float(n.replace(",", ".")) for n in numbers] * (ndim if len(numbers) == 1 else 1)
    unit = (unit_name(found[2]) or "um") if found else None
    if unit not in METRES or len(sizes) != ndim or not all(0 < s < 1e9 for s in sizes):
        example = " x ".join(["0.5", "0.2", "0.2"][-ndim:])
        raise InputError(
            f"'{text}' is no pixel size: expected one number or one for each axis, and a unit, such"
            f" as 0.2 um or {example} um"
        )
    return tuple(sizes), str(unit)


def told(size: tuple[float, ...] | None, unit: str | None) -> str:
    """Return a pixel size for people to read."""
    if size is None:
        return "unknown"
    return f"{' x '.join(f'{s:.4g}' for s in size)} {unit or 'pixels'}"


class PixelSize(QWidget):
    """Shows the pixel size of the current image; where it is unknown, a person can tell it."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self._text = QLabel()
        self._field = QLineEdit()
        self._field.setPlaceholderText("unknown: type it, such as 0.3 um")
        self._field.setToolTip(
            "The pixel size is the scale of the image's layer.\n"
            "One number, or one for each axis, and a unit: 0.5 x 0.2 x 0.2 um"
        )
        self._field.editingFinished.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._text)
        column.addWidget(self._field)

    @property
    def text(self) -> str:
        """The pixel size as it is shown; empty if it is unknown."""
        return "" if self._text.isHidden() else self._text.text()

    def refresh(self) -> None:
        """Show what the layer says."""
        layer = self.workspace.layer
        size, unit = None, None
        if layer is not None and (axes := _layers.facts(layer)["axes"]):
            size, unit = _layers.pixel_size(layer, axes)
        self._text.setText(told(size, unit))
        self._text.setVisible(size is not None)
        self._field.setVisible(layer is not None and size is None)

    def _tell(self) -> None:
        layer, text = self.workspace.layer, self._field.text()
        if layer is None or not text.strip():
            return
        with self.session.speaking():
            axes = _layers.facts(layer)["axes"]
            at = _layers.spatial(axes)
            sizes, unit = parsed(text, len(at))
            self._field.clear()
            self.workspace.set_pixel_size(sizes, unit)
