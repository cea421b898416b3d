"""Scores of a trained model are calibrated on objects that it has not learned, if there are any."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import IGNORE, ideal_maps
from napari_spatial_embeddings.core.quality.calibration import ENOUGH, Calibration
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import train
from napari_spatial_embeddings.training.validation import scored_objects
from small_trainings import disc_model, discs, settings_for, small_model, trained

START = Calibration(scores=(0.5,), ious=(0.25,), right=(0.25,), objects=99, source="the start")


def test_held_out_objects_calibrate_the_scores() -> None:
    images, unseen = discs(4), discs(5, first=10)
    settings = settings_for(120, images)
    last = list(train(images, settings, small_model(images), validation=unseen))[-1]
    known = last.model.calibration
    assert last.validation is not None
    assert last.validation.held_out
    assert known is not None
    assert known.objects >= ENOUGH
    assert "held-out" in known.source
    maps = [last.model.predict_maps(image.image) for image in unseen]
    found = run(scored_objects(maps, unseen, last.model.clustering))
    assert len(found) == known.objects
    for consistencies in (None, found.consistencies):
        expected = known.predicted_iou(found.scores, consistencies)
        assert abs(float(expected.mean()) - found.ious.mean()) < 0.02
        likely = known.probability(found.scores, consistencies)
        assert abs(float(likely.mean()) - (found.ious >= 0.5).mean()) < 0.02


def test_without_held_out_objects_that_of_the_start_stays() -> None:
    images = discs(2)
    assert trained(images, 5, validation_share=0).calibration is None
    model = copy.copy(disc_model())
    model.calibration = START
    assert trained(images, 5, model, validation_share=0).calibration == START


def test_it_outlives_a_stop(tmp_path: Path) -> None:
    images, path = discs(), tmp_path / "checkpoint"
    model = copy.copy(disc_model())
    model.calibration = START
    trainer = prepare(images, settings_for(4, images), model, None)
    Checkpoint.of(trainer).write(path)
    assert Checkpoint.read(path).model().calibration == START


def test_only_objects_where_the_truth_is_known_are_counted() -> None:
    (image,) = discs(1)
    maps = ideal_maps(image.labels, sigma=4.0)
    settings = disc_model().clustering
    found = cluster(maps, settings)
    scored = run(scored_objects([maps], [image], settings))
    assert len(scored) == len(found)
    assert (scored.ious == 1).all()
    assert (scored.consistencies > 0.99).all(), "ideal maps agree with themselves"
    unknown = replace(image, labels=np.where(image.labels == 1, IGNORE, image.labels))
    assert len(run(scored_objects([maps], [unknown], settings))) == len(found) - 1
    scribbles = replace(image, scribbled=True)
    assert not len(run(scored_objects([maps], [scribbles], settings)))
