"""A movie by a simulated user: from objects drawn on two frames to corrected tracks in files.

A generator that stops after each stage, as `whole_loop` does. The user sees what is wrong: here
that is known from true objects, of which the program is told only those that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage as ndi

from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.samples import crowded_nuclei
from plugin.robot import Person
from plugin.track_loop import moving_nuclei
from plugin.whole_loop import TIMEOUT_SECONDS

STAGES = ("movie-draw", "movie-train", "movie-frames", "movie-correct", "movie-links", "movie-done")

DRAWN = 10
"""Objects that are drawn on each of the two frames."""

BRUSH = 5.0
"""Radius of the brush that is set at first, in pixels: an object that it fits into is drawn."""

PART = 300
"""Edge in pixels of the part of a frame in which objects are drawn."""

Labels = NDArray[np.int32]
Pixel = tuple[int, ...]
Clicks = tuple[str, tuple[Pixel, ...]]
"""A tool, and where to click with it."""


@dataclass(frozen=True)
class Movie:
    """A time series, and its true objects.

    Parameters
    ----------
    path : path
        The file that the user opens.
    labels : int32 (T, Y, X)
        A cell has the same label in all frames.
    model : str
        The start model.
    """

    path: Path
    labels: Labels
    model: str

    @property
    def drawn(self) -> tuple[int, int]:
        """The two frames that are drawn on: an early one and a late one."""
        return 1, len(self.labels) - 2


def written(folder: Path, given: Path | None = None) -> Movie:
    """Write a movie into a folder.

    Parameters
    ----------
    folder : path
    given : path, optional
        Folder of ``image.tif`` and ``labels.tif``, both TYX; nuclei that move, if there is none.
    """
    if given is None:
        image, labels, _ = moving_nuclei(crowded_nuclei(annotated=0), same=True)
        name, model = "nuclei", "nuclei-2d"
    else:
        image, labels = (tifffile.imread(given / f"{x}.tif") for x in ("image", "labels"))
        name, model = given.name.replace("_", " "), "cells-2d"
    path = folder / f"{name}.tif"
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "TYX"})
    return Movie(path, labels.astype(np.int32), model)


def movie(person: Person, movie: Movie, minutes: float) -> Iterator[str]:
    """Go through it all."""
    person.viewer.open(movie.path)
    person.rest(1000)
    person.viewer.reset_view()
    yield from draw(person, movie)
    yield from train(person, movie, minutes)
    yield from predict(person, movie)
    yield from correct(person, movie)
    yield from link(person, movie)
    yield from export(person)


def draw(person: Person, movie: Movie) -> Iterator[str]:
    """Draw objects on two frames, where some of them touch."""
    eye = camera(person.viewer)
    whole = eye.center, eye.zoom
    person.open("Annotate")
    for k, frame in enumerate(movie.drawn):
        person.viewer.dims.set_current_step(0, frame)
        chosen = to_draw(movie.labels[frame])
        middle = np.argwhere(np.isin(movie.labels[frame], chosen)).mean(0)
        size = min(person.canvas.width(), person.canvas.height())
        eye.center, eye.zoom = (0, *middle), size / PART
        person.rest()
        if k == 0:
            person.press("Annotate")
        for label in chosen:
            # The brush's centre stays away from the edge, so that it paints no more than the cell.
            inner = ndi.distance_transform_edt(movie.labels[frame] == label) > BRUSH
            rows = along_frame(inner, frame)
            person.stroke(person.viewer.layers.selection.active, rows)
        text = f"objects on frame {frame}"
        person.wait(partial(person.says, text))
    person.wait(lambda: person.says(f"{2 * len(chosen)} on 2 frames in all"))
    yield "movie-draw"
    QTest.keyClick(person.canvas, Qt.Key.Key_Escape)
    eye.center, eye.zoom = whole


def train(person: Person, movie: Movie, minutes: float) -> Iterator[str]:
    """Train on both frames."""
    person.open("Train")
    person.choose("Start from", movie.model)
    person.type("Time", f"{minutes:g}")
    person.press("Start training", TIMEOUT_SECONDS)
    person.wait(lambda: person.says("steps/s"), TIMEOUT_SECONDS)
    end = "0:0" if minutes < 1 else "0:3"
    person.wait(lambda: person.says(end) or not person.says("min left"), 60 * minutes + 60)
    yield "movie-train"
    person.wait(lambda: person.says("steps in"), TIMEOUT_SECONDS)


def predict(person: Person, movie: Movie) -> Iterator[str]:
    """Predict all frames, and move a slider."""
    person.open("Predict and tune")
    person.wait(lambda: person.button("All frames").isEnabled(), TIMEOUT_SECONDS)
    person.viewer.dims.set_current_step(0, len(movie.labels) // 2)
    person.press("All frames")
    layer = person.layer("instances")
    person.wait(lambda: all(found.any() for found in layer.data), TIMEOUT_SECONDS)
    person.wait(lambda: person.button("All frames").isEnabled(), TIMEOUT_SECONDS)
    person.drag("Seed threshold", 0.6)
    every = f"· {len(movie.labels)} frames"
    person.rest(1000)
    person.wait(lambda: person.says(every), TIMEOUT_SECONDS)
    yield "movie-frames"


def correct(person: Person, movie: Movie) -> Iterator[str]:
    """Correct an object, also in the frames that follow; lock one, and copy it to the next."""
    person.open("Predict and tune", "Correct")
    layer = person.layer("instances")
    for frame, (tool, places) in mistakes(np.asarray(layer.data), movie.labels):
        person.viewer.dims.set_current_step(0, frame)
        person.rest()
        before = np.array(layer.data[frame])
        person.press(tool)
        for place in places:
            person.click(layer, (frame, *place))
        person.rest(700)
        if person.says("The same in"):
            break
        if (layer.data[frame] != before).any():
            person.press("Undo")
            person.rest(700)
    yield "movie-correct"
    person.press("Apply")
    person.rest(700)
    at = first_right(np.asarray(layer.data[frame]), movie.labels[frame])
    person.press("Accept")
    person.click(layer, (frame, *at))
    person.wait(lambda: person.says("locked"))
    person.press("Copy locked to next frame")
    person.wait(lambda: person.viewer.dims.current_step[0] == frame + 1)
    QTest.keyClick(person.canvas, Qt.Key.Key_Escape)


def link(person: Person, movie: Movie) -> Iterator[str]:
    """Link, and correct a link."""
    person.open("Track")
    person.press("Link")
    person.wait(lambda: person.has("tracks"), TIMEOUT_SECONDS)
    person.rest()
    person.open("Track", "Correct links")
    cells = person.layer("tracked")
    one, other = wrong_link(np.stack([np.asarray(x) for x in cells.data]), movie.labels)
    person.viewer.dims.set_current_step(0, one[0])
    person.press("Same cell")
    person.rest()
    person.click(cells, one)
    person.viewer.dims.set_current_step(0, other[0])
    person.rest()
    yield "movie-links"
    person.click(cells, other)
    person.wait(lambda: person.says("1 link corrected"))
    QTest.keyClick(person.canvas, Qt.Key.Key_Escape)


def export(person: Person) -> Iterator[str]:
    """Write the tracks as a folder of the Cell Tracking Challenge and as a table."""
    person.open("Track", "Export tracks")
    person.press("Label series")
    person.press("CTC folder")
    person.press("Export tracks")
    person.wait(lambda: person.says("Wrote"))
    yield "movie-done"


# ------------------------------------------------------------------------- what a person sees


def to_draw(labels: Labels) -> list[int]:
    """Return the labels that are drawn of a frame: those around the one in the densest place."""
    ids = np.unique(labels[labels > 0])
    radius = ndi.maximum(ndi.distance_transform_edt(_apart(labels)), labels, ids)
    edges = labels[0], labels[-1], labels[:, 0], labels[:, -1]
    ids = ids[(np.asarray(radius) > BRUSH + 1) & ~np.isin(ids, np.concatenate(edges))]
    middles = np.array(ndi.center_of_mass(labels > 0, labels, ids))
    apart = np.linalg.norm(middles[:, None] - middles, axis=2)
    apart.sort(1)
    first = middles[apart[:, :DRAWN].sum(1).argmin()]
    return [int(i) for i in ids[np.linalg.norm(middles - first, axis=1).argsort()[:DRAWN]]]


def _apart(labels: Labels) -> NDArray[np.bool_]:
    """Return the pixels of objects whose neighbours are of the same one."""
    same = (ndi.maximum_filter(labels, 3) == labels) & (ndi.minimum_filter(labels, 3) == labels)
    return np.asarray(same & (labels > 0))


def along_frame(mask: NDArray[np.bool_], frame: int) -> list[Pixel]:
    """Return pixels of a stroke that covers a mask of a frame."""
    from plugin.robot_actions import along

    ys, xs = np.nonzero(mask)
    rows = along(mask.astype(np.int32), 1, 2) or [(int(np.median(ys)), int(np.median(xs)))]
    return [(frame, *at) for at in rows]


def middle(mask: NDArray[np.bool_]) -> Pixel:
    """Return the pixel of a mask that is farthest from its edge."""
    depth = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), mask.shape))


def _shares(found: Labels, truth: Labels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return how many pixels each found object shares with each true one, and their sizes."""
    both = np.zeros((found.max() + 1, truth.max() + 1), np.int64)
    np.add.at(both, (found.ravel(), truth.ravel()), 1)
    return both, both.sum(1), both.sum(0)


