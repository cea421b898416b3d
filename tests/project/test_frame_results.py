"""Results of frames are stored in half precision, and come back as they were."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from builders import capsules, picture
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.project.frame_results import MAPS, OBJECTS, FrameResults, StoredMaps

SETTINGS = ClusteringSettings(seed_threshold=0.5, foreground_threshold=0.3, min_size=1)

LIMIT = 2**30


def scattered(seed: int = 0, shape: tuple[int, ...] = (60, 80)) -> EmbeddingMaps:
    """Return maps as a network gives them: no two values are equal."""
    labels, rng = capsules(shape, seed), np.random.default_rng(seed)
    maps = ideal_maps(labels, sigma=2.5)
    maps.offsets[:] += rng.normal(0, 0.3, maps.offsets.shape).astype(np.float32)
    maps.seed[:] *= rng.uniform(0.7, 1, maps.seed.shape).astype(np.float32)
    return maps


def result_of(maps: EmbeddingMaps, corrections: Corrections | None = None) -> Segmentation:
    clustering = Clustering(maps, corrections=corrections)
    found = clustering(SETTINGS)
    return Segmentation(maps, clustering, found, SETTINGS, corrections, ("cell",), "a model", {})


def test_a_result_comes_back(tmp_path: Path) -> None:
    store, image = FrameResults(tmp_path / "maps"), picture(capsules((60, 80)))
    result = result_of(scattered())
    assert store.write("film.t0003", result, image, True, LIMIT) == []
    assert store.keys() == ["film.t0003"]
    found = store.read("film.t0003", image, None)
    assert found is not None
    assert found.complete
    back = found.result
    assert isinstance(back.maps, StoredMaps)
    for name in ("labels", "ids", "score", "centre", "size", "locked", "seed_pixel"):
        np.testing.assert_array_equal(
            getattr(back.instances, name), getattr(result.instances, name)
        )
    assert (back.settings, back.classes, back.model) == (SETTINGS, ("cell",), "a model")
    assert back.maps.shape == result.maps.shape
    assert back.maps.spacing == result.maps.spacing
    np.testing.assert_allclose(back.maps.offsets, result.maps.offsets, rtol=2**-10, atol=1e-3)
    np.testing.assert_allclose(back.maps.sigma, result.maps.sigma, rtol=2**-10)
    np.testing.assert_allclose(back.maps.seed, result.maps.seed, atol=2**-11)
    assert back.maps.offsets.dtype == np.float32
    # It is clustered as maps in memory are.
    half = EmbeddingMaps(back.maps.offsets, back.maps.sigma, back.maps.seed, back.maps.spacing)
    new = SETTINGS.updated(min_size=20)
    np.testing.assert_array_equal(back.clustering(new).labels, Clustering(half)(new).labels)
    size = sum(path.stat().st_size for path in (tmp_path / "maps").iterdir())
    assert size < 2.2 * sum(x.nbytes for x in (half.offsets, half.sigma, half.seed)) / 4 * 1.2


def test_few_pixels_are_others_in_half_precision() -> None:
    """Those at the rim of objects."""
    changed = total = 0
    for seed in range(10):
        maps = scattered(seed, (120, 160))
        offsets, sigma, seeds = (
            np.asarray(x).astype(np.float16).astype(np.float32)
            for x in (maps.offsets, maps.sigma, maps.seed)
        )
        whole = Clustering(maps)(SETTINGS)
        half = Clustering(EmbeddingMaps(offsets, sigma, seeds, maps.spacing))(SETTINGS, like=whole)
        assert len(half) == len(whole)
        changed += int((half.labels != whole.labels).sum())
        total += int((whole.labels > 0).sum())
    assert changed < 2e-3 * total


def test_another_image_has_no_result(tmp_path: Path) -> None:
    store, image = FrameResults(tmp_path), picture(capsules((60, 80)))
    store.write("film.t0000", result_of(scattered()), image, True, LIMIT)
    assert store.read("film.t0000", image[:, ::-1], None) is None
    assert store.read("film.t0001", image, None) is None


def test_objects_follow_corrections_that_are_newer(tmp_path: Path) -> None:
    store, image = FrameResults(tmp_path), picture(capsules((60, 80)))
    result = result_of(scattered())
    store.write("film.t0000", result, image, False, LIMIT)
    gone = int(result.instances.ids[0])
    known = edit.delete(Corrections.none(result.maps.shape), result.instances, gone)
    known = edit.accept(known, result.instances, [int(result.instances.ids[1])])
    found = store.read("film.t0000", image, known)
    assert found is not None
    assert not found.complete
    assert found.result.instances.locked.sum() == 1
    assert not found.result.instances.labels[known.labels < 0].any()
    corrected = result_of(result.maps, known)
    store.write_objects("film.t0000", corrected)
    found = store.read("film.t0000", image, known)
    assert found is not None
    np.testing.assert_array_equal(found.result.instances.labels, corrected.instances.labels)


def test_the_oldest_are_removed(tmp_path: Path) -> None:
    store, image = FrameResults(tmp_path), picture(capsules((60, 80)))
    for t in range(3):
        store.write(f"film.t000{t}", result_of(scattered()), image, True, LIMIT)
        os.utime(tmp_path / f"film.t000{t}{MAPS}", (t, t))
    size = (tmp_path / f"film.t0000{MAPS}").stat().st_size
    removed = store.write("film.t0003", result_of(scattered()), image, True, 2 * size)
    assert removed == ["film.t0000", "film.t0001"]
    assert store.keys() == ["film.t0002", "film.t0003"]


@pytest.mark.parametrize("ending", [MAPS, OBJECTS])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, ending: str) -> None:
    store, image = FrameResults(tmp_path), picture(capsules((60, 80)))
    store.write("film.t0000", result_of(scattered()), image, True, LIMIT)
    path = tmp_path / f"film.t0000{ending}"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError):
        store.read("film.t0000", image, None)
