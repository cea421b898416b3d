"""Tables of shapes, as napari opens ours, and as it saves its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Shapes
from napari_builtins.io import csv_to_layer_data, napari_write_shapes  # type: ignore[import-untyped]

from napari_spatial_embeddings.export import export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
from napari_spatial_embeddings.files.annotations.target import Target


def test_napari_opens_what_is_exported(tmp_path: Path) -> None:
    """As shapes that cover the objects, holes left out."""
    labels = np.zeros((3, 30, 40), np.int32)
    labels[1, 3:15, 4:20] = 7
    labels[1, 6:9, 8:12] = 0
    labels[1:, 20:29, 5] = 300
    (path,) = export(tmp_path, segmented_labels("cells", labels), ["shapes"])
    found = csv_to_layer_data(str(path), require_type="shapes")
    assert found is not None
    layer = Shapes(found[0], **found[1])
    assert layer.ndim == 3
    masks = [layer.to_masks((3, 30, 40))[k] for k in range(3)]
    expected = [(1, labels[1] == 7), (1, labels[1] == 300), (2, labels[2] == 300)]
    for mask, (z, wanted) in zip(masks, expected, strict=True):
        np.testing.assert_array_equal(mask[z], wanted)


def test_what_napari_saves(tmp_path: Path) -> None:
    """Rectangles, ellipses and polygons are objects; lines are none."""
    shapes = Shapes([[[3, 4], [3, 9], [7, 9], [7, 4]]], shape_type="rectangle")
    shapes.add_ellipses([[10, 2], [10, 8], [16, 8], [16, 2]])
    shapes.add_lines([[0, 0], [9, 9]])
    path = str(tmp_path / "cells_shapes.csv")
    assert napari_write_shapes(path, shapes.data, {"shape_type": shapes.shape_type})
    file = AnnotationFile(path)
    assert (file.kind, file.outlined) == ("shapes", True)
    found = file.fitted(Target("cells", (20, 12)))
    assert found.objects == 2
    assert found.notes == ("1 line left out",)
    expected = np.zeros((20, 12), bool)
    expected[3:7, 4:9] = True
    np.testing.assert_array_equal(found.labels == 1, expected)
    assert (found.labels == 2).sum() == pytest.approx(np.pi * 9, abs=3)
