"""The main job, start to end, on an image that the package draws itself."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.metrics import Scores, score
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.export.maps import write_maps
from napari_spatial_embeddings.export.objects import objects_table, write_objects
from napari_spatial_embeddings.export.picture import overview
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.training.annotation import annotate, summarise
from napari_spatial_embeddings.training.train import train

from .model_writer import Keeper
from .reporter import Teller
from .stop_request import Stopping


def run_demo(output: Path, minutes: float, as_json: bool = False) -> int:
    """Train on ten annotated rods, segment the image, score the rods nobody annotated.

    Parameters
    ----------
    output : path
        Folder for ``model/``, ``rods.tif``, ``rods.csv``, ``rods.maps.zarr`` and ``rods.png``.
    minutes : float
        Time to train.
    as_json : bool
        Print the scores as JSON rather than as a table.
    """
    start = time.monotonic()
    sample = samples.rods()
    training = annotate(sample.image, sample.annotated, name=sample.name, unlabelled="ignore")
    if not as_json:
        sys.stdout.write(f"training for {60 * minutes:g} s on {summarise([training])}\n")
    settings = TrainingSettings(minutes=minutes, validation_seconds=max(5.0, 15 * minutes))
    keeper = Keeper(Teller(quiet=as_json), Stopping(), output / "model")
    keeper.follow(train([training], settings))
    model = SpatialEmbeddings.load(output / "model")

    clock = time.monotonic()
    maps = model.predict_maps(sample.image)
    predicted = time.monotonic() - clock
    found = cluster(maps, model.clustering)
    clock = time.monotonic()
    found = cluster(maps, model.clustering)  # the first call also waits for the compiler
    clustered = time.monotonic() - clock

    name = sample.name
    about = {"clustering": model.clustering.model_dump(), "model": "demo"}
    write_labels(output / f"{name}.tif", found.labels, sample.pixel_size, "um", about)
    table = objects_table(found, ("rod",), sample.image, sample.pixel_size, "um")
    write_objects(output / f"{name}.csv", table)
    write_maps(output / f"{name}.maps.zarr", maps, sample.pixel_size, "um", model.card())
    overview(output / f"{name}.png", sample.image, sample.annotated, maps, found.labels)

    unseen = np.where(sample.annotated > 0, 0, sample.labels)
    scores = score(unseen, found.labels, ignore=sample.annotated > 0)
    facts = {
        "annotated objects": training.n_objects,
        "unseen objects": len(np.unique(unseen)) - 1,
        "found objects": len(found),
        **_measures(scores),
        "seconds to predict the maps": round(predicted, 2),
        "seconds to cluster them": round(clustered, 4),
        "seconds in all": round(time.monotonic() - start, 1),
    }
    if as_json:
        sys.stdout.write(json.dumps({**facts, "output": str(output)}) + "\n")
    else:
        for key, value in facts.items():
            sys.stdout.write(f"  {key:34} {value}\n")
        sys.stdout.write(f"labels, maps, objects and the picture {name}.png are in {output}\n")
    return 0


def _measures(scores: Scores) -> dict[str, float]:
    return {
        "AP50 on unseen objects": round(float(scores.ap[0]), 3),
        "AP75 on unseen objects": round(float(scores.ap[5]), 3),
        "mean AP (IoU 0.5 to 0.95)": round(float(scores.ap.mean()), 3),
        "mean IoU of matched objects": round(float(scores.matched_iou[0]), 3),
    }
