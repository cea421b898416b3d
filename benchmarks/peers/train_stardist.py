"""Train StarDist from scratch for some minutes and predict a folder; run it where StarDist is.

``python train_stardist.py TRAIN TEST_IMAGES OUT --minutes 15``
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
import tifffile
from csbdeep.utils import normalize
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("train", type=Path)
parser.add_argument("test", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--minutes", type=float, default=15)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
tf.keras.utils.set_random_seed(options.seed)

paths = sorted((options.train / "images").glob("*.tif"))
images = [normalize(tifffile.imread(p), 1, 99.8, axis=(0, 1)) for p in paths]
masks = [fill_label_holes(tifffile.imread(options.train / "masks" / p.name)) for p in paths]
order = np.random.default_rng(options.seed).permutation(len(paths))
aside = set(order[: max(1, len(paths) // 10)].tolist())
train = [i for i in range(len(paths)) if i not in aside]
val = sorted(aside)

rng = np.random.default_rng(options.seed)


def augment(x, y):  # type: ignore[no-untyped-def]
    """Flips, quarter turns, intensity: as in StarDist's example notebook."""
    k = int(rng.integers(4))
    x, y = np.rot90(x, k), np.rot90(y, k)
    if rng.random() < 0.5:
        x, y = x[::-1], y[::-1]
    return x * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2), y


class Deadline(tf.keras.callbacks.Callback):
    """Ends the training when its time is over."""

    def on_train_batch_end(self, batch, logs=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        if time.monotonic() > end:
            self.model.stop_training = True


config = Config2D(
    n_rays=32,
    grid=(2, 2),
    n_channel_in=1,
    train_patch_size=(256, 256),
    train_tensorboard=False,  # a package of its own
    train_batch_size=4,
    train_epochs=10_000,
    train_steps_per_epoch=50,
)
model = StarDist2D(config, name="model", basedir=str(options.out))
model.prepare_for_training()
model.callbacks.append(Deadline())
end = time.monotonic() + 60 * options.minutes
model.train(
    [images[i] for i in train],
    [masks[i] for i in train],
    validation_data=([images[i] for i in val], [masks[i] for i in val]),
    augmenter=augment,
)
model.optimize_thresholds([images[i] for i in val], [masks[i] for i in val])
(options.out / "predictions").mkdir(parents=True, exist_ok=True)
for path in sorted(options.test.glob("*.tif")):
    labels, _ = model.predict_instances(normalize(tifffile.imread(path), 1, 99.8, axis=(0, 1)))
    tifffile.imwrite(options.out / "predictions" / path.name, labels.astype(np.uint16))