def mistakes(found: Labels, truth: Labels) -> Iterator[tuple[int, Clicks]]:
    """Yield what a person would correct: first what is false in two frames, last any object."""
    frames = range(1, len(found) - 1)
    for frame in frames:
        both, own, _ = _shares(found[frame], truth[frame])
        for i in np.flatnonzero(both[:, 0] > 0.8 * own):
            if i and _stays(found, frame, int(i)):
                yield frame, ("Delete", (middle(found[frame] == i),))
    for frame in frames:
        both, own, true = _shares(found[frame], truth[frame])
        for t in np.flatnonzero(true[1:]) + 1:
            parts = [i for i in np.flatnonzero(both[1:, t]) + 1 if both[i, t] > 0.6 * own[i]]
            if len(parts) == 2 and both[parts, t].sum() > 0.6 * true[t]:
                a, b = (middle(found[frame] == i) for i in parts)
                yield frame, ("Merge", (a, b))
        for i in np.flatnonzero(own[1:]) + 1:
            held = [t for t in np.flatnonzero(both[i, 1:]) + 1 if both[i, t] > 0.6 * true[t]]
            if len(held) == 2:
                a, b = (middle((found[frame] == i) & (truth[frame] == t)) for t in held)
                yield frame, ("Split", (a, b))
    for frame in frames:
        largest = np.bincount(found[frame][found[frame] > 0]).argmax()
        yield frame, ("Delete", (middle(found[frame] == largest),))


