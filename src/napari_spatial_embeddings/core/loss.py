"""The spatial-embedding loss, n-D, batched over crops, with ignored pixels.

For object k with pixels S_k, centre C_k and bandwidth sigma_k (Neven et al. 2019, eq. 5 to 9):

    phi_k(i) = exp(-1/2 sum_d ((e_id - C_kd) / sigma_kd)^2)
    L = w_inst mean_k LovaszHinge(2 phi_k - 1, S_k)
      + w_var mean_k mean_{i in S_k} (s_i - s_k)^2
      + w_seed (fg sum_{i in S_k} (seed_i - phi_k(i))^2 + sum_{i outside} seed_i^2) / pixels

A textbook version evaluates phi_k on the whole crop for every object. Here each object sees its own
pixels and those of others that have a share in its hinge, found by where their embeddings lie. So
the cost follows the pairs of a pixel and an object near it, and not their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_spatial_embeddings.config import LossSettings, ModelSettings

from .hinge.by_tensors import tensor_hinge
from .hinge.compiled_hinge import compiled_hinge
from .hinge.pairs import take
from .maps import IGNORE, coordinates, sigma_of

SMALLEST_ERROR = 1e-5
"""Smaller errors of pixels outside of an object are left out. An object's hinge changes by less
than that, however many they are: it is the Lovasz extension of a loss between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of a batch of label crops. B crops, N pixels in all, K objects in all.

    Parameters
    ----------
    owner : int64 (N,)
        Object of each pixel, 0 to K - 1; K for background, K + 1 for ignored.
    own : int64 (M,)
        The pixels that belong to an object, ascending.
    centre : float32 (K, D), pixels
        The target of each object's embeddings, if not learnable.
    learnable : bool (K,)
        Whether the mean embedding stands in for the centre.
    index : int64 (K,)
        Class of each object.
    crop : int64 (K,)
        Crop of each object.
    weight : float32 (K,)
        Share of each object in a mean over objects, then over the batch's crops; sums to at most 1.
    known : float32 ()
        Pixels in the batch that are not ignored, at least 1.
    """

    owner: Tensor
    own: Tensor
    centre: Tensor
    learnable: Tensor
    index: Tensor
    crop: Tensor
    weight: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Targets:
        """Return the same targets on ``device``."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Targets(**{k: v.to(device, non_blocking=True) for k, v in moved.items()})


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss and its three weighted parts, each a scalar tensor."""

    total: Tensor
    instance: Tensor
    variance: Tensor
    seed: Tensor


def targets(
    labels: NDArray[np.int32],
    classes: list[NDArray[np.int64]] | None,
    scribbled: list[bool] | None,
    centre: str,
    spacing: tuple[float, ...],
    *,
    batch: NDArray[np.int32] | None = None,
) -> Targets:
    """Describe a batch of label crops (B, *S) for the loss; done once, on the CPU.

    Parameters
    ----------
    labels : int32 (B, *S)
        0 background, `IGNORE` unknown, positive values objects, numbered per crop in any way.
    classes : list of B int64 arrays, optional
        ``classes[b][label]`` is the class of a label of crop b; 0 if not given.
    scribbled : list of B bool, optional
        Crops whose labels cover only part of their objects: their centres are learnable.
    centre : {"centroid", "medoid", "learnable"}
    spacing : tuple of D floats
    batch : int32 (all crops, *S), optional
        The labels of the batch that these crops are a part of. The losses of all parts, and their
        gradients, add up to those of the batch.
    """
    whole = labels if batch is None else batch
    pixels = math.prod(labels.shape[1:])
    x = coordinates(labels.shape[1:], spacing).reshape(len(spacing), -1)
    owners, own, centres, indices, learn, crops, weights = [], [], [], [], [], [], []
    count = 0
    for b, crop in enumerate(labels.reshape(len(labels), pixels)):
        inside = np.flatnonzero(crop > 0)
        ids, which = np.unique(crop[inside], return_inverse=True)
        owner = np.where(crop == IGNORE, -2, -1).astype(np.int64)
        owner[inside] = which + count
        count += len(ids)
        owners.append(owner)
        own.append(inside + b * pixels)
        centres.append(_centres(x[:, inside], which, len(ids), centre))
        indices.append(classes[b][ids] if classes else np.zeros(len(ids), np.int64))
        learn.append(np.full(len(ids), centre == "learnable" or bool(scribbled and scribbled[b])))
        crops.append(np.full(len(ids), b, np.int64))
        weights.append(np.full(len(ids), 1 / max(1, len(ids) * len(whole)), np.float32))
    owner = np.concatenate(owners)
    owner[owner < 0] = count - 1 - owner[owner < 0]  # -1 to K, -2 to K + 1
    return Targets(
        torch.from_numpy(owner),
        torch.from_numpy(np.concatenate(own)),
        torch.from_numpy(np.concatenate(centres).astype(np.float32)),
        torch.from_numpy(np.concatenate(learn)),
        torch.from_numpy(np.concatenate(indices).astype(np.int64)),
        torch.from_numpy(np.concatenate(crops)),
        torch.from_numpy(np.concatenate(weights)),
        torch.tensor(max(1, np.count_nonzero(whole != IGNORE)), dtype=torch.float32),
    )


def _centres(
    x: NDArray[np.float32], which: NDArray[np.intp], n: int, kind: str
) -> NDArray[np.float64]:
    """Return the (n, D) centroids, or the objects' own pixels nearest their median ("medoid").

    The exact medoid is quadratic in the object's size and gains at most .014 AP in EmbedSeg's
    ablation; the pixel nearest the median costs nothing and lies inside the object as well.
    """
    size = np.maximum(np.bincount(which, minlength=n), 1)
    if kind != "medoid":
        return np.stack([np.bincount(which, line, minlength=n) / size for line in x], 1)
    out = np.empty((n, len(x)))
    order = np.argsort(which, kind="stable")
    for k, members in enumerate(np.split(order, np.cumsum(size)[:-1]) if n else []):
        points = x[:, members]
        far = ((points - np.median(points, axis=1, keepdims=True)) ** 2).sum(0)
        out[k] = points[:, far.argmin()]
    return out


def spatial_embedding_loss(
    offsets: Tensor,
    log_sigma: Tensor,
    seed: Tensor,
    target: Targets,
    model: ModelSettings,
    settings: LossSettings,
) -> Losses:
    """Return the loss of a batch of maps as `maps.split` gives them.

    Parameters
    ----------
    offsets : (B, D, *S), pixels
    log_sigma : (B, n_sigma, *S), raw
    seed : (B, C, *S), logits
    target : Targets
        Of the same B crops of shape S.

    Notes
    -----
    An ignored pixel is in no term and has no gradient. A batch without objects only has the
    seed's background term.
    """
    ndim, shape = model.ndim, tuple(offsets.shape[2:])
    n_objects = len(target.crop)
    x = torch.from_numpy(coordinates(shape, model.spacing)).to(offsets)
    e = (offsets + x).transpose(0, 1).reshape(ndim, -1)
    s = log_sigma.transpose(0, 1).reshape(log_sigma.shape[1], -1)
    value = seed.sigmoid().transpose(0, 1).reshape(seed.shape[1], -1)

    own, obj = target.own, take(target.owner, target.own)
    size = torch.bincount(obj, minlength=n_objects)
    s_own = [take(line, own) for line in s]
    s_mean = torch.stack([_sum(line, obj, n_objects) / size for line in s_own])
    sigma = sigma_of(s_mean, model).expand(ndim, -1)
    centre = target.centre.T.to(e)
    if bool(target.learnable.any()):
        mean = torch.stack([_sum(take(line, own), obj, n_objects) / size for line in e])
        centre = torch.where(target.learnable, mean, centre)

    hinge = compiled_hinge if e.device.type == "cpu" else tensor_hinge
    instance, phi = hinge(
        e,
        centre,
        sigma,
        target.owner,
        own,
        target.crop,
        target.weight,
        len(offsets),
        SMALLEST_ERROR,
    )
    spread = sum(
        (line - take(mean, obj)) ** 2 for line, mean in zip(s_own, s_mean.detach(), strict=True)
    )
    variance = (spread * take(target.weight.to(e) / size, obj)).sum() / len(s)

    # Background of every class that the pixel is not in; regression to phi in the class it is in.
    known = target.owner <= n_objects
    background = (value**2 * known).sum()
    inside = take(value.reshape(-1), take(target.index, obj) * value.shape[1] + own)
    foreground = (settings.foreground_weight * (inside - phi) ** 2 - inside**2).sum()
    seeds = (background + foreground) / target.known.to(e)

    parts = (
        settings.instance_weight * instance,
        settings.variance_weight * variance,
        settings.seed_weight * seeds,
    )
    return Losses(sum(parts[1:], parts[0]), *parts)


def _sum(values: Tensor, index: Tensor, n: int) -> Tensor:
    return values.new_zeros(n).index_add(0, index, values)
