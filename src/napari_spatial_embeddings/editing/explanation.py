"""Explanations of why a pixel belongs to its object, or to none, and what would change that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import NOTHING, Corrections, Instances
from napari_spatial_embeddings.core.maps import MARGIN, EmbeddingMaps

from .explanation_text import Change, View, why_here, why_nowhere

MAX_ARROWS = 200
"""Largest number of arrows in an explanation."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Where an object's pixels point: its margin about its centre.

    Parameters
    ----------
    centre, half_axes : float64 (D,), pixels of the image
        Indices into the image, which need not be whole; an axis's own pixels, however coarse.
    """

    centre: NDArray[np.float64]
    half_axes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rival:
    """The other object that the pixel comes nearest to belonging to.

    Parameters
    ----------
    label : int
    ellipse : Ellipse
    phi : float, 0 to 1
        The pixel's phi for this object.
    distance : float or None
        Of the centres, in margins of the pixel's own object; None where it has none.
    """

    label: int
    ellipse: Ellipse
    phi: float
    distance: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one pixel.

    Parameters
    ----------
    pixel : tuple of D ints
    label : int
        Its object's label; 0 for none, and then the object's properties are None.
    seed : float, 0 to 1
        The pixel's own seed value.
    phi : float or None
        The pixel's phi for its object.
    index, score, size, seed_pixel, locked
        As in `Instances`, of the object.
    ellipse : Ellipse or None
        The object's margin, margin factor included.
    arrows : float32 (A, 2, D), pixels of the image
        Start and offset of an even choice of the object's pixels, this pixel's first; of this pixel
        alone in the background.
    rival : Rival or None
    sentences : tuple of str
        What it is and why, then what would change it.
    changes : tuple of Change
        The values that the sentences name.
    """

    pixel: tuple[int, ...]
    label: int
    seed: float
    phi: float | None
    index: int | None
    score: float | None
    size: int | None
    seed_pixel: tuple[int, ...] | None
    locked: bool
    ellipse: Ellipse | None
    arrows: NDArray[np.float32]
    rival: Rival | None
    sentences: tuple[str, ...]
    changes: tuple[Change, ...]


def explain(
    instances: Instances,
    maps: EmbeddingMaps,
    settings: ClusteringSettings,
    pixel: Sequence[int],
    corrections: Corrections | None = None,
) -> Explanation:
    """Explain why a pixel belongs to its object, or to none.

    Parameters
    ----------
    instances : Instances
        What these settings gave on these maps.
    maps : EmbeddingMaps
    settings : ClusteringSettings
    pixel : D ints
    corrections : Corrections, optional
        Those that the clustering respected.

    Raises
    ------
    InputError
        If the pixel lies outside the image.
    """
    at = maps.checked_pixel(pixel)
    view = View(instances, maps, settings, at)
    changes: list[Change] = []
    if corrections is not None and corrections.labels[at] == NOTHING:
        sentences = ["What was here was deleted, and it stays empty."]
    elif view.own is not None and instances.locked[view.own]:
        sentences = [f"{view.name(view.own)} is locked: no setting changes it."]
    elif view.own is not None:
        sentences, changes = why_here(view, view.own)
    elif view.is_valid:
        sentences, changes = why_nowhere(view)
    else:
        sentences = ["The maps hold no number here, so it belongs to nothing."]
    k, found, rival = view.own, instances, view.rival
    return Explanation(
        pixel=at,
        label=int(found.labels[at]),
        seed=view.seed,
        phi=None if k is None else view.phi(k),
        index=None if k is None else int(found.class_index[k]),
        score=None if k is None else float(found.score[k]),
        size=None if k is None else int(found.size[k]),
        seed_pixel=None if k is None else tuple(found.seed_pixel[k].tolist()),
        locked=k is not None and bool(found.locked[k]),
        ellipse=None if k is None else _ellipse(view, k),
        arrows=_arrows(view),
        rival=None
        if rival is None
        else Rival(
            int(found.ids[rival]), _ellipse(view, rival), view.phi(rival), view.between(rival)
        ),
        sentences=tuple(sentences),
        changes=tuple(changes),
    )


def _ellipse(view: View, k: int) -> Ellipse:
    """Return an object's margin in the image."""
    spacing, found = np.array(view.maps.spacing), view.instances
    half = found.sigma[k] * MARGIN * view.settings.margin_factor
    return Ellipse(found.centre[k] / spacing, half / spacing)


def _arrows(view: View) -> NDArray[np.float32]:
    """Return the arrows of the own object's pixels, this one's first."""
    at = np.array([view.at])
    if view.own is not None:
        every = view.pixels()
        at = np.concatenate([at, every[:: -(-len(every) // (MAX_ARROWS - 1))]])
    along = view.maps.offsets[(slice(None), *at.T)].T / np.array(view.maps.spacing, np.float32)
    return np.stack([at.astype(np.float32), along], 1)
