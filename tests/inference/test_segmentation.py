"""Segmentation of many images: results, what is kept of earlier ones, and skipped images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelError
from napari_spatial_embeddings.inference.registry import ModelCache
from napari_spatial_embeddings.inference.segmentation import (
    Segmentation,
    SegmentationJob,
    SegmentationReport,
    reclustered,
    segment_images,
)
from napari_spatial_embeddings.inference.tiling import Progress

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""
OTHER = LOW.updated(min_size=20)
TILES = PredictionSettings(tile=32, halo=48, device="cpu")


def model_of(**settings: Any) -> SpatialEmbeddings:
    chosen = ModelSettings.model_validate(
        {"width": 4, "levels": 2, "working_diameter": 10, "offset_range": 8, **settings}
    )
    return SpatialEmbeddings(chosen, network(chosen), LOW)


MODEL = model_of()


def image_of(shape: tuple[int, ...] = (64, 64), seed: int = 0, **facts: Any) -> ImageData:
    data = picture(capsules(shape, seed), seed)
    axes = "CYX" if len(shape) == 2 else "CZYX"
    return replace(ImageData(data, axes, None, None, f"image {seed}"), **facts)


def job_of(image: ImageData, **facts: Any) -> SegmentationJob:
    return SegmentationJob(image.name, image.name, lambda: image, **facts)


def run(*jobs: SegmentationJob, **changes: Any) -> list[SegmentationReport]:
    chosen = {"model": MODEL, "clustering": LOW, "prediction": TILES, **changes}
    return list(
        segment_images(chosen["model"], "a model", jobs, chosen["clustering"], chosen["prediction"])
    )


def segmented(image: ImageData, **changes: Any) -> Segmentation:
    reports = run(job_of(image, **changes.pop("job", {})), **changes)
    result = reports[-1].result
    assert result is not None, reports[-1].message
    return result


def assert_same_maps(a: Any, b: Any, where: tuple[slice, ...] = ()) -> None:
    for name in ("offsets", "sigma", "seed"):
        at = (slice(None), *where)
        np.testing.assert_allclose(getattr(a, name)[at], getattr(b, name)[at], atol=1e-4)


# -------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("shape", [(64, 72), (8, 24, 24)])
def test_a_result_is_what_the_model_finds(shape: tuple[int, ...]) -> None:
    model = model_of(ndim=len(shape), spacing=(1,) * len(shape))
    image = image_of(shape)
    result = segmented(image, model=model)
    expected = model.segment(image.data, LOW, TILES)
    assert len(expected) > 3
    np.testing.assert_array_equal(result.instances.labels, expected.labels)
    assert (result.settings, result.model, result.card) == (LOW, "a model", model.card())
    assert result.classes == model.settings.classes
    assert result.milliseconds > 0


def test_reports_tell_image_and_tile() -> None:
    reports = run(*(job_of(image_of(seed=seed)) for seed in (0, 1)))
    for index, image in enumerate(("image 0", "image 1")):
        own = [r for r in reports if r.index == index]
        assert {(r.count, r.job.key) for r in own} == {(2, image)}
        assert [(r.done, r.total) for r in own if r.total] == [(k, 4) for k in (1, 2, 3, 4, 4, 4)]
        assert [r.image is None for r in own] == [True] + [False] * (len(own) - 1)
        assert [r.result is None for r in own] == [True] * (len(own) - 1) + [False]
        assert f"{image}: tile 3 of 4 (image {index + 1} of 2)" in [r.message for r in own]


def test_images_are_read_when_their_turn_comes() -> None:
    read = []

    def job(seed: int) -> SegmentationJob:
        def reading() -> ImageData:
            read.append(seed)
            return image_of(seed=seed)

        return SegmentationJob("", "", reading)

    reports = segment_images(MODEL, "", map(job, (1, 2)), LOW, TILES)
    while next(reports).result is None:
        pass
    assert read == [1]


# ---------------------------------------------------------------------------------- skipped ones


def test_an_image_that_cannot_be_segmented_does_not_stop_the_rest() -> None:
    def missing() -> ImageData:
        raise FileNotFoundError(2, "No such file or directory", "a.tif")

    def huge() -> ImageData:
        raise MemoryError

    def network_disk() -> ImageData:
        raise Failure("the disk is gone")

    nan = image_of(seed=2)
    np.asarray(nan.data)[0, 3, 3] = np.nan
    jobs = [
        SegmentationJob("", name, read)
        for name, read in (("a", missing), ("b", huge), ("c", network_disk))
    ]
    jobs += [job_of(image_of((8, 24, 24))), job_of(nan), job_of(image_of())]
    ends = [r for r in run(*jobs) if r.result is not None or r.error is not None]
    assert [r.index for r in ends] == list(range(6))
    errors = [r.error for r in ends]
    kinds = [InputError, OutOfMemory, Failure, ModelError, ModelError, type(None)]
    assert [type(e) for e in errors] == kinds
    assert isinstance(errors[0], InputError)
    assert isinstance(errors[0].__cause__, OSError)
    assert "a.tif: No such file" in ends[0].message
    assert "the model takes 2D images with 1 channel, this is a 3D volume" in ends[3].message
    assert "NaN" in ends[4].message
    assert ends[-1].result is not None


class _Tight:
    """A model whose device holds no tile above 100 pixels."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __getattr__(self, name: str) -> Any:
        return getattr(MODEL, name)

    def predicting(
        self, image: NDArray[np.generic], settings: PredictionSettings, *more: Any
    ) -> Iterator[Progress]:
        for step in MODEL.predicting(image, settings, *more):
            if settings.tile > self._most:
                raise OutOfMemory(f"too little memory for a tile of {settings.tile} pixels")
            yield step


