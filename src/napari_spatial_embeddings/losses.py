"""The spatial-embedding loss, n-D, batched over crops, with ignored pixels.

For object k with pixels S_k, centre C_k and bandwidth sigma_k (Neven et al. 2019, eq. 5 to 9):

    phi_k(i) = exp(-1/2 sum_d ((e_id - C_kd) / sigma_kd)^2)
    L = w_inst mean_k LovaszHinge(2 phi_k - 1, S_k)
      + w_var mean_k mean_{i in S_k} (s_i - s_k)^2
      + w_seed (fg sum_{i in S_k} (seed_i - phi_k(i))^2 + sum_{i outside} seed_i^2) / pixels

A textbook version evaluates phi_k on the whole crop for every object. Here each object sees its own
pixels and those whose embedding lies within `REACH` sigma of its centre, found by binning the
embeddings in a grid; what is left out has phi < 1e-4 and no measurable share in the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .config import LossSettings, ModelSettings
from .maps import IGNORE, coordinates, sigma_of

REACH = math.sqrt(2 * math.log(1e4))
"""Distance in sigma beyond which ``phi < 1e-4``."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch of label crops asks for. B crops, N pixels in all, K objects in all.

    Parameters
    ----------
    owner : int64 (N,)
        Object of each pixel, 0 to K - 1; K for background, K + 1 for ignored.
    centre : float32 (K, D), pixels
        The point each object is drawn to, if not learnable.
    learnable : bool (K,)
        Whether the mean embedding stands in for the centre.
    index : int64 (K,)
        Class of each object.
    crop : int64 (K,)
        Crop of each object.
    weight : float32 (K,)
        Share of each object in a mean over objects, then over the crops; sums to at most 1.
    """

    owner: Tensor
    centre: Tensor
    learnable: Tensor
    index: Tensor
    crop: Tensor
    weight: Tensor

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
    """
    pixels = math.prod(labels.shape[1:])
    x = coordinates(labels.shape[1:], spacing).reshape(len(spacing), -1)
    owners, centres, indices, learn, crops, weights = [], [], [], [], [], []
    count = 0
    for b, crop in enumerate(labels.reshape(len(labels), pixels)):
        inside = np.flatnonzero(crop > 0)
        ids, which = np.unique(crop[inside], return_inverse=True)
        owner = np.where(crop == IGNORE, -2, -1).astype(np.int64)
        owner[inside] = which + count
        count += len(ids)
        owners.append(owner)
        centres.append(_centres(x[:, inside], which, len(ids), centre))
        indices.append(classes[b][ids] if classes else np.zeros(len(ids), np.int64))
        learn.append(np.full(len(ids), centre == "learnable" or bool(scribbled and scribbled[b])))
        crops.append(np.full(len(ids), b, np.int64))
        weights.append(np.full(len(ids), 1 / max(1, len(ids) * len(labels)), np.float32))
    owner = np.concatenate(owners)
    owner[owner < 0] = count - 1 - owner[owner < 0]  # -1 to K, -2 to K + 1
    return Targets(
        torch.from_numpy(owner),
        torch.from_numpy(np.concatenate(centres).astype(np.float32)),
        torch.from_numpy(np.concatenate(learn)),
        torch.from_numpy(np.concatenate(indices).astype(np.int64)),
        torch.from_numpy(np.concatenate(crops)),
        torch.from_numpy(np.concatenate(weights)),
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

    own = (target.owner < n_objects).nonzero().squeeze(1)
    obj = target.owner[own]
    size = torch.bincount(obj, minlength=n_objects).to(e)
    s_mean = torch.stack([_sum(_take(line, own), obj, n_objects) / size for line in s])
    sigma = sigma_of(s_mean, model).expand(ndim, -1)
    centre = target.centre.T.to(e)
    if bool(target.learnable.any()):
        mean = torch.stack([_sum(_take(line, own), obj, n_objects) / size for line in e])
        centre = torch.where(target.learnable, mean, centre)

    pixel, pair_object = _candidates(
        e.detach(), centre.detach(), sigma.detach(), target, math.prod(shape)
    )
    phi = _square(e, centre, sigma, pixel, pair_object).mul(-0.5).exp()
    instance = _lovasz_hinge(phi, target.owner[pixel] == pair_object, pair_object, size, target)

    spread = torch.stack(
        [(_take(a, own) - m.detach()[obj]) ** 2 for a, m in zip(s, s_mean, strict=True)]
    )
    variance = (spread.mean(0) * (target.weight.to(e) / size)[obj]).sum()

    # Background of every class that the pixel is not in; regression to phi in the class it is in.
    known = target.owner <= n_objects
    squares = (value**2 * known).sum()
    with torch.no_grad():
        phi_own = _square(e, centre, sigma, own, obj).mul(-0.5).exp()
    inside = _take(value.reshape(-1), target.index[obj] * value.shape[1] + own)
    foreground = (settings.foreground_weight * (inside - phi_own) ** 2 - inside**2).sum()
    seeds = (squares + foreground) / known.sum().clamp(min=1)

    parts = (
        settings.instance_weight * instance,
        settings.variance_weight * variance,
        settings.seed_weight * seeds,
    )
    return Losses(sum(parts[1:], parts[0]), *parts)


def _take(values: Tensor, index: Tensor) -> Tensor:
    """Return ``values[index]``; its gradient adds up in a fixed order, whatever the threads."""
    return values.index_select(0, index)


def _sum(values: Tensor, index: Tensor, n: int) -> Tensor:
    return values.new_zeros(n).index_add(0, index, values)


def _square(e: Tensor, centre: Tensor, sigma: Tensor, pixel: Tensor, obj: Tensor) -> Tensor:
    """Return the squared distance, in sigma, of each (pixel, object) pair: ``-2 ln phi``.

    One axis at a time, since gathers along one axis are fast.
    """
    square = torch.zeros((), dtype=e.dtype, device=e.device)
    for line, c, s in zip(e, centre, sigma, strict=True):
        square = square + ((_take(line, pixel) - _take(c, obj)) / _take(s, obj)) ** 2
    return square


@torch.no_grad()
def _candidates(
    e: Tensor, centre: Tensor, sigma: Tensor, target: Targets, pixels: int
) -> tuple[Tensor, Tensor]:
    """Return the pairs (pixel, object) with phi above 1e-4 or the pixel in the object.

    Embeddings are binned in a grid over each crop. The cells that an object reaches form rows along
    the last axis, and a row's pixels are one range of the pixels sorted by cell.
    """
    n_objects = len(target.crop)
    if not n_objects:
        return target.owner[:0], target.owner[:0]
    reach = sigma * REACH
    cell = (reach.mean(1) / 4).clamp(min=1.0)
    usable = (target.owner <= n_objects).nonzero().squeeze(1)
    e = e[:, usable]
    low = e.amin(1)
    grid = [min(int(n), 256) for n in ((e.amax(1) - low) / cell).tolist()]
    # Keys run over (crop, *cells); clamping keeps the order, so that ranges stay exact.
    key = usable // pixels
    first, last = target.crop, target.crop
    spans, starts = [], []
    for axis, n in enumerate(grid):
        scale = 1 / cell[axis]
        key = key * (n + 1) + ((e[axis] - low[axis]) * scale).long().clamp(0, n)
        a = ((centre[axis] - reach[axis] - low[axis]) * scale).floor().long().clamp(0, n)
        b = ((centre[axis] + reach[axis] - low[axis]) * scale).floor().long().clamp(0, n)
        starts.append(a)
        spans.append(b - a + 1)
    key, order = key.sort()
    # One row for every combination of the leading cells that an object reaches.
    rows = torch.ones_like(target.crop)
    for span in spans[:-1]:
        rows = rows * span
    row_object = torch.repeat_interleave(rows)
    rest = torch.arange(len(row_object), device=e.device) - (rows.cumsum(0) - rows)[row_object]
    leading = []
    for start, span in zip(starts[-2::-1], spans[-2::-1], strict=True):
        leading.append(start[row_object] + rest % span[row_object])
        rest = rest // span[row_object]
    row_key = target.crop[row_object]
    for n, position in zip(grid[:-1], leading[::-1], strict=True):
        row_key = row_key * (n + 1) + position
    first = row_key * (grid[-1] + 1) + starts[-1][row_object]
    last = first + spans[-1][row_object] - 1
    begin, end = torch.searchsorted(key, first), torch.searchsorted(key, last, right=True)
    length = end - begin
    row = torch.repeat_interleave(length)
    within = torch.arange(len(row), device=e.device) - (length.cumsum(0) - length)[row]
    local, obj = order[begin[row] + within], row_object[row]
    pixel = usable[local]
    close = _square(e, centre, sigma, local, obj) < REACH**2
    close &= target.owner[pixel] != obj
    own = (target.owner < n_objects).nonzero().squeeze(1)
    return torch.cat([pixel[close], own]), torch.cat([obj[close], target.owner[own]])


def _lovasz_hinge(
    phi: Tensor, positive: Tensor, obj: Tensor, size: Tensor, target: Targets
) -> Tensor:
    """Return the weighted sum over objects of the Lovasz hinge of ``2 phi - 1``.

    Berman et al. (CVPR 2018), alg. 1: errors ``m`` in descending order, each times the increase of
    the Jaccard loss. All objects are sorted at once, by object first.
    """
    error = torch.where(positive, 2 - 2 * phi, 2 * phi)
    with torch.no_grad():
        # Non-negative floats order as their bits do: one integer key sorts (object, -error).
        bits = error.detach().float().view(torch.int32).long()
        order = (obj << 32 | (0x7FFFFFFF - bits)).argsort()
        obj, positive = obj[order], positive[order]
        total = torch.bincount(obj, minlength=len(size))
        first = total.cumsum(0) - total
        rank = torch.arange(len(obj), device=obj.device) - first[obj] + 1
        hits = positive.long().cumsum(0)
        hits = (
            hits
            - (
                hits[first.clamp(max=max(0, len(hits) - 1))]
                - positive[first.clamp(max=max(0, len(hits) - 1))].long()
            )[obj]
        )
        gt = size[obj].to(phi.dtype)
        jaccard = 1 - (gt - hits) / (gt + rank - hits)
        before = torch.where(rank == 1, torch.zeros_like(jaccard), jaccard.roll(1))
        gain = (jaccard - before) * target.weight.to(jaccard)[obj]
    return (_take(error, order) * gain).sum()
