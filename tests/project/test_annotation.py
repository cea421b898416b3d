"""Annotations as a picture shows them: what is known of each pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.files import Region
from napari_spatial_embeddings.project.annotation import Annotation


@pytest.mark.parametrize("scribbled", [False, True])
def test_what_is_known_of_each_pixel(scribbled: bool) -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[2:6, 2:6], labels[2:6, 30:34], labels[30, 5:50] = 7, 9, 4
    square = np.array([[0, 20], [0, 45], [12, 45], [12, 20]], float)
    classes = {4: BACKGROUND, 9: "debris"}
    found = Annotation(labels, classes, [Region("polygon", square)], scribbled).resolved("ignore")
    assert {*found[labels == 7], *found[labels == 9]} == {1, 2}
    assert (found[labels == 4] == 0).all()
    assert found[8, 25] == 0, "in a region all is background that is no object"
    assert found[20, 55] < 0
    ring = Annotation(labels, classes, (), scribbled).resolved("ignore")
    assert (ring[6, 4] == 0) == (not scribbled), "what is around a whole object is background"
    everything = Annotation(labels, classes).resolved("background")
    assert ((everything > 0) == np.isin(labels, (7, 9))).all()
    assert (everything >= 0).all()
