"""Readers of PNG and JPEG."""

from __future__ import annotations

from pathlib import Path

from .axes import Raw
from .errors import FileError

PALETTE = 3
"""Colour type of a PNG whose pixels are indices into a table; byte 25 of the file."""

PRINT_COLOURS = "{path} has the colours of print (CMYK); expected grey or RGB: convert it"


def read_png(path: Path, *, indices: bool) -> Raw:
    """Read a PNG; with a table of colours, its colours or its ``indices``."""
    import imagecodecs

    content = path.read_bytes()
    if indices and content[25:26] == bytes([PALETTE]):
        import numpy as np
        from PIL import Image

        with Image.open(path) as file:
            return Raw(np.asarray(file), "YX", {})
    array = imagecodecs.png_decode(content)
    return Raw(array, "YXS"[: array.ndim], {})


def read_jpeg(path: Path) -> Raw:
    """Read a JPEG."""
    import imagecodecs

    content = path.read_bytes()
    if b"\xff\xd9" not in content[-1024:]:  # decoders fill up what is missing with grey
        raise FileError(f"{path} is truncated; copy or export it again")
    array = imagecodecs.jpeg_decode(content)
    if array.shape[2:] == (4,):
        raise FileError(PRINT_COLOURS.format(path=path))
    return Raw(array, "YXS"[: array.ndim], {})
