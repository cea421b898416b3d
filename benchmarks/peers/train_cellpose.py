"""Train Cellpose 3 from scratch for some minutes and predict a folder; run it where Cellpose is.

``python train_cellpose.py TRAIN TEST_IMAGES OUT --minutes 15``
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from cellpose import models, train

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("train", type=Path)
parser.add_argument("test", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--minutes", type=float, default=15)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
torch.manual_seed(options.seed)
np.random.seed(options.seed)  # noqa: NPY002 - what Cellpose itself draws from

(options.out / "predictions").mkdir(parents=True, exist_ok=True)
paths = sorted((options.train / "images").glob("*.tif"))
images = [tifffile.imread(p) for p in paths]
masks = [tifffile.imread(options.train / "masks" / p.name).astype(np.int32) for p in paths]
model = models.CellposeModel(gpu=False, pretrained_model=None, model_type=None)


class TimeUp(Exception):
    """Raised by the optimizer when the time is over."""


end = time.monotonic() + 60 * options.minutes
Optimizer = torch.optim.SGD
begin = time.monotonic()


class Limited(Optimizer):  # type: ignore[misc, valid-type]
    """SGD with a time limit, and a learning rate that falls over the budget's last half."""

    def step(self, closure=None):  # type: ignore[no-untyped-def]
        now = time.monotonic()
        if now > end:
            raise TimeUp
        share = (now - begin) / (end - begin)
        for group in self.param_groups:
            group["lr"] = 0.1 * min(1.0, 20 * share, 2 * (1 - share))
        return super().step(closure)


torch.optim.SGD = Limited  # type: ignore[misc]
with contextlib.suppress(TimeUp):
    train.train_seg(
        model.net,
        train_data=images,
        train_labels=masks,
        channels=[0, 0],
        n_epochs=10_000,
        SGD=True,
        learning_rate=0.1,
        weight_decay=1e-4,
        batch_size=8,
        min_train_masks=1,
        save_path=str(options.out),
        save_every=100_000,
    )
diameter = float(
    np.median(
        [
            np.sqrt(4 / np.pi * np.bincount(m.ravel())[1:][np.bincount(m.ravel())[1:] > 0].mean())
            for m in masks
            if m.max()
        ]
    )
)
model.net.eval()
model.net.save_model(str(options.out / "weights"))
model.diam_labels = diameter
for path in sorted(options.test.glob("*.tif")):
    labels = model.eval(tifffile.imread(path), channels=[0, 0], diameter=diameter)[0]
    tifffile.imwrite(options.out / "predictions" / path.name, labels.astype(np.uint16))
