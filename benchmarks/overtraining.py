"""Overtraining: how a model that learns from a few objects does on images that were not annotated.

``python -m benchmarks.overtraining DATA OUT [--annotated "ten objects" ...] [--cases CASE ...]``

Each training has a number of steps, and leaves its weights in ``OUT`` at each eighth of them. Each
is scored on training images of its set that were not annotated, with the start model as step 0.
Two objects are held out, as in a training, and choose one of these steps; and two others that are
not trained on, again and again. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.system.malloc import keep_freed_memory
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.choice import Choice
from napari_spatial_embeddings.training.held_out import LEAST
from napari_spatial_embeddings.training.held_out_objects import hold_out_objects
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.pseudo_labels import complete_scribbles
from napari_spatial_embeddings.training.trainer import Trainer

from . import few, page, table
from .unseen_kinds import CASES, Case, Labels, Pair

ANNOTATED = {"ten objects": 10, "five objects": 5, "ten scribbles": 10}

KEPT = 8
"""Steps, evenly spaced, at which the weights are kept."""

SHOWN = (0, 100, 200, 400, 800)
"""Steps at which the weights that a training would have without its start model's are scored."""

HELD_OUT, DRAWS = LEAST, 30
"""Objects that choose a step, and how often others are drawn."""

AROUND = 60
"""Pixels around them that are scored."""


def annotated(what: str, first: Pair, seed: int) -> TrainingImage:
    """Return an image with a few annotated objects; ``seed`` chooses them."""
    image, labels = first
    if "scribbles" in what:
        return few.scribbles(seed)(image, labels)
    drawn = samples.annotate_few(np.random.default_rng(seed), labels, ANNOTATED[what])
    return annotate(image, drawn, unlabelled="ignore")


def prepared(
    case: Case, known: TrainingImage, labels: Labels, options: argparse.Namespace, seed: int
) -> Trainer:
    """Set a training up, as the product does; scribbles come with the objects' diameter."""
    rate, steps = options.rate, options.steps
    settings = TrainingSettings(epochs=1, device="cpu", seed=seed, learning_rate=rate)
    start, completed = find_model(case.start), None
    if known.scribbled:
        settings = settings.updated(object_diameter=typical_diameter([labels], (1.0, 1.0)))
        completed = run(complete_scribbles(start, [known], settings.object_diameter, "cpu"))
    trainer = prepare([known], settings, start, None, completed)
    trainer.settings = settings.updated(epochs=steps / trainer.epoch_steps)
    run(trainer.find_pseudo_background())
    trainer.start = None  # what it is nearer to is computed from the weights that are kept
    return trainer


