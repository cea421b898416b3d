"""Clustering of a window of an image, with the result that the whole image gives there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError

from .clustering import Clustering
from .instances import Corrections, Instances
from .maps import MARGIN, EmbeddingMaps


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image, and the halo that its clustering needs.

    While a setting changes, the visible part can follow at once, and the whole image later::

        window = Window.around(maps, visible, settings)
        nearby = window.clustering(maps, corrections=corrections)
        found = nearby(settings, like=window.of(instances))
        labels[window.inner] = window.inside(found.labels)

    Parameters
    ----------
    inner, outer : tuples of D slices
        The part, and the part with its halo.
    """

    inner: tuple[slice, ...]
    outer: tuple[slice, ...]

    @classmethod
    def around(
        cls, maps: EmbeddingMaps, part: Sequence[slice], settings: ClusteringSettings
    ) -> Window:
        """Choose a halo wide enough for the objects that the part touches.

        A pixel at the border is as far from its object's centre as its offset is long, and the
        object ends as far again beyond. Rivals, of the same size, start within two margins more.
        Uses the 99.9th percentile of the offsets' length: beyond it an object may differ from the
        whole's.

        Parameters
        ----------
        maps : EmbeddingMaps
        part : D slices
            Cut to the image where they reach beyond it, to either side. In a volume, one slice is a
            part as well.
        settings : ClusteringSettings
            With the widest margin and lowest foreground threshold that are to come.

        Raises
        ------
        InputError
            If no pixel of the image lies in the part.
        """
        inner = tuple(
            slice(max(0, s.start or 0), n if s.stop is None else min(n, s.stop))
            for s, n in zip(part, maps.shape, strict=True)
        )
        if any(s.start >= s.stop for s in inner):
            raise InputError(f"the part {inner} holds no pixel of an image of shape {maps.shape}")
        every = max(1, math.prod(s.stop - s.start for s in inner) // 100_000)
        seed, offsets, sigma = (
            a[(slice(None), *inner)].reshape(len(a), -1)[:, ::every]
            for a in (maps.seed, maps.offsets, maps.sigma)
        )
        known = np.isfinite(offsets).all(0) & np.isfinite(sigma).all(0)
        known &= seed.max(0) > settings.foreground_threshold
        outer = []
        for d, (s, n, step) in enumerate(zip(inner, maps.shape, maps.spacing, strict=True)):
            halo = 1
            if known.any():
                offset = np.quantile(np.abs(offsets[d, known]), 0.999)
                margin = (
                    MARGIN
                    * settings.margin_factor
                    * np.quantile(sigma[d % len(sigma), known], 0.99)
                )
                halo += math.ceil(2 * float(offset + margin) / step)
            outer.append(slice(max(0, s.start - halo), min(n, s.stop + halo)))
        return cls(inner, tuple(outer))

    def clustering(
        self,
        maps: EmbeddingMaps,
        threads: int | None = None,
        corrections: Corrections | None = None,
    ) -> Clustering:
        """Return a clustering of the part with its halo; see `Clustering`.

        The positions of its objects count from the first pixel of ``outer``.
        """
        every = (slice(None), *self.outer)
        crop = EmbeddingMaps(maps.offsets[every], maps.sigma[every], maps.seed[every], maps.spacing)
        if corrections is None:
            return Clustering(crop, threads)
        labels = corrections.labels[self.outer]
        keep = np.isin(corrections.ids, labels)
        first = np.array([s.start for s in self.outer])
        return Clustering(
            crop,
            threads,
            Corrections(
                labels=labels,
                ids=corrections.ids[keep],
                class_index=corrections.class_index[keep],
                score=corrections.score[keep],
                centre=corrections.centre[keep] - (first * maps.spacing).astype(np.float32),
                sigma=corrections.sigma[keep],
                seed_pixel=corrections.seed_pixel[keep] - first,
            ),
        )

    def corner(self, spacing: tuple[float, ...]) -> NDArray[np.float64]:
        """Return where the positions of its objects count from, (D,) pixels of the finest axis."""
        return np.multiply([s.start for s in self.outer], spacing, dtype=np.float64)

    def of(self, instances: Instances) -> Instances:
        """Return the whole's instances as what the part's are to be like.

        All the whole's labels count as used, so that none is given twice in the image.
        """
        return replace(instances, labels=instances.labels[self.outer])

    def inside(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the inner part of labels of the outer part."""
        within = zip(self.inner, self.outer, strict=True)
        return labels[tuple(slice(i.start - o.start, i.stop - o.start) for i, o in within)]
