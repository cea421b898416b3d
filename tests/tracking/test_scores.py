"""Scores of tracks: perfect ones, known faults, what the library's own reader misreads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ctc_metrics import evaluate_sequence
from numpy.typing import NDArray

from movies import detections, movie, moving, scrambled
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.track_files.ctc import write_ctc
from napari_spatial_embeddings.tracking.linking import link
from napari_spatial_embeddings.tracking.scores import TrackScores, score_tracks
from napari_spatial_embeddings.tracking.tracks import Tracks, tracks_of_ids


def score(
    true: NDArray[np.int32], own: NDArray[np.int32], parents: dict[int, int] | None = None
) -> TrackScores:
    """Score labels that are the same for the same cell."""
    truth = tracks_of_ids(detections(true), parents)
    return score_tracks(true, truth, own, tracks_of_ids(detections(own)))


def test_perfect_tracks_whatever_their_ids() -> None:
    labels = moving(9, 5)
    other = np.where(labels > 0, 65_600 - labels, 0).astype(np.int32)
    found = score(labels, other)
    assert (found.det, found.tra, found.lnk, found.hota, found.idf1, found.complete) == (1,) * 6
    assert (found.missing, found.spurious, found.merged) == (0, 0, 0)
    assert (found.missing_links, found.wrong_links, found.divisions) == (0, 0, 0)
    assert found.division_f1 is None


def test_frames_without_background_can_be_scored() -> None:
    labels = np.ones((3, 8, 8), np.int32)
    labels[:, 4:] = 2
    assert score(labels, labels).tra == 1


def test_frames_without_annotated_objects() -> None:
    labels = moving(4, 4)
    labels[1] = 0
    own = moving(4, 4)
    found = score(labels, own)
    assert (found.det < 1, found.spurious, found.hota, found.idf1) == (True, 4, None, None)
    # The only links of the truth lead over the gap; without any, there is nothing to score.
    assert found.lnk == 0.5
    labels[2:] = 0
    assert score(labels, own).lnk is None


def test_counts_faults() -> None:
    labels = moving(9, 4)
    own = labels.copy()
    own[own == 1] = 0  # four objects and three links are missing
    own[2:][own[2:] == 2] = 20  # a cell is cut in two: a link is missing
    own[0, :3, :3] = 30  # one is spurious
    swapped = own[3].copy()
    own[3][swapped == 3], own[3][swapped == 4] = 4, 3  # two links are missing, two are wrong
    own[1][own[1] == 5] = 6  # an object is two: the links of 5 and 6 there cannot be matched
    found = score(labels, own)
    assert (found.missing, found.spurious, found.merged) == (4, 1, 1)
    assert found.wrong_links == 2 + 1  # of 5, over the frame in which it is 6
    assert found.missing_links == 3 + 1 + 2 + 4
    assert 0 < found.complete < 0.5
    assert found.tra < found.det < 1


def test_divisions() -> None:
    labels = movie({1: {0: (20, 20), 1: (20, 20)}, 2: {2: (20, 14)}, 3: {2: (20, 27)}}, (40, 40))
    parents = {2: 1, 3: 1}
    truth = tracks_of_ids(detections(labels), parents)
    assert score_tracks(labels, truth, labels, truth).division_f1 == pytest.approx(1)
    found = score(labels, labels, parents)
    assert (found.divisions, found.division_f1, found.missing_links) == (1, 0, 2)


def test_nothing_found_and_nothing_to_find() -> None:
    labels = movie({1: {0: (20, 20), 1: (20, 20)}, 2: {2: (20, 14)}, 3: {2: (20, 27)}}, (40, 40))
    found = score(labels, labels * 0, {2: 1, 3: 1})
    assert (found.det, found.tra, found.lnk, found.missing, found.missing_links) == (0, 0, 0, 4, 3)
    assert (found.divisions, found.division_f1) == (1, 0)
    with pytest.raises(InputError, match="nothing is annotated"):
        score(labels * 0, labels)
    with pytest.raises(InputError, match="of one frame"):
        score(labels[:1], labels[:1])
    with pytest.raises(InputError, match="same frames and pixels"):
        score(labels, labels[:2])


def test_agrees_with_the_library_on_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Objects come and go, gaps are joined, links are wrong: matched here, or by the library."""
    labels = moving(9, 6, step=7)
    for t, cell in ((2, 1), (3, 2), (4, 3), (1, 4), (2, 4)):
        labels[t][labels[t] == cell] = 0
    shaken = scrambled(np.roll(labels, 1, 2))
    shaken[:, :, :20] = 0
    own = link(detections(shaken))
    truth = tracks_of_ids(detections(labels))
    found = score_tracks(labels, truth, shaken, own)
    result = write_ctc(tmp_path / "01_RES", shaken, own)
    written = write_ctc(tmp_path / "TRA", labels, truth)
    (written / "res_track.txt").rename(written / "man_track.txt")
    (tmp_path / "01_GT").mkdir()
    written.rename(tmp_path / "01_GT" / "TRA")
    library = evaluate_sequence(
        str(result),
        str(tmp_path / "01_GT"),
        ["Valid", "DET", "TRA", "LNK", "CT", "HOTA", "IDF1"],
        threads=1,
    )
    capsys.readouterr()
    assert library["Valid"] == 1
    ours = (found.det, found.tra, found.lnk, found.complete, found.hota, found.idf1)
    theirs = [library[name] for name in ("DET", "TRA", "LNK", "CT", "HOTA", "IDF1")]
    assert ours == pytest.approx(theirs)
    assert found.tra < 0.95


def test_tracks_are_not_only_their_links() -> None:
    """An id of its own in every frame, each with its parent, is one cell all the same."""
    labels = moving(1, 4)
    found = detections(labels)
    truth = tracks_of_ids(found)
    chain = Tracks(found, np.arange(1, 5, dtype=np.int32), {2: 1, 3: 2, 4: 3})
    scores = score_tracks(labels, truth, labels, chain)
    assert (scores.idf1, scores.complete) == (1, 0)
    assert scores.lnk is not None
    assert scores.lnk < 1