def train(trainer: Trainer, steps: int, out: Path) -> list[Path]:
    """Train, and keep the averaged weights at some steps; what is there already is kept."""
    wanted = [steps * k // KEPT for k in range(KEPT + 1)]
    paths = [out / f"{step}.safetensors" for step in wanted]
    if all(path.exists() for path in paths):
        return paths
    out.mkdir(parents=True, exist_ok=True)
    for step in range(steps + 1):
        if step:
            trainer.step((step - 1) / steps)
        if step in wanted:
            weights = trainer.average.network.state_dict()
            kept = {k: v.contiguous() for k, v in weights.items()}
            save_file(kept, paths[wanted.index(step)])
    trainer.close()
    return paths


def nearer(start: Path, end: Path, share: float) -> dict[str, torch.Tensor]:
    """Return weights that are nearer to the start model's, by a share of the way."""
    first, last = load_file(start), load_file(end)
    return {name: value.lerp(first[name], share) for name, value in last.items()}


def figures(
    first: Pair, known: TrainingImage, found: dict[str, Labels], seed: int, smallest: int
) -> list[dict[str, float]]:
    """Return the mean AP of two held-out objects at each step, for each draw of them.

    They are drawn among the objects that are not trained on.
    """
    image, labels = first
    split = hold_out_objects([known])
    trained = np.unique(labels[split[0][0].labels > 0])
    left = np.setdiff1d(np.unique(labels[labels > 0]), trained)
    left = left[np.bincount(labels.ravel())[left] >= smallest]
    out = []
    for draw in range(DRAWS):
        picked = np.random.default_rng([seed, draw]).permutation(left)[:HELD_OUT]
        only = np.where(np.isin(labels, picked), labels, 0)
        window = tuple(
            slice(max(0, int(where.min()) - AROUND), int(where.max()) + AROUND)
            for where in np.nonzero(only)
        )
        known = annotate(image[(slice(None), *window)], only[window], unlabelled="ignore")
        out.append(
            {
                step: float(
                    score(
                        np.maximum(known.labels, 0),
                        np.ascontiguousarray(one[window]),
                        ignore=known.labels == IGNORE,
                    ).ap.mean()
                )
                for step, one in found.items()
            }
        )
    return out


def measure(options: argparse.Namespace, name: str, what: str, seed: int) -> table.Row:
    """Train and score, or read what was scored before."""
    rate = "" if options.rate is None else f"-{options.rate:g}"
    folder = options.out / f"{name}-{what}-{options.steps}{rate}-{seed}".replace(" ", "_")
    path = folder / "scores.json"
    row: table.Row = json.loads(path.read_text()) if path.exists() else {"ap": {}}
    if "kept" in row:
        return row
    first, unseen = CASES[name].pairs(options.data)
    known = annotated(what, first, seed)
    trainer = prepared(CASES[name], known, first[1], options, seed)
    files = train(trainer, options.steps, folder)
    held_out, model = trainer.choice.held_out, copy.deepcopy(trainer.best)

    def scored(weights: dict[str, torch.Tensor], step: str) -> list[float]:
        model.network.load_state_dict(weights)
        ap = [round(v, 4) for v in few.scores(model, unseen)]
        print(folder.name, step, f"{ap[0]:.3f} {np.mean(ap):.3f}", flush=True)
        return ap

    for file in (f for f in files if int(f.stem) in SHOWN and f.stem not in row["ap"]):
        row["ap"][file.stem] = scored(load_file(file), file.stem)
    kept, own, found = {}, {}, {}
    for file in files if held_out else [files[0], files[-1]]:
        weights = nearer(files[0], file, trainer.choice.start_share)
        trainer.average.network.load_state_dict(weights)
        own[file.stem] = round(run(trainer.validate()).mean_ap, 4)
        if file is files[0]:
            trainer.choice.start_ap = own[file.stem]
        kept[file.stem] = scored(weights, f"{file.stem}, {trainer.choice.start_share} of the start")
        found[file.stem] = cluster(model.predict_maps(first[0]), model.clustering).labels
    row |= {"images": name, "start": CASES[name].start, "annotated": what, "seed": seed}
    row |= {"kept": kept, "own": own, "share": trainer.choice.start_share}
    if held_out:
        row["held out"] = figures(first, known, found, seed, model.clustering.min_size)
    path.write_text(json.dumps(row))
    return row


def outcome(figure: dict[str, float]) -> tuple[str, int]:
    """Return the step that held-out objects choose, as a training does, and the one it ends at."""
    choice = Choice(held_out=True, objects=HELD_OUT, start_ap=figure["0"])
    for step, value in figure.items():
        choice.judge(value, int(step))
        if choice.fallen:
            break
    return str(choice.best_step), int(step)


def summary(runs: list[table.Row]) -> list[table.Row]:
    """Return two rows for each case: AP50 and mean AP, at some steps and of what is kept."""
    rows = []
    for name, what in dict.fromkeys((r["images"], r["annotated"]) for r in runs):
        of = [r for r in runs if (r["images"], r["annotated"]) == (name, what)]
        for number, at in ("AP50", slice(0, 1)), ("mean AP", slice(None)):
            cells: table.Row = {"images": name, "start": of[0]["start"], "annotated": what}
            cells |= {"runs": len(of), "score": number}
            for step in (str(s) for s in SHOWN if all(str(s) in r["ap"] for r in of)):
                values = [float(np.mean(r["ap"][step][at])) for r in of]
                cells["start model" if step == "0" else f"{step} steps"] = table.spread(values)
            rows.append(cells | outcomes(of, at))
    return rows


def outcomes(runs: list[table.Row], at: slice) -> table.Row:
    """Return the score of what trainings keep, the lowest tenth of it, and when they end."""
    kept, ends = [], []
    for r in runs:
        values = {step: float(np.mean(ap[at])) for step, ap in r["kept"].items()}
        last = max(values, key=int)
        found = [outcome(figure) for figure in r.get("held out", [])] or [(last, int(last))]
        kept.append([values[step] for step, _ in found])
        ends += [end for _, end in found]
    cells: table.Row = {"share of the start": table.spread([r["share"] for r in runs])}
    cells["kept"] = table.spread([float(np.mean(values)) for values in kept])
    cells["lowest tenth"] = f"{np.quantile(np.concatenate(kept), 0.1):.3f}"
    cells["ends at step"] = f"{np.mean(ends):,.0f}"
    return cells


def main() -> None:
    """Measure what was asked for, print it, and write the section of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="where weights and scores are kept")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--annotated", nargs="+", default=["ten objects"], choices=list(ANNOTATED))
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rate", type=float, help="highest learning rate, for the product's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--page", action="store_true", help="write the section, of all in OUT")
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    for what in options.annotated:
        for seed in options.seeds:
            for name in options.cases:
                measure(options, name, what, seed)
    runs = [json.loads(path.read_text()) for path in options.out.glob("*/scores.json")]
    order = list(ANNOTATED), list(CASES)
    runs = [r for r in runs if "kept" in r]
    runs.sort(
        key=lambda r: (order[0].index(r["annotated"]), order[1].index(r["images"]), r["seed"])
    )
    rows = summary(runs)
    print(table.markdown(rows))
    if options.page:
        table.remember("overtraining", rows, 1)
        page.write()


if __name__ == "__main__":
    main()
