"""The loss, forward and backward: ours against the textbook's; value, gradient, time, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import textbook
from napari_spatial_embeddings.config import LossSettings, ModelSettings
from napari_spatial_embeddings.core import loss as losses
from napari_spatial_embeddings.core.hinge import by_tensors
from napari_spatial_embeddings.core.loss import spatial_embedding_loss, targets
from napari_spatial_embeddings.core.maps import ideal_maps

from . import cases
from .table import Row, milliseconds

MODEL = ModelSettings()
LOSS = LossSettings()


def batch(count: int, kind: torch.dtype) -> tuple[np.ndarray[Any, Any], list[torch.Tensor]]:
    """Return labels and the maps of a network halfway through its training."""
    labels = cases.crowded_crops(count)
    noise = torch.Generator().manual_seed(0)
    offsets = np.stack([ideal_maps(crop).offsets for crop in labels])
    size = labels.shape[1:]
    maps = [
        torch.from_numpy(offsets) + 2 * torch.randn((len(labels), 2, *size), generator=noise),
        0.05 * torch.randn((len(labels), 2, *size), generator=noise),
        torch.randn((len(labels), 1, *size), generator=noise),
    ]
    return labels, [m.to(kind).detach().clone().requires_grad_() for m in maps]


def evaluate(which: str, labels: np.ndarray[Any, Any], maps: list[torch.Tensor]) -> float:
    """Run one version forward and backward; return the loss."""
    for m in maps:
        m.grad = None
    if which == "textbook":
        loss = textbook.loss(*maps, labels, MODEL, LOSS)
    else:
        target = targets(labels, None, None, LOSS.centre, MODEL.spacing)
        loss = spatial_embedding_loss(*maps, target, MODEL, LOSS).total
    loss.backward()
    return float(loss.detach())


def measure(quick: bool = False) -> list[Row]:
    """Return one row per number of objects."""
    rows = []
    for count in (5,) if quick else (5, 20, 60, 120):
        facts = {which: _in_own_process(which, count) for which in ("textbook", "ours")}
        labels, exact = batch(count, torch.float64)
        value = evaluate("textbook", labels, exact)
        labels, fast = batch(count, torch.float32)
        ours = evaluate("ours", labels, fast)
        with (
            patch.object(losses, "compiled_hinge", by_tensors.tensor_hinge),
            patch.object(by_tensors, "_lovasz_hinge", wraps=by_tensors._lovasz_hinge) as hinge,
        ):
            evaluate("ours", *batch(count, torch.float32))
        reference = torch.cat([m.grad.flatten() for m in exact if m.grad is not None])
        gradient = torch.cat([m.grad.flatten() for m in fast if m.grad is not None]).double()
        slow, quick_ = facts["textbook"], facts["ours"]
        rows.append(
            {
                "objects per crop": int(np.mean([len(np.unique(c)) - 1 for c in labels])),
                "pairs": f"{len(hinge.call_args.args[0]):,}",
                "value off by": f"{abs(ours - value):.1e}",
                "gradient off by": f"{float((gradient - reference).norm() / reference.norm()):.1e}",
                "textbook": milliseconds(slow["seconds"]),
                "ours": milliseconds(quick_["seconds"]),
                "ratio": f"{slow['seconds'] / quick_['seconds']:.0f}x",
                "textbook's memory": f"{slow['megabytes']:,.0f} MB",
                "our memory": f"{quick_['megabytes']:,.0f} MB",
                "memory ratio": f"1/{slow['megabytes'] / max(1.0, quick_['megabytes']):.0f}",
            }
        )
    return rows


def _in_own_process(which: str, count: int) -> dict[str, float]:
    """Peak memory needs a new process; what the inputs and a first small run take is deducted."""
    command = [sys.executable, "-m", "benchmarks.loss", which, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _memory(what: str) -> float:
    """Return the process's resident memory (VmRSS) or its peak (VmHWM) in MB; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


def _main(which: str, count: int) -> None:
    torch.set_num_threads(2)
    labels, maps = batch(count, torch.float32)
    few = [m.detach()[:1, :, :32, :32].clone().requires_grad_() for m in maps]
    evaluate(which, labels[:1, :32, :32], few)
    for m in maps:
        m.grad = torch.zeros_like(m)
    torch.zeros(2**22)  # as large as a network's maps: the allocator no longer returns small change
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making the inputs
    before = _memory("VmRSS")
    evaluate(which, labels, maps)
    after = _memory("VmHWM")
    spent = []
    for _ in range(2 if which == "textbook" else 9):
        start = time.perf_counter()
        evaluate(which, labels, maps)
        spent.append(time.perf_counter() - start)
    print(json.dumps({"seconds": float(np.median(spent)), "megabytes": after - before}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
