"""Colours learned by models of one channel: their first layer carried over, against from scratch.

``python -m benchmarks.channels DATA OUT [--minutes 1] [--seeds 0] [--images 10] [--only TEXT]``

Complete training images of ``dsb2018_rgb``, evenly spaced by name, for processor time of one
thread; scored on every fifth training image, none of them trained on, never on test images.
``nuclei-2d`` has seen no stained tissue, ``cells-2d`` all training images of the set in grey.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core import colour
from napari_spatial_embeddings.core.first_layer import CONV, MIX
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.train import model_from_scratch, train

from . import page, table
from .few import Pair, scores, training_clock
from .recipes.gathering import grey

SET, EVERY = "dsb2018_rgb", 5

GREY, COLOURS = "grey", "colours"
"""Images of one channel, for comparison, and of three from scratch."""

SHARES: dict[str, tuple[float, ...]] = {
    "mean of the colours": (1 / 3,) * 3,
    "luminance": tuple(map(float, colour.WEIGHTS)),
    "green alone": (0.0, 1.0, 0.0),
}
"""What each colour gives to the one channel that the start model knows."""

KEY = ("start", "input", "budget", "seed")


def in_colour(start: SpatialEmbeddings, shares: tuple[float, ...]) -> SpatialEmbeddings:
    """Return a model of colours that sees a weighted sum of them as the start its one channel."""
    model = start.with_channels(len(shares))
    weights = model.network.state_dict()
    for name in (CONV, MIX):
        of = torch.tensor(shares).reshape(1, -1, *[1] * (weights[name].dim() - 2))
        weights[name] = weights[name] * of * len(shares)
    model.network.load_state_dict(weights)
    return model


def read(data: Path) -> list[Pair]:
    """Return the training images in colour, with their labels."""
    folder = data / SET / "train"
    return [
        (np.asarray(read_image(image).data), read_labels(labels).astype(np.int32))
        for image, labels in pair(folder / "images", folder / "masks")
    ]


def row_of(
    found: list[Pair], count: int, name: str, kind: str, minutes: float, seed: int
) -> table.Row:
    """Train from one start on one kind of input, and return its scores."""

    def pixels(image: NDArray[np.generic]) -> NDArray[np.generic]:
        return grey(image) if kind == GREY else image

    others = [one for k, one in enumerate(found) if k % EVERY]
    chosen = others[:: len(others) // count][:count]
    images = [annotate(pixels(image), labels) for image, labels in chosen]
    unseen = [(pixels(image), labels) for image, labels in found[::EVERY]]
    settings = TrainingSettings(minutes=minutes, seed=seed)
    if name == "from scratch":
        start = model_from_scratch(images, seed=seed)
        before = None
    else:
        start = find_model(name)
        start = start if kind == GREY else in_colour(start, SHARES[kind])
        before = scores(start, unseen)
    *_, last = train(images, settings, start, clock=training_clock(True))
    after = scores(last.model, unseen)
    row: table.Row = {
        "start": name,
        "input": kind,
        "budget": f"{count} images, {minutes:g} min",
        "seed": seed,
        "steps": last.step,
        "AP50 before": before and before[0],
        "AP50": after[0],
        "mean AP .5-.95": float(np.mean(after)),
    }
    print(json.dumps(row), flush=True)
    return row


def summary(rows: list[table.Row]) -> list[table.Row]:
    """Return a row for all seeds of a start and a kind of input."""
    out = []
    for key in dict.fromkeys(tuple(row[k] for k in KEY[:-1]) for row in rows):
        of = [row for row in rows if tuple(row[k] for k in KEY[:-1]) == key]
        cells = {
            name: table.spread([row[name] for row in of if row[name] is not None])
            for name in ("AP50 before", "AP50", "mean AP .5-.95")
        }
        steps = round(float(np.mean([row["steps"] for row in of])))
        out.append({**dict(zip(KEY, key, strict=False)), "runs": len(of), "steps": steps, **cells})
    return out


def main() -> None:
    """Train what is not in OUT yet; with ``--page``, put all of it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="a file of JSON lines, made if missing")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", default="", help="pattern of 'start, input'")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    out: Path = options.out
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    found = read(options.data)
    wanted = [("from scratch", GREY), ("from scratch", COLOURS)]
    wanted += [(name, kind) for name in ("cells-2d", "nuclei-2d") for kind in (GREY, *SHARES)]
    budget = f"{options.images} images, {options.minutes:g} min"
    for seed in options.seeds:
        for name, kind in wanted:
            if not re.search(options.only, f"{name}, {kind}"):
                continue
            if any(tuple(row[k] for k in KEY) == (name, kind, budget, seed) for row in rows):
                continue
            row = row_of(found, options.images, name, kind, options.minutes, seed)
            rows.append(row)
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    if options.page:
        table.remember("channels", summary(rows), 1)
        page.write()


if __name__ == "__main__":
    main()
