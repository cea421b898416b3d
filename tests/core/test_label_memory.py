"""Labels of objects that come back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.label_memory import LabelMemory, recalled
from napari_spatial_embeddings.core.maps import ideal_maps
from strategies import relaxed

SETTINGS = ClusteringSettings(min_size=1)
CROWD = capsules((60, 70), count=12)


def between(crowd: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what of other objects lies beside a crowd, and none that could be one of it."""
    others = np.where((others > 0) & (crowd == 0), others + 20, 0).astype(np.int32)
    found, known = (Clustering(ideal_maps(x, sigma=2))(SETTINGS) for x in (others, crowd))
    apart = np.linalg.norm(found.centre[:, None] - known.centre, axis=-1).min(1)
    return np.where(np.isin(found.labels, found.ids[apart < 4]), 0, others).astype(np.int32)


EXTRA = between(CROWD, capsules((60, 70), seed=5, count=12))


def predicted(
    labels: NDArray[np.int32], before: Instances | None, memory: LabelMemory | None
) -> tuple[Instances, LabelMemory | None]:
    """Return what a prediction makes of these objects after another one."""
    found = Clustering(ideal_maps(labels, sigma=2))(SETTINGS, like=before)
    return (found, None) if before is None else recalled(found, before, memory)


def names(found: Instances) -> dict[int, int]:
    """Return the label of each object of the crowd that is found."""
    middles: dict[int, tuple[int, ...]] = {}
    for k in range(1, int(CROWD.max()) + 1):
        at = np.argwhere(np.equal(CROWD, k))
        middles[k] = tuple(at[len(at) // 2].tolist())
    return {k: int(found.labels[at]) for k, at in middles.items() if found.labels[at]}


@relaxed
@given(st.lists(st.tuples(st.sets(st.integers(1, 12)), st.booleans()), min_size=2, max_size=5))
def test_an_object_has_one_label_however_often_it_vanishes(
    rounds: list[tuple[set[int], bool]],
) -> None:
    seen: dict[int, int] = {}
    before, memory = None, None
    for kept, others in rounds:
        labels = np.where(np.isin(CROWD, list(kept)), CROWD, 0)
        shown = np.where((labels == 0) & others, EXTRA, labels).astype(np.int32)
        before, memory = predicted(shown, before, memory)
        assert len(np.unique(before.ids)) == len(before)
        assert set(np.unique(before.labels)) - {0} == set(before.ids.tolist())
        assert (np.bincount(before.labels[before.labels > 0])[before.ids] == before.size).all()
        for k, label in names(before).items():
            assert seen.setdefault(k, label) == label


def test_a_label_is_not_given_to_another_object() -> None:
    first, _ = predicted(CROWD, None, None)
    none, memory = predicted(np.zeros_like(CROWD), first, None)
    others, memory = predicted(EXTRA, none, memory)
    again, _ = predicted(CROWD, others, memory)
    assert names(again) == names(first)
