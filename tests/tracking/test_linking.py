"""Linking: overlap, distance, gaps, divisions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from movies import FAR, detections, linked, movie, moving, partition, scrambled
from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.track_files.geff_file import write_geff
from napari_spatial_embeddings.tracking.assignment import assigned
from napari_spatial_embeddings.tracking.linking import link
from napari_spatial_embeddings.tracking.scores import score_tracks
from napari_spatial_embeddings.tracking.tracks import tracks_of_ids
from strategies import few, relaxed

# ------------------------------------------------------------------------------ assignment


@relaxed
@given(seed=st.integers(0, 10**6), n=st.integers(1, 7), m=st.integers(1, 7))
def test_assignment_is_the_best_one(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    cost = np.where(rng.random((n, m)) < 0.5, rng.random((n, m)), np.inf)
    costs = {(i, 100 + j): float(c) for (i, j), c in np.ndenumerate(cost) if np.isfinite(c)}
    found = assigned(costs)
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
    worth = np.where(np.isfinite(cost), 1 - cost, 0)
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    assert sum(1 - costs[pair] for pair in found) == pytest.approx(best, abs=1e-4)


# --------------------------------------------------------------------------------- linking


@pytest.mark.parametrize("shape", [(96, 96), (32, 32, 32)])
def test_finds_cells_that_move_little(shape: tuple[int, ...]) -> None:
    labels = moving(16 if len(shape) == 2 else 8, 6, shape)
    tracks = linked(scrambled(labels), TrackingSettings())
    truth = tracks_of_ids(detections(labels))
    assert partition(tracks, labels) == partition(truth, labels)
    assert not tracks.parents


@few
@given(st.integers(0, 10**6), st.booleans(), st.integers(0, 2))
def test_labels_of_a_frame_do_not_matter(seed: int, divisions: bool, gap: int) -> None:
    labels = moving(9, 4, (40, 40), seed, step=6)
    labels[np.random.default_rng(seed).integers(4)][:20] = 0
    settings = TrackingSettings(max_step=9, divisions=divisions, max_gap=gap)
    one = linked(labels, settings)
    other = linked(scrambled(labels, seed, 100_000), settings)
    np.testing.assert_array_equal(one.track, other.track)
    assert one.parents == other.parents


@few
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0]))
def test_no_step_is_too_long_and_no_gap_too_wide(seed: int, weight: float) -> None:
    labels = moving(9, 5, (40, 40), seed, step=8)
    settings = TrackingSettings(max_step=7, max_gap=1, overlap_weight=weight)
    tracks = linked(labels, settings)
    found = tracks.detections
    for i, after in tracks.successors.items():
        for j in after:
            assert np.linalg.norm(found.centre[i] - found.centre[j]) <= 7
            assert 1 <= found.frame[j] - found.frame[i] <= 2


def test_overlap_or_distance_decides() -> None:
    # A long cell turns about its end, and another one comes near its old centre.
    labels = np.zeros((2, 40, 40), np.int32)
    labels[0, 18:21, 4:30] = 1
    labels[1, 18:21, 4:16] = 1
    labels[1, 14:17, 14:20] = 2
    by_overlap = linked(labels, TrackingSettings(max_step=20, overlap_weight=1))
    by_distance = linked(labels, TrackingSettings(max_step=20, overlap_weight=0))
    assert frozenset({(0, 1), (1, 1)}) in partition(by_overlap, labels)
    assert frozenset({(0, 1), (1, 2)}) in partition(by_distance, labels)


def test_fast_cells_that_never_overlap_are_linked() -> None:
    paths = {k: {t: (12.0 * k, 6.0 + 11 * t) for t in range(5)} for k in (1, 2, 3)}
    labels = movie(paths, radius=3)
    truth = tracks_of_ids(detections(labels))
    assert partition(linked(scrambled(labels)), labels) == partition(truth, labels)


def test_a_cell_that_leaves_does_not_shift_the_others() -> None:
    # In a row of cells, the first leaves and a new one comes at the end.
    row = {k: dict.fromkeys(range(2), (20.0, 10.0 * k)) for k in range(1, 7)}
    del row[1][1], row[6][0]
    labels = movie(row)
    tracks = linked(labels, TrackingSettings(max_step=11))
    assert partition(tracks, labels) == partition(tracks_of_ids(detections(labels)), labels)


@pytest.mark.parametrize(("gap", "count"), [(0, 3), (1, 2), (2, 1)])
def test_gaps(gap: int, count: int) -> None:
    seen = (0, 1, 3, 6, 7)
    labels = movie({1: {t: (20.0, 20.0 + t) for t in seen}})
    tracks = linked(labels, TrackingSettings(max_step=12, max_gap=gap))
    assert len(tracks.ids) == count
    assert not tracks.parents


def divided(ratio: float = 1.0) -> NDArray[np.int32]:
    """A cell that divides after frame 1, beside one that stays."""
    labels = movie({1: {0: (20, 20), 1: (20, 20)}, 4: dict.fromkeys(range(4), (20, 50))}, radius=6)
    small = movie({2: {2: (20, 15), 3: (20, 13)}}, frames=4, radius=4.5 * ratio)
    large = movie({3: {2: (20, 25), 3: (20, 27)}}, frames=4, radius=4.5)
    return np.maximum(labels, np.maximum(small, large))


def test_divisions() -> None:
    labels = divided()
    tracks = linked(labels, TrackingSettings(max_step=12, divisions=True))
    assert partition(tracks, labels) == partition(tracks_of_ids(detections(labels)), labels)
    (mother,) = set(tracks.parents.values())
    assert tracks.track[tracks.detections.index[1, 1]] == mother
    assert len(tracks.parents) == 2
    off = linked(labels)
    assert not off.parents
    assert len(off.ids) == 3


def test_daughters_may_spring_apart() -> None:
    spots = {1: {0: (20, 30)}, 2: {1: (20, 24)}, 3: {1: (20, 40)}}
    labels = np.maximum(movie({1: spots.pop(1)}, frames=2, radius=5.5), movie(spots, frames=2))
    for step, count in ((7, 2), (3, 0)):
        settings = TrackingSettings(max_step=step, divisions=True)
        assert len(linked(labels, settings).parents) == count


def test_a_newcomer_beside_a_cell_is_no_division() -> None:
    labels = movie({1: dict.fromkeys(range(4), (20, 20)), 2: {2: (20, 29), 3: (20, 29)}})
    tracks = linked(labels, TrackingSettings(max_step=12, divisions=True))
    assert not tracks.parents
    assert partition(tracks, labels) == partition(tracks_of_ids(detections(labels)), labels)


def test_a_bud_is_no_daughter() -> None:
    assert not linked(divided(0.4), TrackingSettings(max_step=12, divisions=True)).parents


def test_empty_frames_and_no_objects() -> None:
    labels = np.zeros((3, 16, 16), np.int32)
    assert not len(linked(labels).ids)
    labels[1, 4:8, 4:8] = 70_000
    tracks = linked(labels)
    assert tracks.track.tolist() == [1]
    assert [frame.max() for frame in tracks.relabelled(labels)] == [0, 1, 0]
    assert linked(labels[:1]).successors == {}


def test_steps_in_micrometres() -> None:
    labels = movie({1: {0: (20, 20), 1: (20, 30)}})
    for step, count in ((4.9, 2), (5.1, 1)):
        settings = TrackingSettings(max_step=step, step_unit="um")
        assert len(link(detections(labels, (500.0, 500.0), "nm"), settings).ids) == count
    with pytest.raises(InputError, match="size of a pixel is unknown"):
        linked(labels, settings)


def test_steps_in_coarse_volumes() -> None:
    labels = movie({1: {0: (4, 8, 8), 1: (7, 8, 8)}}, (12, 16, 16), radius=2)
    for size, count in (((1.0, 1.0, 1.0), 1), ((5.0, 1.0, 1.0), 2)):
        assert len(link(detections(labels, size), FAR).ids) == count


@pytest.mark.parametrize("package", ["laptrack", "geff", "ctc_metrics"])
def test_without_a_package_a_sentence_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    labels = moving(9, 3, (30, 30), step=6)
    truth = tracks_of_ids(detections(labels))
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    use: dict[str, Callable[[], object]] = {
        "laptrack": lambda: linked(labels),
        "geff": lambda: write_geff(tmp_path / "a.geff", truth),
        "ctc_metrics": lambda: score_tracks(labels, truth, labels, truth),
    }
    with pytest.raises(InputError, match=rf"{package}.*embeddings\[tracking\]'"):
        use[package]()


def test_every_pair_of_ids_differs_within_a_frame() -> None:
    tracks = linked(moving(16, 5, (48, 48), 3, step=6), TrackingSettings(max_step=9))
    for t in range(5):
        part = tracks.track[tracks.detections.of_frame(t)]
        assert all(a != b for a, b in combinations(part.tolist(), 2))
