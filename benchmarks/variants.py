"""Variants of the method or the network: each trained alike, scored alike, kept.

The budget is a number of steps, or processor time of one thread, so that what else the machine does
costs steps to none. Scored on images that were held out from the training set, so that
decisions may be based on them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.network import BranchedNet
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.train import model_from_scratch, train

from . import page, table
from .few import Pair, read, scores, training_clock
from .table import Row, spread

CROPS = 4
"""Crops of a step, where steps are the budget."""

Find = Callable[[str], tuple[list[TrainingImage], list[Pair]]]
"""The images of a set to train on, and those to score on."""

EVERY = 5
"""Where a set has no validation folder, one in so many training images is held out."""


@dataclass(frozen=True)
class Variant:
    """What differs: settings of the model or the training, its images, another network, a patch."""

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    images: Callable[[list[TrainingImage]], list[TrainingImage]] = list
    net: type[BranchedNet] | None = None
    patch: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True)
class Budget:
    """Processor time of one thread in minutes, or steps."""

    minutes: float | None = None
    steps: int | None = None

    def __str__(self) -> str:
        return f"{self.steps:,} steps" if self.steps else f"{self.minutes:g} min"

    def settings(self, images: list[TrainingImage]) -> TrainingSettings:
        """Return the settings that spend it."""
        if not self.steps:
            return TrainingSettings(minutes=self.minutes)
        objects = sum(image.n_objects for image in images)
        return TrainingSettings(epochs=self.steps * CROPS / objects, batch_size=CROPS)


@cache
def images(data: Path, name: str) -> tuple[list[TrainingImage], list[Pair]]:
    """Return the images of a set to train on, and those to score on."""
    folder = data / name
    found = read(folder / "train")
    if (folder / "val").exists():
        return [annotate(*pair) for pair in found], read(folder / "val")
    kept = [pair for k, pair in enumerate(found) if k % EVERY]
    return [annotate(*pair) for pair in kept], found[::EVERY]


def untrained(images: list[TrainingImage], variant: Variant, seed: int) -> SpatialEmbeddings:
    """Return a new model of a variant."""
    model = model_from_scratch(images, seed=seed, **variant.model)
    if variant.net is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.network = variant.net(model.settings)
    return model


def run(
    learned: list[TrainingImage],
    unseen: list[Pair],
    variant: Variant,
    budget: Budget,
    seed: int,
    start: SpatialEmbeddings | None = None,
) -> Row:
    """Train a variant and score it; a new model if there is no start model."""
    learned = variant.images(learned)
    own = budget.settings(learned).updated(seed=seed, device="cpu").updated(**variant.training)
    with variant.patch():
        model = start or untrained(learned, variant, seed)
        *_, last = train(learned, own, model, clock=training_clock(processor_time=True))
        ap = scores(last.model, unseen)
    return {
        "steps": last.step,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "ap": [round(v, 4) for v in ap],
    }


def run_all(
    out: Path,
    sets: Iterable[str],
    find: Find,
    variants: Iterable[Variant],
    budget: Budget,
    seeds: Iterable[int],
    start: SpatialEmbeddings | None = None,
) -> None:
    """Run what is not in ``out`` yet: a file for each, so that several processes may share it."""
    keep_freed_memory()
    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for name in sets:
            for variant in variants:
                words = f"{name} {budget} {variant.name} {seed}"
                path = out / f"{re.sub('[^a-z0-9]+', '-', words.lower())}.json"
                if not path.exists():
                    path.touch()  # taken
                    row = {"images": name, "variant": variant.name}
                    row |= {"budget": str(budget), "seed": seed}
                    try:
                        row |= run(*find(name), variant, budget, seed, start)
                    except BaseException:
                        path.unlink()
                        raise
                    path.write_text(json.dumps(row))
                    print(path.stem, row["steps"], f"{row['ap'][0]:.3f}", flush=True)


def recall(out: Path) -> list[Row]:
    """Return the runs that were kept."""
    texts = [path.read_text() for path in sorted(out.glob("*.json"))]
    return [json.loads(text) for text in texts if text]


def summary(runs: list[Row], names: list[str]) -> list[Row]:
    """Return a row per set, budget and variant: means, spreads, and the gain over the first one."""
    rows = []
    cases = {(r["images"], r["budget"]) for r in runs}
    for images, budget in sorted(cases, key=lambda case: (case[0], len(case[1]), case[1])):
        here = [r for r in runs if (r["images"], r["budget"]) == (images, budget)]
        base = {r["seed"]: float(np.mean(r["ap"])) for r in here if r["variant"] == names[0]}
        for name in names:
            of = [r for r in here if r["variant"] == name]
            if of:
                gains = [float(np.mean(r["ap"])) - base[r["seed"]] for r in of if r["seed"] in base]
                rows.append(
                    {
                        "images": images,
                        "budget": budget,
                        "variant": name,
                        "runs": len(of),
                        "steps": round(float(np.mean([r["steps"] for r in of]))),
                        "AP50": spread([r["ap"][0] for r in of]),
                        "AP75": spread([r["ap"][5] for r in of]),
                        "mean AP .5-.95": spread([float(np.mean(r["ap"])) for r in of]),
                        "gain in mean AP": "" if name == names[0] else spread(gains, sign="+"),
                    }
                )
    return rows


def parser(text: str | None, sets: list[str]) -> argparse.ArgumentParser:
    """Return what all tables of variants are asked for."""
    out = argparse.ArgumentParser(description=text)
    out.add_argument("data", type=Path)
    out.add_argument("out", type=Path, help="where each run's scores are kept")
    budget = out.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="processor time of one thread")
    budget.add_argument("--steps", type=int, help="in place of minutes")
    out.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    out.add_argument("--sets", nargs="+", default=sets)
    out.add_argument("--only", nargs="+", help="these variants only")
    return out


def measure(
    section: str,
    options: argparse.Namespace,
    variants: list[Variant],
    find: Find,
    usual: Budget,
    start: SpatialEmbeddings | None = None,
) -> None:
    """Run what `parser` was asked for, and write the section from all that was run."""
    torch.set_num_threads(1)
    chosen = [v for v in variants if not options.only or v.name in options.only]
    budget = Budget(options.minutes, options.steps)
    budget = usual if budget == Budget() else budget
    run_all(options.out, options.sets, find, chosen, budget, options.seeds, start)
    rows = summary(recall(options.out), [v.name for v in variants])
    print(table.markdown(rows))
    table.remember(section, rows, 1)
    page.write()
