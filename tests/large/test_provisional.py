"""Labels of the blocks that are done: what is seen of a large image before its run ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.large.job import LargeJob
from napari_spatial_embeddings.large.provisional import ProvisionalLabels
from napari_spatial_embeddings.large.segmentation import LargeReport, segment_large
from napari_spatial_embeddings.large.state import state_of_labels
from small_models import model_of

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


def job(folder: Path, ndim: int = 2) -> LargeJob:
    """Return work on an image with a coarser level, whose blocks claim no pixel twice."""
    if ndim == 2:
        model, clustering, block = model_of(), LOW, 128
        data = picture(capsules((300, 1100), 40))
    else:
        model, block = find_model("nuclei-3d"), 200
        clustering, data = (
            model.clustering,
            np.tile(samples.blobs(1, 48).image[:, :24], (1, 1, 3, 1)),
        )
    image = ImageData(data, ("CYX", "CZYX")[ndim - 2], None, None, "slide")
    tiles = PredictionSettings(tile=128, halo=16, device="cpu")
    blocks = BlockSettings(block=block)
    return LargeJob(
        model, "m", image, "slide", folder / "a.zarr", clustering, tiles, blocks, table=None
    )


def same_objects(one: NDArray[np.integer], other: NDArray[np.integer]) -> bool:
    """Whether two label images are equal but for the ids."""
    pairs = set(zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def seen(labels: ProvisionalLabels | None) -> NDArray[np.integer]:
    assert labels is not None
    return np.asarray(labels.levels[0][()])


def last_of(work: LargeJob, *, stop: int | None = None) -> LargeReport:
    """Run until so many blocks are done, or all; return the last report."""
    last: LargeReport | None = None
    for report in segment_large(work, provisional=True):
        if report.writing:
            break
        last = report
        if stop is not None and report.blocks.done >= stop:
            break
    assert last is not None
    return last


@pytest.mark.parametrize("ndim", [2, 3])
def test_they_are_the_last_ones_but_for_the_ids(tmp_path: Path, ndim: int) -> None:
    work, shown = job(tmp_path, ndim), None
    for report in segment_large(work, provisional=True):
        if report.writing:
            break
        shown = seen(report.labels)
        fine, *coarser = (np.asarray(level[()]) for level in report.labels.levels)  # type: ignore[union-attr]
        assert coarser
        for one in coarser:
            steps = tuple(
                slice(None, None, -(-n // m)) for n, m in zip(fine.shape, one.shape, strict=True)
            )
            np.testing.assert_array_equal(one, fine[steps])
    *_, last = segment_large(work)
    assert last.finished
    assert last.blocks.found is not None
    assert not last.blocks.found.contested
    final = read_labels(work.output)
    assert shown is not None
    assert len(np.unique(final)) > 10
    assert same_objects(shown, final)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zarr"}


def test_an_object_keeps_its_id_when_the_run_is_gone_on_with(tmp_path: Path) -> None:
    work = job(tmp_path)
    first = last_of(work, stop=7)
    before = seen(first.labels)
    assert before.any()
    again = next(segment_large(work, provisional=True))
    assert again.blocks.resumed >= 7
    np.testing.assert_array_equal(seen(again.labels)[before > 0], before[before > 0])
    after = seen(last_of(work).labels)
    np.testing.assert_array_equal(after[before > 0], before[before > 0])
    assert len(np.unique(after)) > len(np.unique(before))


def test_what_a_run_did_without_them_is_added(tmp_path: Path) -> None:
    work = job(tmp_path)
    for report in segment_large(work):
        if report.blocks.done == 5:
            break
    state = state_of_labels(work.output)
    assert (state.complete, state.levels) == (False, ())
    assert state.unfinished is not None
    assert 5 <= state.unfinished.done < state.unfinished.total == 27
    again = next(segment_large(work, provisional=True))
    shown = seen(again.labels)
    assert shown.any()
    levels = state_of_labels(work.output).levels
    np.testing.assert_array_equal(levels[0][()], shown)


def test_they_are_empty_once_they_are_deleted(tmp_path: Path) -> None:
    work = job(tmp_path)
    labels = last_of(work, stop=3).labels
    assert labels is not None
    levels = labels.levels
    assert levels[0][()].any()
    shutil.rmtree(tmp_path / ".a.zarr.part")
    assert not levels[0][()].any()
    assert levels[1][3:5, 7].shape == (2,)


def test_state_of_complete_labels(tmp_path: Path) -> None:
    work = job(tmp_path)
    assert state_of_labels(work.output).complete is False
    list(segment_large(work))
    state = state_of_labels(work.output)
    assert (state.complete, state.unfinished) == (True, None)
    assert state.about["clustering"] == LOW.model_dump()
    np.testing.assert_array_equal(state.levels[0][()], read_labels(work.output))
    assert len(state.levels) == 2


def test_the_disk_of_a_run_that_goes_on_is_that_of_the_first(tmp_path: Path) -> None:
    work = job(tmp_path)
    first = last_of(work, stop=15).blocks
    again = last_of(work, stop=20).blocks
    assert again.resumed >= 15
    assert again.disk > 0.5 * first.disk > 0
