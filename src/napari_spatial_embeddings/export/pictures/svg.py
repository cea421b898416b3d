"""SVG of a segmented image: its pixels as PNG, and the outline of each object as a path.

The unit is a pixel of the image, whose first one reaches from 0 to 1 along each axis; of pixels
that are not square, their shorter side. A path has the id ``object-LABEL``, and a title that names
label, class and score. Paths have no filling; ``fill`` of their group gives them one, in which
pieces and holes come out right.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.rings import Ring
from napari_spatial_embeddings.export.colours import RGB
from napari_spatial_embeddings.export.outlines.described import EVERY, Steps
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .drawing import Drawing, drawing
from .overlay import MIN_PIXELS

FONT = "Arial, Helvetica, 'DejaVu Sans', sans-serif"

MIDDLE = 0.36
"""From the middle of a digit to the line it stands on, of its height."""

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""


def write_svg(path: Path, found: Segmented, settings: ExportSettings) -> Steps:
    """Write an image with the outlines of its objects, whole or not at all; yield now and then.

    Raises
    ------
    InputError, Failure
        If there is no such slice, or whole outlines are wanted and cannot be had, or the file
        cannot be written.
    """
    shown = drawing(found, settings)
    with writing(path), atomic_file(path) as file:
        file.write(_head(found, shown).encode())
        file.write(f"<image {_box(*shown.image_box)} {_pixels(shown.image)}/>\n".encode())
        spots = yield from _write_outlines(file, shown, len(found.instances))
        if spots:
            _write_ids(file, shown, spots)
        file.write(f"{_scale_bar(shown)}</svg>\n".encode())


def _head(found: Segmented, shown: Drawing) -> str:
    """Return the start of the file: sizes, title and record."""
    zoom = max(1, math.ceil(MIN_PIXELS / max(shown.height, shown.width)))
    title = ", ".join(filter(None, [found.name, shown.note]))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' version="1.1" width="{zoom * shown.width:.8g}" height="{zoom * shown.height:.8g}"'
        f' viewBox="0 0 {shown.width:.8g} {shown.height:.8g}">\n'
        f"<title>{_text(title)}</title>\n"
        f"<metadata>{_text(f'{SOFTWARE} {json.dumps(found.noted())}')}</metadata>\n"
    )


def _write_outlines(
    file: BinaryIO, shown: Drawing, count: int
) -> Generator[tuple[int, int], None, list[tuple[int, float, float]]]:
    """Write a path for each object; return their labels and the places of their ids."""
    spots = []
    file.write(
        f'<g id="outlines" fill="none" fill-rule="evenodd" stroke-width="{shown.line:.4g}"'
        ' stroke-linejoin="round">\n'.encode()
    )
    for k, one in enumerate(shown.objects):
        way = "".join(map(_ring, one.rings))
        file.write(
            f'<path id="object-{one.label}" stroke="{one.colour}" d="{way}">'
            f"<title>{_text(one.name)}</title></path>\n".encode()
        )
        if one.spot is not None:
            spots.append((one.label, *one.spot))
        if k % EVERY == 0:
            yield k, count
    file.write(b"</g>\n")
    return spots


def _write_ids(file: BinaryIO, shown: Drawing, spots: list[tuple[int, float, float]]) -> None:
    """Write ids, and below them once more with dark rims: a text alone has its rim on top."""
    size = shown.id_size
    file.write(
        f'<use xlink:href="#ids" stroke="black" stroke-width="{size / 6:.4g}"'
        ' stroke-linejoin="round"/>\n'
        f'<g id="ids" fill="white" font-family="{FONT}" font-size="{size:.4g}"'
        ' text-anchor="middle">\n'.encode()
    )
    file.writelines(
        f'<text x="{x:.7g}" y="{y + MIDDLE * size:.6g}">{label}</text>\n'.encode()
        for label, x, y in spots
    )
    file.write(b"</g>\n")


def _scale_bar(shown: Drawing) -> str:
    at = shown.bar
    if at is None:
        return ""
    x, y = at.text
    return (
        '<g id="scale-bar" fill="white">\n'
        f'<rect fill="black" fill-opacity="0.6" {_box(*at.box)}/>\n'
        f"<rect {_box(*at.bar)}/>\n"
        f'<text x="{x:.6g}" y="{y + MIDDLE * at.size:.6g}" font-family="{FONT}"'
        f' font-size="{at.size:.4g}" text-anchor="middle">{_text(shown.bar_text)}</text>\n</g>\n'
    )


def _ring(ring: Ring) -> str:
    return f"M{' '.join(f'{x:.7g},{y:.7g}' for x, y in ring.tolist())}Z"


def _pixels(picture: RGB) -> str:
    """Return a picture as the attributes of an image, of one channel if it is grey."""
    from PIL import Image

    content = io.BytesIO()
    grey = (picture == picture[..., :1]).all()
    Image.fromarray(picture[..., 0] if grey else picture).save(content, "PNG")
    data = base64.b64encode(content.getvalue()).decode()
    # By its older name, which all programs know.
    return (
        'preserveAspectRatio="none" style="image-rendering:pixelated"'
        f' xlink:href="data:image/png;base64,{data}"'
    )


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'x="{x:.8g}" y="{y:.8g}" width="{width:.8g}" height="{height:.8g}"'


def _text(text: str) -> str:
    return escape(NO_XML.sub("", text))
