"""The size of an image's pixels: read from its layer or its file, or told by a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLineEdit, QWidget

from napari_spatial_embeddings.core.units import METRES, symbol, unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags as _layers

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

NUMBER = r"\d*[.,]?\d+(?:[eE][+-]?\d+)?"
BETWEEN = r"\s*[\sx*\u00d7;]\s*"


def parsed(text: str, ndim: int) -> tuple[tuple[float, ...], str]:
    """Return the size of a pixel along each axis, and its unit, from what a person typed.

    Parameters
    ----------
    text : str
        "0.3", "0.3 µm", "0.3 um", "0.5 x 0.2 x 0.2 µm", "500 200 200 nm". One number holds for all
        axes; micrometres if there is no unit.
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
            f" as 0.2 µm or {example} µm"
        )
    return tuple(sizes), str(unit)


def told(size: tuple[float, ...] | None, unit: str | None) -> str:
    """Return a pixel size for people to read; nothing if it is unknown."""
    if size is None:
        return ""
    return f"{' x '.join(f'{s:.4g}' for s in size)} {symbol(unit) if unit else 'pixels'}"


class PixelSize(QLineEdit):
    """The pixel size of the current image, which a person can change."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self.setPlaceholderText("unknown: type it, such as 0.3 µm")
        self.setToolTip(
            "As the image's layer says by its scale, or else its file. To change it, type\n"
            "one number, or one for each axis, and a unit: 0.5 x 0.2 x 0.2 µm"
        )
        self.editingFinished.connect(self._tell)

    def refresh(self) -> None:
        """Show what the layer says, or the file."""
        if not self.hasFocus() or not self.isModified():
            self.setText(told(*self._known()))

    def _known(self) -> tuple[tuple[float, ...] | None, str | None]:
        layer = self.workspace.layer
        axes = _layers.facts(layer)["axes"] if layer is not None else ""
        return _layers.pixel_size(layer, axes) if layer is not None and axes else (None, None)

    def _tell(self) -> None:
        layer = self.workspace.layer
        if layer is None or not self.isModified():
            return
        self.setModified(False)
        with self.session.speaking():
            ndim = len(_layers.spatial(_layers.facts(layer)["axes"]))
            if self.text().strip():
                self.workspace.set_pixel_size(*parsed(self.text(), ndim))
        self.refresh()
