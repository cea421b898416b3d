"""What is measured of the objects of a time series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from movies import detections, movie, moving, scrambled
from napari_spatial_embeddings.core.image_data import LazyArray
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.tracking.detections import detect
from strategies import relaxed


@relaxed
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(1, 7, 9), (4, 6, 8), (3, 4, 5, 6), (2, 1, 1)]),
    highest=st.sampled_from([0, 1, 3, 70_000, 2**31 - 1]),
)
def test_measures_what_numpy_does(seed: int, shape: tuple[int, ...], highest: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice(np.array([-1, 0, 0, highest // 2, highest]), shape)
    found = detections(values, (2.0, *(1.0,) * (len(shape) - 2)))
    rows = []
    for t, frame in enumerate(values):
        ids, first = np.unique(frame, return_index=True)
        for i in np.argsort(first):
            if ids[i] > 0:
                at = np.argwhere(frame == ids[i])
                rows.append((t, ids[i], len(at), *(at.mean(0) * np.array(found.spacing))))
    columns = [found.frame, found.label, found.size, *found.centre.T]
    np.testing.assert_allclose(np.stack(columns, 1), np.reshape(rows, (-1, len(columns))))
    pairs = {}
    for t in range(len(values) - 1):
        for i in range(len(found)):
            for j in range(len(found)):
                if (found.frame[i], found.frame[j]) == (t, t + 1):
                    a, b = values[t] == found.label[i], values[t + 1] == found.label[j]
                    if (a & b).any():
                        pairs[i, j] = (a & b).sum() / (a | b).sum()
    own = dict(zip(map(tuple, found.overlap.tolist()), found.iou.tolist(), strict=True))
    assert own == pytest.approx(pairs)


def test_order_does_not_depend_on_labels() -> None:
    labels = moving(9, 4)
    one, other = detections(labels), detections(scrambled(labels))
    for name in ("frame", "size", "centre", "overlap", "iou"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


class Watched(LazyArray):
    """A series that records which frames are read."""

    def __init__(self, labels: NDArray[np.int32]) -> None:
        super().__init__(labels.shape, labels.dtype)
        self.labels, self.read = labels, list[Any]()

    def _read(self, wanted: tuple[Any, ...]) -> NDArray[Any]:
        self.read.append(wanted[0])
        return np.asarray(self.labels[wanted])


def test_reads_each_frame_once_by_itself_and_can_be_cancelled() -> None:
    series = Watched(moving(4, 5))
    *progress, last = detect(series)
    assert series.read == [0, 1, 2, 3, 4]
    assert [(r.done, r.total, r.result) for r in progress] == [(t, 5, None) for t in range(5)]
    assert last.result is not None
    series = Watched(moving(4, 5))
    reports = list(detect(series, cancelled=lambda: len(series.read) >= 2))
    assert series.read == [0, 1]
    assert reports[-1].result is None


def test_frames_without_objects_and_without_any() -> None:
    labels = movie({3: {1: (9, 9), 3: (9, 9)}}, (20, 20), frames=5)
    found = detections(labels)
    assert (found.frames, found.first.tolist()) == (5, [0, 0, 1, 1, 2, 2])
    assert not len(found.overlap)
    empty = detections(labels * 0)
    assert (len(empty), empty.frames, empty.diameter) == (0, 5, 1.0)


def test_pixel_sizes() -> None:
    labels = movie({1: {0: (8, 8, 8)}}, (16, 16, 16), radius=5)
    found = detections(labels, (1000.0, 500.0, 500.0), "nm")
    assert found.spacing == (2.0, 1.0, 1.0)
    assert found.length == pytest.approx(0.5)
    assert found.centre.tolist() == [[16, 8, 8]]
    assert detections(labels, (1.0, 0.5, 0.5)).length is None
    ball = detections(labels).diameter
    assert ball == pytest.approx(10, rel=0.05)
    assert detections(movie({1: {0: (8, 8)}}, (16, 16))).diameter == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.zeros((4, 4), int), "time series (T, Y, X)"),
        (np.full((1, 4, 4), 0.5), "not whole"),
        (np.full((1, 4, 4), 2**31), "too high"),
    ],
)
def test_refuses(labels: NDArray[Any], says: str) -> None:
    with pytest.raises(InputError, match=r".*") as raised:
        detections(labels)
    assert says in str(raised.value)
