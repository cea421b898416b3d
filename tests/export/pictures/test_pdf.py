"""PDF files: a page with the image, and every line of every object."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture
from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.export import export, instance_colours
from napari_spatial_embeddings.export.from_labels import segmented_labels

SCALE = 720 / 70
"""Points for a pixel of an image 70 pixels wide."""


def written(folder: Path, labels: NDArray[np.int32], **settings: Any) -> bytes:
    found = segmented_labels("cells (µ)", labels, image=picture(labels))
    (path,) = export(folder, found, ["pdf"], settings=ExportSettings(**settings))
    return path.read_bytes()


def content(pdf: bytes) -> str:
    """Return what draws the page: of its streams, the one that is text."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    texts = [zlib.decompress(one) for one in streams if one[:1] == b"x"]
    return next(text for text in texts if b" RG" in text).decode("ascii")


def strokes(page: str) -> dict[tuple[int, ...], list[NDArray[np.float64]]]:
    """Return the closed rings that are stroked, as points of the page, by colour."""
    found: dict[tuple[int, ...], list[NDArray[np.float64]]] = {}
    colour: tuple[int, ...] = ()
    rings: list[list[list[float]]] = []
    for line in page.splitlines():
        *numbers, what = line.split() or [""]
        if stroke := re.search(r"(\S+) (\S+) (\S+) RG\b", line):
            colour = tuple(round(255 * float(n)) for n in stroke.groups())
        elif what in ("m", "l"):
            if what == "m":
                rings.append([])
            rings[-1].append(list(map(float, numbers)))
        elif what in ("S", "s") and rings:
            found.setdefault(colour, []).extend(map(np.array, rings))
        if what in ("S", "s", "f", "n", "B", "b"):
            rings = []
    return found


def test_strokes_hold_every_pixel(tmp_path: Path) -> None:
    labels = capsules((50, 70), count=9)
    labels[labels == 1] = 0
    labels[20:26, 30:38] = 1
    labels[22:24, 32:34] = 0  # with a hole
    pdf = written(tmp_path, labels, scale_bar=False)
    _, dense = numbered(labels)
    colours = instance_colours(dense)[dense]
    found = strokes(content(pdf))
    assert len(found) > 1
    for colour, rings in found.items():
        turned = [(ring * (1, -1)) / SCALE + (0, 50) for ring in rings]
        mask = filled(turned, labels.shape)
        np.testing.assert_array_equal(mask, (labels > 0) & (colours == colour).all(-1))


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (30, 20)])
def test_any_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, np.int32)
    assert b"%PDF" in written(tmp_path, labels, ids=True)[:9]
    labels[:, shape[1] // 2 :] = 70_000
    assert len(written(tmp_path, labels, ids=True)) > 500


def test_the_same_objects_give_the_same_page(tmp_path: Path) -> None:
    labels = capsules((30, 40))
    pages = [content(written(tmp_path, labels, ids=True)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert pages[0] != content(written(tmp_path, labels))
