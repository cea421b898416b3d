"""Grey values of the colours of an image."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

from .image_data import ImageData, LazyArray, Part, PixelArray

Grey = Literal["grey", "inverted"]
"""How grey values are made: bright where the colours are bright, or where they are dark."""

WEIGHTS = np.array([0.2125, 0.7154, 0.0721], np.float32)
"""Share of red, green and blue in the luminance (ITU-R BT.709)."""


def grey_image(image: ImageData, how: Grey) -> ImageData:
    """Return an image whose one channel is the luminance of three; not read yet.

    Parameters
    ----------
    image : ImageData
        Its channels are red, green and blue.
    how : "grey" or "inverted"
        Inverted, what is dark on white becomes bright on black.

    Returns
    -------
    ImageData
        With the same type of values; of integers, the highest value minus the luminance if
        inverted, of other numbers 1 minus the luminance.

    Raises
    ------
    InputError
        If there are not three channels.
    """
    if image.channels != 3:
        raise InputError(
            f"{image.name} has {image.channels} channel{'s' * (image.channels != 1)}; expected"
            " three, red, green and blue, to make grey values of"
        )
    return image.mapped(lambda array: _Grey(array, image.axes.index("C"), how))


class _Grey(LazyArray):
    """The luminance along an axis of colours, which stays with a length of one."""

    def __init__(self, source: PixelArray, axis: int, how: Grey) -> None:
        dtype = source.dtype if source.dtype.kind in "uif" else np.dtype(np.float32)
        super().__init__([1 if i == axis else n for i, n in enumerate(source.shape)], dtype)
        self._source, self._axis, self._how = source, axis, how

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        before, one, after = wanted[: self._axis], wanted[self._axis], wanted[self._axis + 1 :]
        at = sum(isinstance(part, slice) for part in before)
        block = np.asarray(self._source[(*before, slice(None), *after)])
        kind = np.float64 if block.dtype.itemsize > 2 else np.float32
        grey = np.tensordot(block.astype(kind), WEIGHTS.astype(kind), (at, 0))
        if self._how == "inverted":
            grey = (np.iinfo(self.dtype).max if self.dtype.kind in "ui" else 1) - grey
        if self.dtype.kind in "ui":
            grey = grey.round()
        grey = grey.astype(self.dtype)
        return grey if isinstance(one, int) else np.expand_dims(grey, at)
