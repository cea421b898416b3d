"""Accuracy on real images, through the command line: train, predict, evaluate.

``python -m benchmarks.accuracy DATA OUT SET [--minutes M] [--seeds 0 1 2] [train flags ...]``

``DATA/SET/{train,test}/{images,masks}`` holds images and label images of the same names; models and
predictions land in ``OUT``. ``--predictions DIR --method NAME`` scores what another tool predicted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from . import page, table

CLI = [sys.executable, "-m", "napari_spatial_embeddings.cli"]
AT = {"AP50": 0, "AP70": 4, "AP80": 6, "AP90": 8}


def call(*arguments: object) -> dict[str, Any]:
    """Run the command line with --json; return its last line."""
    command = [*CLI, *map(str, arguments), "--json"]
    print("+", *command[2:], flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def scores(truth: Path, predictions: Path) -> list[float]:
    """Return the AP per threshold, mean over images."""
    found = call("evaluate", "--labels", truth, "--predictions", predictions)
    return list(found["mean"]["ap"])


def row(name: str, method: str, budget: str, runs: list[list[float]]) -> table.Row:
    """Return mean and spread (standard deviation over seeds, if several)."""
    cells = {key: table.spread([r[i] for r in runs]) for key, i in AT.items()}
    cells["mean AP .5-.95"] = table.spread([float(np.mean(r)) for r in runs])
    return {"images": name, "method": method, "training": budget, "runs": len(runs), **cells}


def main() -> None:
    """Train and score with each seed; remember the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("set")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--method", default="this project")
    parser.add_argument("--budget", help="the training, as named in the table")
    parser.add_argument("--predictions", type=Path, help="score these instead of training")
    options, flags = parser.parse_known_args()
    train, test = options.data / options.set / "train", options.data / options.set / "test"
    runs = []
    if options.predictions:
        runs.append(scores(test / "masks", options.predictions))
    else:
        for seed in options.seeds:
            out = options.out / f"{options.set}-{options.minutes:g}min-seed{seed}"
            files = ("--images", train / "images", "--labels", train / "masks")
            if not (out / "predictions").exists():
                budget = ("--minutes", options.minutes, "--seed", seed)
                call("train", *files, "--output", out / "model", *budget, *flags)
                images = ("predict", test / "images", "--model", out / "model")
                call(*images, "--output", out / "predictions")
            runs.append(scores(test / "masks", out / "predictions"))
            print(runs[-1], flush=True)
    budget_text = options.budget or f"{options.minutes:g} min, 2 cores"
    new = row(options.set, options.method, budget_text, runs)
    key = ("images", "method", "training")
    old = table.recall().get("accuracy", {}).get("rows", [])
    kept = [r for r in old if any(r[k] != new[k] for k in key)]
    rows = sorted([*kept, new], key=lambda r: [str(r[k]) for k in key])
    table.remember("accuracy", rows, 2)
    print(table.markdown([new]))
    page.write()


if __name__ == "__main__":
    main()