def _stays(found: Labels, frame: int, label: int) -> bool:
    """Whether an object is at the same place in the next frame."""
    own, after = found[frame] == label, found[frame + 1]
    other = np.bincount(after[own]).argmax()
    return bool(other) and (own & (after == other)).sum() > 0.6 * (own | (after == other)).sum()


def first_right(found: Labels, truth: Labels) -> Pixel:
    """Return a pixel of the object that fits best."""
    both, own, true = _shares(found, truth)
    union = own[:, None] + true[None] - both
    fit = np.where(both > 0, both / np.maximum(1, union), 0)
    fit[0], fit[:, 0] = 0, 0
    return middle(found == int(np.unravel_index(fit.argmax(), fit.shape)[0]))


def wrong_link(cells: Labels, truth: Labels) -> tuple[Pixel, Pixel]:
    """Return two clicks on a cell that was taken for two; if there is none, on one that was not."""
    ids = []
    for found, true in zip(cells, truth, strict=True):
        both, own, size = _shares(found, true)
        fit = both[1:, 1:] / np.maximum(1, own[1:, None] + size[None, 1:] - both[1:, 1:])
        ids.append({int(t) + 1: int(i) + 1 for i, t in np.argwhere(fit > 0.5)})

    def place(frame: int, cell: int) -> Pixel:
        return frame, *middle((cells[frame] == ids[frame][cell]) & (truth[frame] == cell))

    kept = None
    for frame, (before, after) in enumerate(pairwise(ids)):
        for cell in sorted(before.keys() & after.keys()):
            if before[cell] != after[cell]:
                return place(frame, cell), place(frame + 1, cell)
            kept = kept or (frame, cell)
    assert kept is not None
    frame, cell = kept
    return place(frame, cell), place(frame + 1, cell)
