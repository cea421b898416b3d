"""Counts of annotated objects."""

from __future__ import annotations

import numpy as np

from builders import capsules
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.plugin.state.annotation_count import count


def test_counts_are_those_of_the_labels() -> None:
    labels = capsules((60, 60), count=6)
    labels[0, :9] = 2_000_000_000
    n = len(np.unique(labels)) - 1
    found = count(labels, {1: "b", 2_000_000_000: BACKGROUND}, "a", 2)
    assert (found.objects, found.regions, found.background) == ({"a": n - 2, "b": 1}, 2, True)
    assert found.text(("a", "b")) == f"{n - 1} objects ({n - 2} a, 1 b), 2 regions, background"
    marked = count(labels, {}, "a", 2, frozenset({1, 2, 77_777}))
    assert marked.proposed == 2
    assert marked.text().startswith(f"{n} objects, 2 of them proposed, ")
    labels[-1, -1] += 1
    assert count(labels, {}, "a", 2).digest != found.digest
