"""``demo``: the main job, start to end, on a generated image."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import CallError, Subparsers, checked_folder

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.metrics import Scores


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "train, predict and score on a generated image: see that it works"
    parser = subparsers.add_parser("demo", help=text)
    parser.description = (
        "The main job, start to end, on a generated image: train on a few annotated objects,"
        " predict, cluster, score the objects it did not see, write labels, maps and a picture."
    )
    parser.add_argument(
        "--output", default="demo", metavar="DIR", help="Folder for the results. [demo]"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.5, metavar="X", help="Minutes to train. [1.5]"
    )
    parser.add_argument("--json", action="store_true", help="Print the scores as JSON.")
    parser.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> int:
    """Check the flags, and run the demo."""
    if not 0 < options.minutes < 1e4:
        raise CallError(f"--minutes: should be between 0 and 10000, not {options.minutes:g}")
    return run_demo(checked_folder(options.output), options.minutes, options.json)


def run_demo(output: Path, minutes: float, as_json: bool = False) -> int:
    """Train on ten annotated rods, segment the image, score the rods that were not annotated.

    Parameters
    ----------
    output : path
        Folder for ``model/``, ``rods.tif``, ``rods.csv``, ``rods.maps.zarr`` and ``rods.png``.
    minutes : float
        Time to train.
    as_json : bool
        Print the scores as JSON rather than as a table.
    """
    import numpy as np

    from napari_spatial_embeddings import samples
    from napari_spatial_embeddings.config import TrainingSettings
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.core.metrics import score
    from napari_spatial_embeddings.export import Segmented
    from napari_spatial_embeddings.export.pictures.overlay import write_picture
    from napari_spatial_embeddings.export.pictures.overview import overview
    from napari_spatial_embeddings.export.pictures.scale_bar import scale_bar
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.registry import made_by
    from napari_spatial_embeddings.inference.segmentation import timed
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.outputs import Outputs
    from napari_spatial_embeddings.training.annotation import annotate, summarise
    from napari_spatial_embeddings.training.train import train

    from .model_writer import ModelWriter
    from .reporter import Reporter
    from .stop_request import StopRequest

    start = time.monotonic()
    sample = samples.rods()
    training = annotate(sample.image, sample.annotated, name=sample.name, unlabelled="ignore")
    if not as_json:
        sys.stdout.write(f"training for {60 * minutes:g} s on {summarise([training])}\n")
    settings = TrainingSettings(minutes=minutes, validation_seconds=max(5.0, 15 * minutes))
    stop = StopRequest()
    writer = ModelWriter(output / "model", Reporter(quiet=as_json), stop)
    writer.follow(train([training], settings, cancelled=stop.cancelled))
    model = SpatialEmbeddings.load(output / "model")

    clock = time.monotonic()
    maps = model.predict_maps(sample.image)
    predicted = time.monotonic() - clock
    found, clustered = timed(Clustering(maps), model.clustering, None)

    name = sample.name
    about = {
        **made_by(str(output / "model"), model.card()),
        "clustering": model.clustering.model_dump(mode="json"),
        "corrected": 0,
    }
    size, card = sample.pixel_size, model.card()
    made = Segmented(name, found, ("rod",), maps, sample.image, size, "um", about, card)
    for _ in Outputs(output, table=True, maps=True).write(Input(name, output), made):
        pass
    bar = scale_bar(sample.image.shape[-1], sample.pixel_size, "um")
    picture = overview(sample.image, sample.annotated, maps, found.labels, bar=bar)
    write_picture(output / f"{name}.png", picture, made.noted())

    unseen = np.where(sample.annotated > 0, 0, sample.labels)
    scores = score(unseen, found.labels, ignore=sample.annotated > 0)
    facts = {
        "annotated objects": training.n_objects,
        "unseen objects": len(np.unique(unseen)) - 1,
        "found objects": len(found),
        **_measures(scores),
        "seconds to predict the maps": round(predicted, 2),
        "seconds to cluster them": round(clustered / 1e3, 4),
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
