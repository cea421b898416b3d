"""Share of an image's objects that are right, as far as their scores promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.quality.calibration import of_card

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation


def expected_share(result: Segmentation | None) -> float | None:
    """Return the expected share of objects with an IoU of 0.5 or more, from 0 to 1.

    None without objects, or if the model's scores are not calibrated.
    """
    if result is None or not len(result.instances):
        return None
    known = of_card(result.card)
    return (
        None
        if known is None
        else float(known.probability(result.instances.score, result.consistency).mean())
    )
