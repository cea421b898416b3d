"""SVG files as Qt draws them: filled outlines are the objects' pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import QByteArray
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgRenderer

from builders import capsules
from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.export import export
from napari_spatial_embeddings.export.from_labels import segmented_labels


def rastered(svg: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a drawing as pixels, one for each of the image, as bright as they are covered."""
    renderer = QSvgRenderer(QByteArray(svg))
    assert renderer.isValid()
    image = QImage(shape[1], shape[0], QImage.Format.Format_RGBA8888)
    image.fill(0)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(shape[0], -1)
    return rows[:, : 4 * shape[1]].reshape(*shape, 4)[..., :3].copy()


@pytest.mark.usefixtures("qapp")
def test_filled_outlines_are_the_objects(tmp_path: Path) -> None:
    labels = capsules((90, 120), count=20, radius=9)
    labels[labels == 1] = 0
    labels[5:20, 100:118] = 1
    labels[9:12, 104:110] = 0
    labels[40:44, 100:104] = 1
    found = segmented_labels("cells", labels)
    settings = ExportSettings(scale_bar=False)
    (path,) = export(tmp_path, found, ["svg"], settings=settings)
    text = path.read_text("utf-8").replace('fill="none"', 'fill="white"')
    head, *objects = text.partition("</svg>")[0].split('<path id="object-')
    for one in objects:
        label = int(one.partition('"')[0])
        alone = f'{head}<path stroke="none" d="{one.partition(chr(34) + " d=" + chr(34))[2]}'
        alone = alone if "</g>" in alone else f"{alone}</g>"
        shown = rastered(f"{alone}</svg>".encode(), labels.shape)
        np.testing.assert_array_equal(shown[..., 0] > 127, labels == label)
