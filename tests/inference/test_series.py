"""Frames of time series: normalised as the series is, and segmented alone as among others."""

from __future__ import annotations

import numpy as np
import pytest

from builders import capsules, network, picture
from counted import Counted
from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import SAMPLE_PIXELS, normalisation
from napari_spatial_embeddings.inference.segmentation import segment_images
from napari_spatial_embeddings.inference.series import frame_jobs

SETTINGS = ModelSettings(width=8, levels=2)


def movie() -> ImageData:
    """Return frames that get dimmer, as those of a bleaching dye."""
    frames = [picture(capsules((64, 72), t)) * (1 - 0.2 * t) for t in range(4)]
    return ImageData(np.stack(frames), "TCYX", None, None, "movie")


def test_a_frame_is_the_same_alone_and_among_others() -> None:
    model, image, how = (
        SpatialEmbeddings(SETTINGS, network(SETTINGS)),
        movie(),
        PredictionSettings(),
    )
    lax = model.clustering.updated(seed_threshold=0.3, foreground_threshold=0.2)

    def maps(frames: list[int] | None) -> dict[str, np.ndarray]:
        reports = segment_images(model, "m", frame_jobs(model, image, frames), lax, how)
        return {r.job.key: r.result.maps.seed for r in reports if r.result is not None}

    every, backwards, alone = maps(None), maps([3, 2, 1, 0]), maps([2])
    assert (list(every), list(backwards), list(alone)) == (list("0123"), list("3210"), ["2"])
    for key in every:
        np.testing.assert_array_equal(every[key], backwards[key])
    np.testing.assert_array_equal(every["2"], alone["2"])
    own = model.predict_maps(image.frame(2).data).seed
    assert not np.array_equal(own, every["2"]), "normalised as the series, not as the frame"
    series = normalisation(image.data, SETTINGS)
    np.testing.assert_array_equal(model.predict_maps(image.frame(0).data).seed.shape, own.shape)
    *_, last = model.predicting(image.frame(2).data, how, scale=series)
    np.testing.assert_array_equal(last.maps.seed, every["2"])


def test_a_long_series_is_sampled_in_all_its_length() -> None:
    frames = np.zeros((300, 1, 200, 210), np.uint16)
    frames += np.arange(300, dtype=np.uint16)[:, None, None, None]
    counted = Counted(frames)
    low, gain = normalisation(counted, SETTINGS)[:, 0]
    assert counted.read <= SAMPLE_PIXELS < frames.size
    np.testing.assert_array_equal(normalisation(frames, SETTINGS)[:, 0], (low, gain))
    assert low < 10
    assert low + 1 / gain > 290


def test_frames_that_the_model_does_not_take() -> None:
    model = SpatialEmbeddings(SETTINGS, network(SETTINGS))
    volumes = ImageData(np.zeros((3, 1, 4, 32, 32)), "TCZYX", None, None, "movie")
    with pytest.raises(InputError, match="takes 2D images with 1 channel, this is a 3D volume"):
        frame_jobs(model, volumes)
