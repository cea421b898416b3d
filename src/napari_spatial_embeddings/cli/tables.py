"""Scores as text and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_spatial_embeddings.core.metrics import THRESHOLDS, Scores, mean_ap, pooled
from napari_spatial_embeddings.core.text import plural

MEASURES = ("ap", "precision", "recall", "f1", "panoptic_quality", "matched_iou")


def scores_as_json(scores: dict[str, Scores]) -> dict[str, Any]:
    """Return every measure, per threshold: means over images, pooled objects, and each image."""
    every = list(scores.values())
    pool = pooled(every)
    return {
        "thresholds": list(THRESHOLDS),
        "images": len(every),
        "mean": {m: _round(np.mean([getattr(s, m) for s in every], 0)) for m in MEASURES},
        "pooled": {m: _round(getattr(pool, m)) for m in MEASURES},
        "counts": {
            **{k: getattr(pool, k).tolist() for k in ("tp", "fp", "fn")},
            **_divided(pool),
        },
        "per_image": {
            name: {**{m: _round(getattr(s, m)) for m in MEASURES}, **_divided(s)}
            for name, s in scores.items()
        },
    }


def _divided(scores: Scores) -> dict[str, int]:
    return {"split": scores.split, "merged": scores.merged}


def _round(values: np.ndarray[Any, Any]) -> list[float]:
    return [round(float(v), 4) for v in values]


def scores_as_text(scores: dict[str, Scores], per_image: bool = False) -> str:
    """Return a table: measures down, IoU thresholds across."""
    every = list(scores.values())
    pool = pooled(every)
    width = max([22, *(len(n) for n in scores)] if per_image else [22])
    lines = [f"{'IoU':{width}}" + "".join(f"{t:7.2f}" for t in THRESHOLDS) + "   mean"]
    if per_image:
        lines += [_line(name, s.ap, width) for name, s in scores.items()]
    lines.append(_line("AP, mean over images", mean_ap(every), width))
    names = ("AP, pooled", "precision", "recall", "F1", "panoptic quality", "matched IoU")
    lines += [_line(n, getattr(pool, m), width) for n, m in zip(names, MEASURES, strict=True)]
    objects = int(pool.tp[0] + pool.fn[0])
    found = int(pool.tp[0] + pool.fp[0])
    images = plural(len(every), "image")
    lines.append(
        f"{images}, {objects} annotated objects, {pool.split} of them split;"
        f" {found} predicted, {pool.merged} of them merged"
    )
    return "\n".join(lines) + "\n"


def _line(name: str, values: np.ndarray[Any, Any], width: int) -> str:
    cells = "".join(f"{v:7.3f}" for v in values)
    return f"{name:{width}}{cells}{float(np.mean(values)):7.3f}"
