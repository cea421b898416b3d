"""Sentences of `explain`: why a pixel is where it is, and the values that would change it.

Nothing is clustered here: the sentences follow from the maps around the pixel. A value that is
named has the stated effect as long as no other object gets in the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import (
    MARGIN,
    SQUARED_MARGIN,
    EmbeddingMaps,
    squared_distance,
)

FAINT_SEED = 0.05
"""Seed values below this are noise; no threshold is suggested for them."""

NEAR_MARGINS = 3.0
"""Largest distance of two objects' centres, in margins, at which they can become one."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting, a value that would make a difference, and which one, such as "it vanishes"."""

    setting: str
    value: float
    effect: str


class View:
    """A pixel, its object and the others, in the units that the sentences need."""

    def __init__(
        self,
        instances: Instances,
        maps: EmbeddingMaps,
        settings: ClusteringSettings,
        at: tuple[int, ...],
    ) -> None:
        self.instances, self.maps, self.settings, self.at = instances, maps, settings, at
        self.there: Any = (slice(None), *at)
        self.seed = float(maps.seed[self.there].max())
        self.embedding = maps.embeddings_at(np.array([at]))[0]
        label = int(instances.labels[at])
        known = np.flatnonzero((instances.ids == label) & (label > 0))
        self.own = int(known[0]) if len(known) else None
        self.far = _margins(self.embedding, instances.centre, instances.sigma)
        others = self.far.copy()
        if self.own is not None:
            others[self.own] = np.inf
        nearest = int(others.argmin()) if len(others) else None
        self.rival = nearest if nearest is not None and np.isfinite(others[nearest]) else None

    @property
    def is_valid(self) -> bool:
        """Whether the maps are finite at the pixel, and sigma positive."""
        sigma = self.maps.sigma[self.there]
        finite = np.isfinite([self.seed, *self.embedding, *sigma]).all()
        return bool(finite and sigma.min() > 0)

    def name(self, k: int) -> str:
        """Return what to call an object at the beginning of a sentence."""
        return f"Object {self.instances.ids[k]}"

    def phi(self, k: int) -> float:
        """Return the pixel's phi for an object."""
        return float(
            np.exp(-0.5 * SQUARED_MARGIN * (self.far[k] / self.settings.margin_factor) ** 2)
        )

    def between(self, k: int) -> float | None:
        """Return the distance of the own object's centre and another's, in its own margins."""
        if self.own is None:
            return None
        own, found = slice(self.own, self.own + 1), self.instances
        far = _margins(found.centre[k], found.centre[own], found.sigma[own])[0]
        return float(far / self.settings.margin_factor)

    def pixels(self) -> NDArray[np.intp]:
        """Return the pixels (n, D) of the own object."""
        return np.argwhere(self.instances.labels == self.instances.labels[self.at])