def test_where_memory_is_short_tiles_are_halved() -> None:
    image = image_of((120, 120))
    settings = PredictionSettings(tile=400, halo=48)
    reports = run(job_of(image), model=_Tight(100), prediction=settings)
    assert "tile 4 of 4 (memory is short: tiles of 100 pixels)" in reports[-3].message
    assert reports[-1].result is not None
    assert_same_maps(reports[-1].result.maps, MODEL.predict_maps(image.data))
    last = run(job_of(image), model=_Tight(50), prediction=settings)[-1]
    assert isinstance(last.error, OutOfMemory)
    assert "a tile of 100 pixels" in last.message


# ------------------------------------------------------------------------ what was known before


def test_outside_the_window_the_same_models_maps_stay() -> None:
    image = image_of((160, 160))
    whole = MODEL.predict_maps(image.data)
    corner, other = ((slice(a, a + 20),) * 2 for a in (0, 130))
    first = segmented(image, job={"window": corner})
    assert_same_maps(first.maps, whole, (slice(0, 30),) * 2)  # grown by the reach of an object
    assert not first.maps.seed[:, 80:, 80:].any()
    second = segmented(image, job={"window": other, "before": first})
    for window in (corner, other):
        assert_same_maps(second.maps, whole, window)
    assert not first.maps.seed[:, 80:, 80:].any(), "a result never changes"
    mixed = segmented(image, model=model_of(width=8), job={"window": other, "before": first})
    assert not mixed.maps.seed[:, :80, :80].any()


def test_labels_are_stable_and_corrections_kept() -> None:
    image = image_of()
    first = segmented(image)
    renamed = np.where(first.instances.labels > 0, first.instances.labels + 50, 0)
    known = replace(
        first.instances, labels=renamed.astype(np.int32), ids=first.instances.ids + np.int32(50)
    )
    again = segmented(image, job={"before": replace(first, instances=known)})
    np.testing.assert_array_equal(again.instances.labels, renamed)
    locked = accept(Corrections.none(first.maps.shape), first.instances, [1])
    kept = segmented(
        image, clustering=OTHER, job={"before": reclustered(first, first.settings, locked)}
    )
    assert kept.corrections is locked
    assert kept.instances.locked.sum() == 1
    assert 1 in kept.instances.ids


