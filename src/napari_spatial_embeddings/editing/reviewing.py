"""Objects in the order in which they are to be looked at: the least sure first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.instances import Instances

from .uncertainty import UNSURE, Uncertainty

REASONS = {
    "score": "its score is low",
    "spread": "its embeddings are spread",
    "rim": "its rim is vague",
    "claims": "another object claims it",
}
"""Why an object is unsure, by the part of the uncertainty that is largest."""

MARGIN = 2
"""Pixels between an object and its outline."""

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectToReview:
    """An object that was not reviewed yet.

    Parameters
    ----------
    label : int
    box : tuple of D slices
        Around it.
    uncertainty : float, 0 to 1
    reason : str
        Why it is unsure; empty if it is sure.
    image, series : str
        Keys of the image, and of its time series; the same where it is none.
    frame : int
        Its number in the series.
    """

    label: int
    box: Box
    uncertainty: float
    reason: str
    image: str = ""
    series: str = ""
    frame: int = 0


def objects_to_review(found: Uncertainty, instances: Instances) -> list[ObjectToReview]:
    """Return the objects of an image that are not locked, the least sure first.

    Parameters
    ----------
    found : Uncertainty
    instances : Instances
        The objects that it is of.
    """
    boxes = ndi.find_objects(instances.labels)
    names, whole = list(REASONS), found.objects
    items = []
    for k in np.argsort(-whole, kind="stable").tolist():
        label = int(instances.ids[k])
        box = boxes[label - 1] if label <= len(boxes) else None
        if instances.locked[k] or box is None:
            continue
        unsure = float(whole[k])
        reason = REASONS[names[int(found.parts[k].argmax())]] if unsure >= UNSURE else ""
        items.append(ObjectToReview(label, box, unsure, reason))
    return items


def box_around(instances: Instances, item: ObjectToReview) -> Box | None:
    """Return a box around an object, with some pixels to each side; None if it is gone.

    In a volume there are none before and behind it.
    """
    if item.label not in instances.ids or not (instances.labels[item.box] == item.label).any():
        return None
    shape = instances.labels.shape
    return tuple(
        part
        if axis < len(shape) - 2
        else slice(max(0, part.start - MARGIN), min(n, part.stop + MARGIN))
        for axis, (part, n) in enumerate(zip(item.box, shape, strict=True))
    )


def middle_of(instances: Instances, item: ObjectToReview) -> tuple[int, ...]:
    """Return the pixel of an object that is nearest to its middle."""
    at = np.argwhere(instances.labels[item.box] == item.label)
    nearest = at[((at - at.mean(0)) ** 2).sum(1).argmin()]
    return tuple(int(i) + part.start for i, part in zip(nearest, item.box, strict=True))
