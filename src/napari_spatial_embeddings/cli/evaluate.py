"""``evaluate``: scores of predicted label images against annotated ones."""

from __future__ import annotations

import argparse
import json
import sys

from .flags import CallError, Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("evaluate", help="score predicted labels against annotated ones")
    parser.description = "Score label images against annotated ones of the same names."
    parser.add_argument("--labels", required=True, metavar="DIR", help="Annotated label images.")
    parser.add_argument("--predictions", required=True, metavar="DIR", help="Predicted ones.")
    parser.add_argument("--per-image", action="store_true", help="Print every image's scores too.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    parser.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> int:
    """Print a table of scores, or JSON, for two folders of label images."""
    import numpy as np
    from tqdm import tqdm

    from napari_spatial_embeddings.core import metrics
    from napari_spatial_embeddings.files import pair, read_labels

    from . import tables

    scores = {}
    bar = tqdm(
        pair(options.labels, options.predictions),
        disable=True if options.json else None,
        leave=False,
        unit="image",
    )
    for truth_path, predicted_path in bar:
        truth, predicted = read_labels(truth_path), read_labels(predicted_path)
        if truth.shape != predicted.shape:
            raise CallError(
                f"{truth_path} has shape {truth.shape}, {predicted_path} has {predicted.shape};"
                " they must cover the same pixels"
            )
        # As in training, negative labels mark unknown pixels.
        unknown = truth < 0
        truth, predicted = np.maximum(truth, 0), np.maximum(predicted, 0)
        scores[truth_path.name] = metrics.score(truth, predicted, ignore=unknown)
    if options.json:
        sys.stdout.write(json.dumps(tables.scores_as_json(scores)) + "\n")
    else:
        sys.stdout.write(tables.scores_as_text(scores, options.per_image))
    return 0
