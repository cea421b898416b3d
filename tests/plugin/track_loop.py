"""A time series by a simulated user: link it, mend a link, look at the export.

A generator that stops after each stage, as `whole_loop` does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.samples import Sample, crowded_nuclei
from plugin.robot import Person

STAGES = ("track", "links")

FRAMES, MISSED = 8, (3, 4)
"""Frames of the series, and those in which one nucleus is missed: a longer gap than is closed."""


def moving_nuclei(
    sample: Sample, seed: int = 0, *, same: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int32], int]:
    """Let the nuclei of an image move: image and labels (T, Y, X), and the one that is missed.

    Each frame has labels of its own, as predictions have; unless they are to be the ``same``, and
    all there.
    """
    rng, image = np.random.default_rng(seed), sample.image[0]
    ids = np.unique(sample.labels[sample.labels > 0])
    shape = (FRAMES, *image.shape)
    level = float(np.median(image[sample.labels == 0]))
    spread = float(image[sample.labels == 0].std())
    series = rng.normal(level, spread, shape).astype(np.float32)
    labels = np.zeros(shape, np.int32)
    moves = rng.normal(0, 1.2, (FRAMES, len(ids), 2)).cumsum(0)
    missed = int(ids[np.argmin([_off_middle(sample.labels == i) for i in ids])])
    for t in range(FRAMES):
        names = ids if same else rng.permutation(1000)[: len(ids)] + 1
        for name, own, move in zip(names, ids, moves[t], strict=True):
            at = np.argwhere(sample.labels == own)
            to = at + np.rint(move).astype(int)
            inside = ((to >= 0) & (to < image.shape)).all(1)
            there, pixel = tuple(to[inside].T), tuple(at[inside].T)
            series[t][there] = image[pixel]
            if same or own != missed or t not in MISSED:
                labels[t][there] = name
    return series, labels, missed


def _off_middle(mask: NDArray[np.bool_]) -> float:
    return float(np.abs(np.argwhere(mask).mean(0) - np.array(mask.shape) / 2).max())


def track(person: Person) -> Iterator[str]:
    """Open a series, link it, and correct a link."""
    sample = crowded_nuclei(annotated=0)
    image, labels, missed = moving_nuclei(sample)
    viewer, where = person.viewer, np.argwhere(sample.labels == missed).mean(0)
    place = {
        "scale": (1, *sample.pixel_size),
        "units": ("pixel", "um", "um"),
        "axis_labels": ("t", "y", "x"),
    }
    viewer.add_image(image, name="nuclei", **place)
    viewer.add_labels(labels, name="nuclei labels", **place)
    viewer.reset_view()
    viewer.dims.set_current_step(0, 2)
    person.rest()
    person.open("Track")
    person.press("Link")
    person.wait(lambda: person.has("tracks"))
    person.rest()
    yield "track"
    person.open("Track", "Correct links")
    person.press("Same cell")
    cells = person.layer("tracked")
    person.click(cells, (2, *_inside(labels[2], where)))
    viewer.dims.set_current_step(0, MISSED[-1] + 1)
    person.rest()
    yield "links"
    person.click(cells, (MISSED[-1] + 1, *_inside(labels[MISSED[-1] + 1], where)))
    person.wait(lambda: person.says("are the same cell"))


def _inside(labels: NDArray[np.int32], near: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the pixel in the middle of the object that is nearest to a place."""
    at = np.argwhere(labels)
    own = labels[tuple(at[((at - near) ** 2).sum(1).argmin()])]
    at = np.argwhere(labels == own)
    return tuple(int(i) for i in at[((at - at.mean(0)) ** 2).sum(1).argmin()])
