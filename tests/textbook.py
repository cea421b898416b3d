"""Reference implementation of the method: as the papers write it, slow and plain."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from napari_spatial_embeddings.config import ClusteringSettings, LossSettings, ModelSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps, coordinates, sigma_of


def lovasz_hinge(phi: Tensor, mask: Tensor) -> Tensor:
    """Lovasz hinge of the logits ``2 phi - 1`` against a mask (Berman et al. 2018)."""
    error = 1 - (2 * phi - 1) * (2 * mask.to(phi.dtype) - 1)
    error, order = error.sort(descending=True)
    truth = mask[order].to(phi.dtype)
    total = truth.sum()
    jaccard = 1 - (total - truth.cumsum(0)) / (total + (1 - truth).cumsum(0))
    gain = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return (error.relu() * gain.detach()).sum()


def loss(
    offsets: Tensor,
    log_sigma: Tensor,
    seed: Tensor,
    labels: np.ndarray,
    model: ModelSettings,
    settings: LossSettings,
    classes: list[np.ndarray] | None = None,
) -> Tensor:
    """The whole loss, one full-size phi per object."""
    shape = labels.shape[1:]
    x = torch.from_numpy(coordinates(shape, model.spacing)).to(offsets)
    instance = variance = torch.zeros((), dtype=offsets.dtype)
    squares, known_pixels = torch.zeros((), dtype=offsets.dtype), 0
    for b in range(len(labels)):
        label = torch.from_numpy(labels[b])
        known = label >= 0
        e, s, value = offsets[b] + x, log_sigma[b], seed[b].sigmoid()
        ids = [int(i) for i in label.unique() if i > 0]
        known_pixels += int(known.sum())
        squares = squares + (value[:, known] ** 2).sum()
        for i in ids:
            mask = label == i
            s_mean = s[:, mask].mean(1)
            sigma = sigma_of(s_mean, model).reshape(-1, *[1] * len(shape))
            member = e if settings.centre == "learnable" else x
            centre = member[:, mask].mean(1).reshape(-1, *[1] * len(shape))
            phi = (-0.5 * (((e - centre) / sigma) ** 2).sum(0)).exp()
            n = len(ids) * len(labels)
            instance = instance + lovasz_hinge(phi[known], mask[known]) / n
            spread = (s[:, mask] - s_mean.detach()[:, None]) ** 2
            variance = variance + spread.mean() / n
            inside = value[int(classes[b][i]) if classes else 0][mask]
            fg = settings.foreground_weight * (inside - phi[mask].detach()) ** 2
            squares = squares + (fg - inside**2).sum()
    return (
        settings.instance_weight * instance
        + settings.variance_weight * variance
        + settings.seed_weight * squares / max(1, known_pixels)
    )


def cluster(
    maps: EmbeddingMaps, settings: ClusteringSettings, taken: np.ndarray | None = None
) -> np.ndarray:
    """Greedy clustering, every proposal measured against every pixel. Labels by descending seed.

    Membership is ``phi > 1/2``, written as a squared distance in units of the widened margin, in
    float32: ``sum(((e - c) / (margin * sigma))^2) < 2 ln 2``. ``taken`` pixels are not free.
    """
    e = maps.embeddings().reshape(maps.ndim, -1)
    sigma = np.broadcast_to(maps.sigma, (maps.ndim, *maps.shape)).reshape(maps.ndim, -1)
    seed = maps.seed.max(0).ravel()
    foreground = seed > settings.foreground_threshold
    free = foreground.copy() if taken is None else foreground & ~taken.ravel()
    labels = np.zeros(seed.shape, np.int32)
    limit = np.float32(2 * math.log(2))
    count = 0
    while True:
        candidates = np.where(free, seed, -np.inf)
        i = int(candidates.argmax())
        if not free[i] or seed[i] < settings.seed_threshold:
            break
        with np.errstate(all="ignore"):  # what is not a number belongs to nothing
            inverse = np.float32(1) / (sigma[:, i] * np.float32(settings.margin_factor))
            t = (e - e[:, i, None]) * inverse[:, None]
            square = np.zeros(t.shape[1], np.float32)
            for line in t:
                square += line * line
        proposal = foreground & (square < limit)
        new = proposal & free
        enough = new.sum() > settings.min_free_fraction * proposal.sum()
        if enough and new.sum() >= settings.min_size:
            count += 1
            labels[new] = count
        free &= ~proposal
        free[i] = False
    return labels.reshape(maps.shape)
