"""``evaluate``, ``models``, ``devices`` and ``demo``: the commands that tell something."""

from __future__ import annotations

import argparse
import json
import sys

from .flags import CallError, checked_folder


def evaluate(options: argparse.Namespace) -> int:
    """``evaluate``: two folders of label images in, a table of scores out."""
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
        # As in training, negative labels say that nobody knows.
        unknown = truth < 0
        truth, predicted = np.maximum(truth, 0), np.maximum(predicted, 0)
        scores[truth_path.name] = metrics.score(truth, predicted, ignore=unknown)
    if options.json:
        sys.stdout.write(json.dumps(tables.scores_as_json(scores)) + "\n")
    else:
        sys.stdout.write(tables.scores_as_text(scores, options.per_image))
    return 0


def list_models(_: argparse.Namespace) -> int:
    """``models list``."""
    from napari_spatial_embeddings.inference.registry import shipped

    models = shipped()
    for name, card in models.items():
        diameter = card.settings.working_diameter
        about = card.about.get("summary", "")
        sys.stdout.write(f"{name:12} {about}; objects about {diameter:.0f} pixels across\n")
    if not models:
        sys.stdout.write("no models come with this version; train your own with 'train'\n")
    return 0


def show_model(options: argparse.Namespace) -> int:
    """``models show``."""
    from napari_spatial_embeddings.inference.registry import find_model

    card = find_model(options.model).card()
    sys.stdout.write(json.dumps(card, indent=1) + "\n")
    return 0


def list_devices(options: argparse.Namespace) -> int:
    """``devices``."""
    from dataclasses import asdict

    from napari_spatial_embeddings.inference.devices import advice, devices

    found, hint = devices(), advice()
    if options.json:
        facts = {"devices": [asdict(device) for device in found], "advice": hint}
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write("".join(f"{device}\n" for device in found))
        sys.stdout.write(f"{hint}\n" if hint else "")
    return 0


def demo(options: argparse.Namespace) -> int:
    """``demo``."""
    from .demo import run_demo

    if not 0 < options.minutes < 1e4:
        raise CallError(f"--minutes: should be between 0 and 10000, not {options.minutes:g}")
    return run_demo(checked_folder(options.output), options.minutes, options.json)
