"""Segment an image by StarDist or Cellpose, on a processor; run it where that package is.

``python predict.py stardist|cellpose IMAGE MODEL OUT.tif [--diameter PIXELS]``: MODEL is the folder
that `train_stardist` writes, or a file of `train_cellpose`'s weights. Prints the seconds of the
prediction alone, and the number of objects, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("tool", choices=("stardist", "cellpose"))
parser.add_argument("image", type=Path)
parser.add_argument("model", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--diameter", type=float, default=29, help="for Cellpose, in pixels [29]")
parser.add_argument("--tiles", type=int, default=1, help="StarDist's n_tiles along an axis [1]")
options = parser.parse_args()
threads = int(os.environ.get("OMP_NUM_THREADS", "2"))

import numpy as np  # noqa: E402
import tifffile  # noqa: E402

image = tifffile.imread(options.image)
if options.tool == "stardist":
    import tensorflow as tf
    from csbdeep.utils import normalize
    from stardist.models import StarDist2D

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = StarDist2D(None, name="model", basedir=str(options.model))
    start = time.perf_counter()
    tiles = (options.tiles,) * 2
    labels, _ = model.predict_instances(normalize(image, 1, 99.8, axis=(0, 1)), n_tiles=tiles)
else:
    import torch
    from cellpose import models

    torch.set_num_threads(threads)
    model = models.CellposeModel(gpu=False, pretrained_model=str(options.model))
    start = time.perf_counter()
    labels = model.eval(image, channels=[0, 0], diameter=options.diameter)[0]
seconds = time.perf_counter() - start
tifffile.imwrite(options.out, labels.astype(np.uint32))
print(json.dumps({"seconds": seconds, "objects": int(labels.max())}))