def _margins(
    e: NDArray[np.float32], centre: NDArray[np.float32], sigma: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return distances in learned margins, those of a margin factor of 1; inf if no number."""
    far = np.sqrt(squared_distance(e, centre, sigma)) / np.float32(MARGIN)
    return np.where(np.isnan(far), np.float32(np.inf), far)


def why_here(view: View, k: int) -> tuple[list[str], list[Change]]:
    """Explain why the pixel is in its object, k, and what would change that."""
    settings, found = view.settings, view.instances
    score, far = float(found.score[k]), float(view.far[k])
    margin = found.sigma[k] * MARGIN * settings.margin_factor
    away = float(np.linalg.norm(view.embedding - found.centre[k]))
    seed_pixel = tuple(found.seed_pixel[k].tolist())
    why = (
        f"It started from the pixel {seed_pixel}. This pixel points {away:.1f} px beside its"
        f" centre, within the margin of {_lengths(margin)}."
    )
    sentences = [why]
    changes = []
    leaves = []
    if (value := _below(far)) > 0:
        changes.append(Change("margin_factor", value, "the pixel leaves"))
        leaves.append(f"margin factor {value:.2f}")
    if (value := math.ceil(100 * view.seed) / 100) <= 1:
        changes.append(Change("foreground_threshold", value, "the pixel leaves"))
        leaves.append(f"foreground threshold {value:.2f}")
    text = f"The pixel leaves at {' or '.join(leaves)}" if leaves else ""
    if (value := _above(score)) <= 1:
        changes.append(Change("seed_threshold", value, "the object vanishes"))
        text += "; the" if text else "The"
        text += f" object vanishes at seed threshold {value:.2f}"
    if text:
        sentences.append(f"{text}.")
    if parted := _parted(view, k):
        value, sizes = parted
        changes.append(Change("margin_factor", value, "the object falls apart"))
        sentences.append(
            f"Margin factor {value:.2f} would split it, into about {sizes[0]} and {sizes[1]}"
            " pixels."
        )
    if view.rival is not None:
        sentences.append(_beside(view, k, view.rival, changes))
    return sentences, changes


def _beside(view: View, k: int, rival: int, changes: list[Change]) -> str:
    """Return how far the rival is, and when the two would become one."""
    found, factor = view.instances, view.settings.margin_factor
    name = view.name(rival)
    away = view.between(rival) or 0.0
    text = f"{name} is its nearest rival, {away:.1f} margins away"
    if away > NEAR_MARGINS:
        return f"No other object comes near: {name.lower()} is {away:.1f} margins away."
    first, then = sorted((k, rival), key=lambda i: (bool(~found.locked[i]), -found.score[i]))
    one = slice(first, first + 1)
    value = _above(float(_margins(found.centre[then], found.centre[one], found.sigma[one])[0]))
    if found.locked[rival] or not factor < value <= min(10, 3 * factor):
        return f"{text}."
    changes.append(Change("margin_factor", value, f"object {found.ids[rival]} joins"))
    return f"{text}; they would become one at margin factor {value:.2f}."


def _parted(view: View, k: int) -> tuple[float, tuple[int, int]] | None:
    """Find a smaller margin factor that parts the object, and the sizes of two parts.

    The rule is run on the object's own pixels alone. A part that counts is a fifth of the whole.
    """
    settings, found, at = view.settings, view.instances, view.pixels()
    seed, e = view.maps.seed[(slice(None), *at.T)].max(0), view.maps.embeddings_at(at)
    sigma = np.broadcast_to(view.maps.sigma, view.maps.offsets.shape)[(slice(None), *at.T)].T
    far = _margins(e, found.centre[k], found.sigma[k])
    for step in range(19, 9, -1):
        factor = math.floor(100 * settings.margin_factor * step / 20) / 100
        free = far >= factor
        stays = len(at) - int(free.sum())
        for _ in range(10):
            best = int(np.where(free, seed, -1).argmax())
            if not free[best] or seed[best] < np.float32(settings.seed_threshold):
                break
            asked = _margins(e, e[best], sigma[best]) < factor
            won = int((asked & free).sum())
            enough = won > settings.min_free_fraction * asked.sum() and won >= settings.min_size
            if enough and won >= len(at) / 5 and stays >= max(len(at) / 5, settings.min_size):
                return factor, (stays, won)
            free &= ~asked
            free[best] = False
    return None


def why_nowhere(view: View) -> tuple[list[str], list[Change]]:
    """Explain why the pixel is in no object, and what would change that."""
    settings, rival = view.settings, view.rival
    reached = rival is not None and view.far[rival] < settings.margin_factor
    label = 0 if rival is None else int(view.instances.ids[rival])
    if not np.float32(view.seed) > np.float32(settings.foreground_threshold):
        text = (
            f"Its seed value {view.seed:.2f} is not above the foreground threshold"
            f" {settings.foreground_threshold:.2f}"
        )
        value = round(math.ceil(100 * view.seed - 1e-4) / 100 - 0.01, 2)
        if view.seed < FAINT_SEED:
            return [f"{text}: the network sees nothing here."], []
        if not reached:
            return [
                f"{text}.",
                "It points into no object's margin, so a lower threshold alone gives it to none.",
            ], []
        joins = (
            f"It points into the margin of object {label}, and would join it at a foreground"
            f" threshold of {value:.2f}."
        )
        change = Change("foreground_threshold", value, f"the pixel joins object {label}")
        return [f"{text}.", joins], [change]
    if reached:
        why = (
            f"It points into the margin of object {label}, but a surer pixel claimed it first, and"
            " what that one proposed was refused as too small or too little free."
        )
        return [why], []
    changes: list[Change] = []
    sentences = [_refused(view, changes)]
    if rival is not None:
        sentences.append(f"{_reach(view, rival, changes).capitalize()}.")
    return sentences, changes


def _reach(view: View, rival: int, changes: list[Change]) -> str:
    """Return how far the nearest object's margin would have to reach."""
    label, value = view.instances.ids[rival], _above(float(view.far[rival]))
    if value > min(10, 3 * view.settings.margin_factor):
        return f"the nearest, object {label}, is far away"
    changes.append(Change("margin_factor", value, f"the pixel joins object {label}"))
    return f"the nearest, object {label}, would reach it at a margin factor of about {value:.2f}"


def _refused(view: View, changes: list[Change]) -> str:
    """Return what the surest free pixel around would propose, and why that is no object."""
    settings, maps = view.settings, view.maps
    box = _box(view)
    inside: Any = (slice(None), *box)
    at = np.argwhere(maps.seed[inside].max(0) > settings.foreground_threshold)
    at += np.array([s.start for s in box])
    seed, e = maps.seed[(slice(None), *at.T)].max(0), maps.embeddings_at(at)
    sigma = np.broadcast_to(maps.sigma, maps.offsets.shape)
    free = view.instances.labels[tuple(at.T)] == 0
    near = _margins(e, view.embedding, sigma[view.there]) < settings.margin_factor
    best = int(np.where(free & near, seed, -1).argmax())
    score = float(seed[best])
    asked = _margins(e, e[best], sigma[(slice(None), *at[best])]) < settings.margin_factor
    won, total = int((asked & free).sum()), int(asked.sum())
    if np.float32(score) < np.float32(settings.seed_threshold):
        value = math.floor(100 * score + 1e-5) / 100
        text = (
            "It is foreground, but the surest pixel that points where it points has the seed value"
            f" {score:.2f}, below the seed threshold {settings.seed_threshold:.2f}."
        )
        if won < settings.min_size:
            return f"{text} It would start an object of {won} pixels only."
        changes.append(Change("seed_threshold", value, "an object starts here"))
        return f"{text} At {value:.2f} an object of about {won} pixels would start there."
    if won < settings.min_size:
        changes.append(Change("min_size", max(1, won), "an object appears here"))
        return (
            f"The {won} pixels that point here are fewer than the minimum size {settings.min_size}."
        )
    value = _below(won / max(1, total))
    changes.append(Change("min_free_fraction", value, "an object appears here"))
    return (
        f"Of the {total} pixels that point here other objects own {total - won}; what is free is an"
        f" object only at a minimum free fraction of {value:.2f}."
    )


def _box(view: View) -> tuple[slice, ...]:
    """Return the part of the image that holds all pixels that can point to about the same place."""
    maps, middle = view.maps, view.embedding
    reach = 3 * MARGIN * view.settings.margin_factor * maps.sigma[view.there]
    distances = []
    for d, (n, step) in enumerate(zip(maps.shape, maps.spacing, strict=True)):
        far = float(np.nanmax(np.abs(maps.offsets[d]))) + float(reach[d if len(reach) > 1 else 0])
        distances.append(min(far, 2 * n * step))
    return maps.box_around(middle, distances)


def _lengths(margin: NDArray[np.floating]) -> str:
    """Write one length, or that of each axis where they differ."""
    same = margin.min() >= 0.95 * margin.max()
    return " x ".join(f"{m:.1f}" for m in (margin[:1] if same else margin)) + " px"


def _below(value: float) -> float:
    """Return the next hundredth below a value."""
    return math.floor(100 * value - 1e-4) / 100


def _above(value: float) -> float:
    """Return the next hundredth above a value."""
    return math.ceil(100 * value + 1e-4) / 100 if math.isfinite(value) else math.inf
