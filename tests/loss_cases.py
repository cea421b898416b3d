"""Cases of the loss: labels, a model, random maps, and settings of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

import textbook
from builders import capsules
from napari_spatial_embeddings.config import LossSettings, ModelSettings
from napari_spatial_embeddings.core.loss import Losses, Targets, spatial_embedding_loss, targets
from napari_spatial_embeddings.core.maps import IGNORE

Labels = NDArray[np.int32]
Maps = tuple[Tensor, Tensor, Tensor]


@dataclass
class Case:
    """Labels, a model and random maps for it."""

    model: ModelSettings
    labels: Labels
    classes: list[NDArray[np.int64]]
    maps: Maps = field(repr=False)

    @classmethod
    def of(
        cls,
        labels: Labels,
        seed: int = 0,
        *,
        spacing: tuple[float, ...] | None = None,
        per_axis: bool = True,
        n_classes: int = 1,
        dtype: torch.dtype = torch.float64,
    ) -> Case:
        ndim = labels.ndim - 1
        model = ModelSettings(
            ndim=ndim,
            spacing=spacing or (1.0,) * ndim,
            sigma_per_axis=per_axis,
            classes=tuple("abc"[:n_classes]),
        )
        rng = np.random.default_rng(seed)
        size = max(1, int(labels.max(initial=0))) + 1
        classes = [rng.integers(0, n_classes, size) for _ in labels]
        b, shape = len(labels), labels.shape[1:]
        maps = (
            torch.from_numpy(rng.normal(0, 3, (b, ndim, *shape))).to(dtype),
            torch.from_numpy(rng.normal(0, 0.15, (b, model.sigma_components, *shape))).to(dtype),
            torch.from_numpy(rng.normal(0, 2, (b, n_classes, *shape))).to(dtype),
        )
        return cls(model, labels, classes, maps)

    def target(self, centre: str = "centroid", scribbled: list[bool] | None = None) -> Targets:
        return targets(self.labels, self.classes, scribbled, centre, self.model.spacing)

    def loss(
        self, settings: LossSettings | None = None, *, scribbled: list[bool] | None = None
    ) -> Losses:
        settings = settings or LossSettings()
        target = self.target(settings.centre, scribbled)
        return spatial_embedding_loss(*self.maps, target, self.model, settings)

    def gradients(self, total: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(total, self.maps, materialize_grads=True))

    def tracked(self) -> Case:
        maps = tuple(m.detach().requires_grad_() for m in self.maps)
        return Case(self.model, self.labels, self.classes, maps)  # type: ignore[arg-type]

    def textbook(self, settings: LossSettings) -> Tensor:
        return textbook.loss(*self.maps, self.labels, self.model, settings, self.classes)


def crops(shape: tuple[int, ...], seed: int, count: int = 6, ignore: float = 0.1) -> Labels:
    """Return a crop of capsules and one that is often empty, some pixels of both unknown."""
    rng = np.random.default_rng(seed)
    labels = np.stack(
        [
            capsules(shape, seed, count=count, radius=4),
            capsules(shape, seed + 1, count=int(rng.integers(0, 2)), radius=3, length=9),
        ]
    )
    labels[rng.random(labels.shape) < ignore] = IGNORE
    return labels


@st.composite
def cases(draw: st.DrawFn) -> Case:
    seed = draw(st.integers(0, 10**6))
    shape = draw(st.sampled_from([(24, 31), (1, 40), (1, 1), (6, 14, 13)]))
    coarse = draw(st.sampled_from([1.0, 2.5]))
    return Case.of(
        crops(shape, seed, ignore=draw(st.sampled_from([0.0, 0.1, 1.0]))),
        seed,
        spacing=(coarse, *[1.0] * (len(shape) - 1)),
        per_axis=draw(st.booleans()),
        n_classes=draw(st.integers(1, 3)),
        dtype=draw(st.sampled_from([torch.float32, torch.float64])),
    )


any_settings = st.builds(
    LossSettings,
    instance_weight=st.sampled_from([0.0, 1.0]),
    variance_weight=st.sampled_from([0.0, 10.0]),
    seed_weight=st.sampled_from([0.0, 1.0]),
    foreground_weight=st.sampled_from([1.0, 10.0]),
    centre=st.sampled_from(["centroid", "learnable"]),
)