def test_labels_come_back_after_a_model_that_finds_less() -> None:
    """As do those outside the view after a preview of another model."""
    image, rare = image_of(), LOW.updated(min_size=30)
    first = segmented(image)
    known = replace(first.instances, ids=first.instances.ids + np.int32(50))
    known = replace(known, labels=np.where(known.labels > 0, known.labels + 50, 0).astype(np.int32))
    assert 0 < len(reclustered(first, rare, None).instances) < len(known)
    less = segmented(image, clustering=rare, job={"before": replace(first, instances=known)})
    again = segmented(image, job={"before": less})
    assert set(again.instances.ids.tolist()) == set(known.ids.tolist())
    np.testing.assert_array_equal(again.instances.labels, known.labels)


def test_labels_come_back_after_a_high_threshold() -> None:
    first = segmented(image_of())
    result = first
    for threshold in (0.7, 0.9, 0.999, 0.99, 0.6, LOW.seed_threshold):
        settings = LOW.updated(seed_threshold=threshold)
        result = reclustered(result, settings, None)
    result = reclustered(result, LOW, None)
    np.testing.assert_array_equal(result.instances.labels, first.instances.labels)


def test_corrections_are_read_where_none_are_known() -> None:
    image = image_of()
    first = segmented(image)
    locked = accept(Corrections.none(first.maps.shape), first.instances, [2])
    result = segmented(image, job={"corrections": lambda: locked})
    assert result.corrections is locked
    other = accept(Corrections.none(first.maps.shape), first.instances, [1])
    known = {"before": reclustered(first, first.settings, other), "corrections": lambda: locked}
    assert segmented(image, job=known).corrections is other


def test_an_image_of_another_shape_is_another_image() -> None:
    before = segmented(image_of((48, 48)))
    result = segmented(image_of(), job={"before": before, "window": (slice(0, 9),) * 2})
    assert result.maps.shape == (64, 64)
    assert segmented(image_of(), job={"before": before, "reuse": True}).maps.shape == (64, 64)


def test_reused_maps_need_no_model_and_equal_settings_no_clustering() -> None:
    image = image_of()
    before = segmented(image)
    job = {"before": before, "reuse": True}
    assert segmented(image, model=None, job=job) is before
    other = segmented(image, model=None, clustering=OTHER, job=job)
    assert other.maps is before.maps
    assert other.settings == OTHER
    assert len(other.instances) < len(before.instances)
    assert "no model" in run(job_of(image, reuse=True), model=None)[-1].message


def test_reclustered_and_corrected_are_what_a_segmentation_would_be() -> None:
    image = image_of()
    first, expected = segmented(image), segmented(image, clustering=OTHER)
    assert reclustered(first, LOW, None) is first
    found = reclustered(first, OTHER, None)
    assert found.settings == OTHER
    assert set(found.instances.seed_pixel[:, 0]) == set(expected.instances.seed_pixel[:, 0])
    locked = accept(Corrections.none(first.maps.shape), first.instances, [1])
    assert reclustered(first, LOW, locked).instances.locked.sum() == 1
    assert first.instances.locked.sum() == 0


# ------------------------------------------------------------------------------------ the cache


def test_a_model_is_loaded_again_only_if_its_weights_changed(tmp_path: Path) -> None:
    cache = ModelCache()
    a, b = (model_of().save(tmp_path / name) for name in "ab")
    first = cache.load(a)
    assert cache.load(str(a)) is first
    assert cache.load(b) is not first
    second = cache.load(a)
    assert second is not first, "the last one alone is kept"
    weights = a / "model.safetensors"
    os.utime(weights, ns=(1, weights.stat().st_mtime_ns + 1))
    assert cache.load(a) is not second
    with pytest.raises(ModelError):
        cache.load(tmp_path)
