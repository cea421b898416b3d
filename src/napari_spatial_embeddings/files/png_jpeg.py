"""Readers of PNG and JPEG, and of the axes of PNG and GIF."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

from .axes import TIME_SERIES, Raw
from .errors import FileError, PixelError, log

PALETTE = 3
"""Type of colour of a PNG whose pixels are indices into a table."""

SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Values per pixel for each type of colour, where the colours of a table are looked up."""

FRAMES = range(0xC0, 0xC4)
"""Markers of a JPEG that give the number of its colours."""

TAIL = 1024
"""Bytes at the end of a JPEG among which its last marker is."""

PRINT_COLOURS = "{path} has the colours of print (CMYK); expected grey or RGB: convert it"


class _Header(NamedTuple):
    """Header of a PNG; one of several frames is an animation."""

    width: int
    height: int
    bits: int
    colour: int
    frames: int


def read_png(path: Path, *, indices: bool) -> Raw:
    """Read a PNG; with a table of colours, its colours or its ``indices``.

    Raises
    ------
    FileError
        If it is an animation.
    """
    import imagecodecs

    content = path.read_bytes()
    header = _header(content)
    if header.frames > 1:
        raise FileError(TIME_SERIES.format(name=path, frames=header.frames))
    if indices and header.colour == PALETTE:
        import numpy as np
        from PIL import Image

        with Image.open(path) as file:
            return Raw(np.asarray(file), "YX", {})
    array = imagecodecs.png_decode(content)
    if (header.bits, header.colour) == (1, 0):
        array = array > 0
    return Raw(array, "YXS"[: array.ndim], {})


def png_axes(path: Path) -> tuple[str, tuple[int, ...], str]:
    """Read the axes, shape and type of the array that napari makes of a PNG.

    Of an animation, it stacks the frames.
    """
    with path.open("rb") as file:
        header = _header(file.read(4096))
    samples = SAMPLES.get(header.colour, 1)
    if header.bits == 16 and samples > 1:
        log.warning("%s: napari shows 8 of the 16 bits of its values", path)
    shape = [(header.frames, "T"), (header.height, "Y"), (header.width, "X"), (samples, "S")]
    kept = [(n, axis) for n, axis in shape if n > 1 or axis in "YX"]
    axes, lengths = "".join(axis for _, axis in kept), tuple(n for n, _ in kept)
    return axes, lengths, "uint16" if header.bits == 16 else "uint8"


def gif_axes(path: Path) -> tuple[str, tuple[int, ...], str]:
    """Read the axes, shape and type of the array that napari makes of a GIF."""
    from PIL import Image

    with Image.open(path) as file:
        return "TYXS", (getattr(file, "n_frames", 1), file.height, file.width, 3), "uint8"


def _header(content: bytes) -> _Header:
    """Parse the chunks of a PNG up to its pixels.

    Raises
    ------
    struct.error
        If it ends before.
    """
    width, height, bits, colour = struct.unpack_from(">IIBB", content, 16)
    at, frames = 8, 1
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", content, at + 8)
        if kind in (b"acTL", b"IDAT"):
            break
        at += 12 + length
    return _Header(width, height, bits, colour, frames)


def check_jpeg(path: Path) -> None:
    """Refuse a JPEG that ended early, or has the colours of print, without reading its pixels.

    Raises
    ------
    FileError
    """
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, TAIL), os.SEEK_END)
        _check_end(file.read(), path)
        file.seek(2)
        while len(head := file.read(10)) == 10 and head[0] == 0xFF:
            kind, length = struct.unpack_from(">BH", head, 1)
            if kind in FRAMES:
                if head[9] == 4:
                    raise PixelError(PRINT_COLOURS.format(path=path))
                return
            file.seek(2 + length - len(head), os.SEEK_CUR)


def _check_end(tail: bytes, path: Path) -> None:
    if b"\xff\xd9" not in tail:  # decoders fill up what is missing with grey
        raise PixelError(f"{path} is truncated; copy or export it again")


def read_jpeg(path: Path) -> Raw:
    """Read a JPEG."""
    import imagecodecs

    content = path.read_bytes()
    _check_end(content[-TAIL:], path)
    array = imagecodecs.jpeg_decode(content)
    if array.shape[2:] == (4,):
        raise PixelError(PRINT_COLOURS.format(path=path))
    return Raw(array, "YXS"[: array.ndim], {})
