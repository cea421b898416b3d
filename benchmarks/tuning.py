"""Variants of finetuning a trained model on ten objects of a new kind of image.

``python -m benchmarks.tuning DATA OUT --model cells-2d [--steps 1000] [--only VARIANT ...]``

The cases of `few`, scored on training images that were not annotated; as a user would train, but
for the one thing that a row names.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from unittest import mock

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.network import rounded
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training import preparation, trainer
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.preparation import crop_shape

from . import few
from .recipes import shapes
from .variants import Budget, Variant, measure, parser

replaced = partial(partial, mock.patch.multiple, preparation)
"""Makes a patch of some of the names that a training is set up with."""


def crops(factor: float) -> Callable[[], AbstractContextManager[None]]:
    """Return a patch that makes crops of another size."""

    def shape(model: ModelSettings, settings: TrainingSettings) -> tuple[int, ...]:
        return rounded([n * factor for n in crop_shape(model, settings)], model)

    return replaced(crop_shape=shape)


def replayed(images: list[TrainingImage]) -> list[TrainingImage]:
    """Add generated cells, such as the start knows, for about a third of the crops."""
    return [*images * 8, *(shapes.image(k) for k in range(3))]


VARIANTS = [
    Variant("as it is"),
    Variant("half of the rate", training={"learning_rate": 5e-4}),
    Variant("twice the rate", training={"learning_rate": 2e-3}),
    Variant("no warm-up", patch=partial(mock.patch.object, trainer, "WARM_UP", 1)),
    Variant("no average of the weights", training={"average": 0.0}),
    Variant("generated cells in a third of the crops", images=replayed),
    Variant("crops of 0.7 times the edge", patch=crops(0.7)),
    Variant("crops of 1.4 times the edge", patch=crops(1.4)),
    Variant("no augmentation", training={"augment": False}),
    Variant("unknown pixels left unknown", training={"pseudo_labels": False}),
    Variant("resampled to the model's size", patch=replaced(MAX_SIZE_CHANGE=1.0)),
]


def main() -> None:
    """Run, and write the table from all that was run."""
    words = parser(__doc__, ["usiigaci", "dsb2018_rgb", "rods"])
    words.add_argument("--model", default="cells-2d", help="what to start from")
    options = words.parse_args()
    draw = few.whole_objects(0)
    find = partial(few.case, data=options.data, held_out=True, draw=draw)
    measure("tuning", options, VARIANTS, find, Budget(steps=1000), find_model(options.model))


if __name__ == "__main__":
    main()
