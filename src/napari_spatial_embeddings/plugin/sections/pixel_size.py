"""The field of an image's pixel size: read from its layer or its file, or typed."""

from __future__ import annotations

import re

from qtpy.QtWidgets import QLineEdit, QWidget

from napari_spatial_embeddings.core.units import METRES, Lengths, symbol, unit_name
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.image import pixel_size, spatial
from napari_spatial_embeddings.plugin.layers.tags import PixelSize
from napari_spatial_embeddings.plugin.state.session import Session

NUMBER = r"\d*[.,]?\d+(?:[eE][+-]?\d+)?"
BETWEEN = r"\s*[\sx*\u00d7;]\s*"


def parse_pixel_size(text: str, ndim: int) -> tuple[tuple[float, ...], str]:
    """Return the size of a pixel along each axis, and its unit, from what the user typed.

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


def pixel_size_text(size: Lengths | None, unit: str | None) -> str:
    """Return a pixel size as text, with "?" for an axis of unknown size; empty if all are."""
    if size is None:
        return ""
    known = " x ".join("?" if s is None else f"{s:.4g}" for s in size)
    return f"{known} {symbol(unit) if unit else 'pixels'}"


class PixelSizeField(QLineEdit):
    """Pixel size of the current image, which the user can change.

    Parameters
    ----------
    session : Session
    images : ImageController
    """

    def __init__(
        self, session: Session, images: ImageController, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._images = session, images
        self.setPlaceholderText("unknown; type 0.3 µm")
        self.setToolTip(
            "From the scale of the image's layer, or else from its file; ? where neither has it.\n"
            "To change it, type one number, or one for each axis, and a unit: 0.5 x 0.2 x 0.2 µm"
        )
        self.editingFinished.connect(self._edited)

    def refresh(self) -> None:
        """Show the pixel size of the layer, or of the file."""
        if not self.hasFocus() or not self.isModified():
            self.setText(pixel_size_text(*self._known()))

    def _known(self) -> PixelSize:
        layer, axes = self._images.layer, self._images.axes
        return pixel_size(layer, axes) if layer is not None and axes else (None, None)

    def _edited(self) -> None:
        if self._images.layer is None or not self.isModified():
            return
        self.setModified(False)
        with self._session.errors_as_messages():
            ndim = len(spatial(self._images.axes))
            if self.text().strip():
                self._images.set_pixel_size(*parse_pixel_size(self.text(), ndim))
        self.refresh()
