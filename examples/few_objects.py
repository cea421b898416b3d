"""Train on ten annotated objects, segment the whole image, and score the other objects.

python examples/few_objects.py [MINUTES]
"""

from __future__ import annotations

import sys

import numpy as np

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.train import train


def main(minutes: float = 1.5) -> None:
    """Train and print the scores."""
    rods = samples.rods()
    annotated = annotate(rods.image, rods.annotated, unlabelled="ignore")
    for report in train([annotated], TrainingSettings(minutes=minutes)):
        if report.validation is not None:
            print(f"{report.seconds:4.0f} s, AP50 {report.validation.ap50:.2f} on the ten objects")
    found = report.model.segment(rods.image)
    unseen = np.where(rods.annotated > 0, 0, rods.labels)
    scores = score(unseen, found.labels, ignore=rods.annotated > 0)
    print(f"{len(found)} objects found; AP50 {scores.ap[0]:.2f} on the others")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
