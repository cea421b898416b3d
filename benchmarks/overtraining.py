"""Overtraining: how a model that learns from ten objects does on images that were not annotated.

``python -m benchmarks.overtraining DATA OUT [--steps 400] [--cases CASE ...] [--seeds 0]``

Each training leaves its weights at some steps in ``OUT``, and each of them is scored on training
images of its set that were not annotated, with the start model as step 0. Three further objects of
the annotated image, which are not trained on, choose one of these steps, as a training does; and
three others, again and again. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import ndimage as ndi

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.files import pair, read_image, read_labels
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.trainer import TOLERANCE, Trainer

from . import few, page, table
from .recipes.gathering import grey

Labels = NDArray[np.int32]
Pair = tuple[NDArray[np.generic], Labels]

STEPS = (0, 50, 100, 200, 400, 800)
"""At which the weights are kept; and at the last one."""

HELD_OUT, DRAWS = 3, 30
"""Objects that choose a step, and how often others are drawn."""

AROUND = 60
"""Pixels around them that are scored."""

UNSEEN = 3
"""Images that are scored."""


@dataclass(frozen=True)
class Case:
    """A start model, a set that it has not seen, and what is changed of its labels."""

    start: str
    set: str
    change: Callable[[Labels], Labels] = np.asarray

    def pairs(self, data: Path) -> tuple[Pair, list[Pair]]:
        """Return the image that is annotated in part, and those that are scored."""
        if self.set in GENERATED:
            first, *others = (GENERATED[self.set](seed) for seed in (0, 100, 101, 102, 103))
            return (first.image, first.labels), [(s.image, s.labels) for s in others]
        if self.set == "yeast_movie":
            return _movie(data / self.set)
        found = pair(data / self.set / "train/images", data / self.set / "train/masks")
        middle = len(found) // 2
        others = [i for i in range(len(found)) if abs(i - middle) > 2]
        chosen = [middle, *others[:: max(1, len(others) // UNSEEN)][:UNSEEN]]
        read = [
            (grey(read_image(found[i][0]).data), read_labels(found[i][1]).astype(np.int32))
            for i in chosen
        ]
        first, *rest = [(image, self.change(labels)) for image, labels in read]
        return first, rest


def _movie(folder: Path) -> tuple[Pair, list[Pair]]:
    """Return the left half of the first frame, and the right halves of later ones."""
    image, labels = (tifffile.imread(folder / f"{name}.tif") for name in ("image", "labels"))
    labels = labels.astype(np.int32)
    cut = image.shape[-1] // 2
    later = [(image[t][None, :, cut:], labels[t][:, cut:]) for t in (3, 6, 9)]
    return (image[0][None, :, :cut], labels[0][:, :cut]), later


def inner(labels: Labels, by: float = 3.0) -> Labels:
    """Return the objects with their outlines some pixels further in."""
    out = labels.copy()
    for k, box in enumerate(ndi.find_objects(labels), 1):
        if box is not None:
            own = np.pad(labels[box] == k, 1)
            thin = ndi.distance_transform_edt(own)[(slice(1, -1),) * labels.ndim] <= by
            out[box][(labels[box] == k) & thin] = 0
    return out


GENERATED = {"rods": samples.rods, "nuclei": samples.nuclei, "blobs": samples.blobs}

CASES = {
    "yeast_movie": Case("cells-2d", "yeast_movie"),
    "bbbc039, outlines 3 px further in": Case("cells-2d", "bbbc039", inner),
    "bbbc039": Case("cells-2d", "bbbc039"),
    "axon_tem": Case("nuclei-2d", "axon_tem"),
    "rods": Case("cells-2d", "rods"),
    "usiigaci": Case("nuclei-2d", "usiigaci"),
    "dsb2018_rgb": Case("nuclei-2d", "dsb2018_rgb"),
    "blobs": Case("nuclei-3d", "blobs"),
}


def prepared(case: Case, first: Pair, steps: int, seed: int) -> Trainer:
    """Set a training on ten objects up; ``seed`` chooses them as well."""
    image, labels = first
    drawn = samples.annotate_few(np.random.default_rng(seed), labels, few.OBJECTS)
    known = annotate(image, drawn, unlabelled="ignore")
    settings = TrainingSettings(epochs=1, device="cpu", seed=seed, validation_share=0.0)
    trainer = prepare([known], settings, find_model(case.start), None)
    trainer.settings = settings.updated(epochs=steps / trainer.epoch_steps)
    run(trainer.find_pseudo_background())
    return trainer


def train(trainer: Trainer, steps: int, out: Path) -> None:
    """Train, and keep the averaged weights at some steps; what is there already is kept."""
    wanted = [s for s in STEPS if s < steps] + [steps]
    if all((out / f"{s}.safetensors").exists() for s in wanted):
        return
    out.mkdir(parents=True, exist_ok=True)
    for step in range(steps + 1):
        if step:
            trainer.step((step - 1) / steps)
        if step in wanted:
            weights = trainer.average.network.state_dict()
            kept = {k: v.contiguous() for k, v in weights.items()}
            save_file(kept, out / f"{step}.safetensors")
    trainer.close()


def figures(
    first: Pair, found: dict[int, Labels], seed: int, smallest: int
) -> list[dict[int, float]]:
    """Return the mean AP of three held-out objects at each step, for each draw of them.

    They are drawn among the objects that are not trained on.
    """
    image, labels = first
    trained = samples.annotate_few(np.random.default_rng(seed), labels, few.OBJECTS)
    left = np.setdiff1d(np.unique(labels[labels > 0]), np.unique(trained))
    left = left[np.bincount(labels.ravel())[left] >= smallest]
    out = []
    for draw in range(DRAWS):
        picked = np.random.default_rng([seed, draw]).permutation(left)[:HELD_OUT]
        only = np.where(np.isin(labels, picked), labels, 0)
        window = tuple(
            slice(max(0, int(where.min()) - AROUND), int(where.max()) + AROUND)
            for where in np.nonzero(only)
        )
        known = annotate(image[(slice(None), *window)], only[window], unlabelled="ignore").labels
        out.append(
            {
                step: float(
                    score(
                        np.maximum(known, 0),
                        np.ascontiguousarray(one[window]),
                        ignore=known == IGNORE,
                    ).ap.mean()
                )
                for step, one in found.items()
            }
        )
    return out


def chosen(figure: dict[str, float]) -> str:
    """Return the step that held-out objects choose, as a training does."""
    best, start = "0", figure["0"]
    for step, value in figure.items():
        highest = max(v for s, v in figure.items() if int(s) <= int(step))
        if value >= max(start, highest - TOLERANCE / HELD_OUT):
            best = step
    return best


def measure(options: argparse.Namespace, name: str, seed: int) -> table.Row:
    """Train and score, or read what was scored before."""
    folder = options.out / f"{name}-{options.steps}-{seed}".replace(" ", "_").replace(",", "")
    path = folder / "scores.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    case = CASES[name]
    (image, labels), unseen = case.pairs(options.data)
    _, dense = np.unique(labels, return_inverse=True)
    first = image, dense.reshape(labels.shape).astype(np.int32)
    trainer = prepared(case, first, options.steps, seed)
    train(trainer, options.steps, folder)
    ap, found = {}, {}
    for file in sorted(folder.glob("*.safetensors"), key=lambda file: int(file.stem)):
        step, model = int(file.stem), copy.deepcopy(trainer.best)
        model.network.load_state_dict(load_file(file))
        ap[step] = [round(v, 4) for v in few.scores(model, unseen)]
        found[step] = cluster(model.predict_maps(image), model.clustering).labels
        print(folder.name, step, f"{ap[step][0]:.3f} {np.mean(ap[step]):.3f}", flush=True)
    draws = figures(first, found, seed, trainer.best.clustering.min_size)
    row = {"images": name, "start": case.start, "seed": seed, "ap": ap, "held out": draws}
    path.write_text(json.dumps(row))
    return dict(json.loads(path.read_text()))


def summary(runs: list[table.Row]) -> list[table.Row]:
    """Return two rows for each case: AP50 and mean AP, at some steps and at those chosen."""
    rows = []
    for name in dict.fromkeys(r["images"] for r in runs):
        of = [r for r in runs if r["images"] == name]
        for what, at in ("AP50", slice(0, 1)), ("mean AP", slice(None)):
            cells: table.Row = {"images": name, "start": of[0]["start"], "runs": len(of)}
            cells["score"] = what
            for step in of[0]["ap"]:
                values = [float(np.mean(r["ap"][step][at])) for r in of]
                cells["start model" if step == "0" else f"{step} steps"] = table.spread(values)
            picks = [
                float(np.mean(r["ap"][chosen(figure)][at])) for r in of for figure in r["held out"]
            ]
            cells["chosen by three objects"] = f"{np.mean(picks):.3f}"
            cells["worst tenth of the choices"] = f"{np.quantile(picks, 0.1):.3f}"
            rows.append(cells)
    return rows


def main() -> None:
    """Run what was asked for, print it, and write the section of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="where weights and scores are kept")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--page", action="store_true", help="write the section")
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    runs = [measure(options, name, seed) for seed in options.seeds for name in options.cases]
    rows = summary(runs)
    print(table.markdown(rows))
    if options.page:
        table.remember("overtraining", rows, 1)
        page.write()


if __name__ == "__main__":
    main()
