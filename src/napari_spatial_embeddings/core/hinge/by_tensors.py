"""The Lovasz hinge of all objects by operations on whole tensors, for any device."""

from __future__ import annotations

import torch
from torch import Tensor

from .pairs import others_near, squared_distance, take


def tensor_hinge(
    e: Tensor,
    centre: Tensor,
    sigma: Tensor,
    owner: Tensor,
    own: Tensor,
    crop: Tensor,
    weight: Tensor,
    crops: int,
    smallest: float,
) -> tuple[Tensor, Tensor]:
    """Return the weighted sum over objects of the Lovasz hinge of ``2 phi - 1``, and phi.

    Parameters
    ----------
    e : (D, N), pixels
        Embeddings of the pixels of all crops, one crop after the other.
    centre, sigma : (D, K), pixels
        Of each object.
    owner : int64 (N,)
    own : int64 (M,)
    crop : int64 (K,)
    weight : float32 (K,)
        As in `loss.Targets`.
    crops : int
        Number of crops.
    smallest : float
        Pixels outside of an object whose error is smaller are left out.

    Returns
    -------
    value : scalar
    phi : (M,), 0 to 1
        Of each own pixel in its object; it has no gradient.
    """
    obj, n = take(owner, own), len(crop)
    size = torch.bincount(obj, minlength=n)
    phi = _membership(e, centre, sigma, own, obj)
    reach = sigma.detach() * _reach(phi.detach(), obj, n, smallest)
    pixel, other = others_near(e.detach(), centre.detach(), reach, owner, crop, crops)
    error = torch.cat([2 - 2 * phi, 2 * _membership(e, centre, sigma, pixel, other)])
    return _lovasz_hinge(error, torch.cat([obj, other]), size, weight), phi.detach()


def _membership(e: Tensor, centre: Tensor, sigma: Tensor, pixel: Tensor, obj: Tensor) -> Tensor:
    """Return phi of each (pixel, object) pair."""
    return squared_distance(e, centre, sigma, pixel, obj).mul(-0.5).exp()


def _reach(phi: Tensor, obj: Tensor, n: int, smallest: float) -> Tensor:
    """Return the distance in sigma beyond which pixels of others have no share in a hinge; (K,).

    Those of less error than any of the object's own pixels come last in its order, where nothing of
    the union is missed any more and the Jaccard loss has no more to gain.
    """
    best = phi.new_zeros(n).scatter_reduce(0, obj, phi, "amax")
    return (-2 * (0.999 * (1 - best)).clamp(min=smallest / 2).log()).sqrt()


def _lovasz_hinge(error: Tensor, obj: Tensor, size: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum over objects of the Lovasz hinge of ``2 phi - 1``.

    Berman et al. (CVPR 2018), alg. 1: errors in descending order, each times the increase of the
    Jaccard loss. All objects are sorted at once, by integers, which is several times as fast. The
    objects' own pixels come first in ``error``.
    """
    n = len(size)
    with torch.no_grad():
        # Errors are resolved to 2e-6; the loss changes by less than that.
        kind, bits = (torch.int32, 31 - n.bit_length()) if n < 2**11 else (torch.int64, 32)
        rank = ((2 - error) * (2 ** (bits - 1) - 1)).to(kind)
        order = (obj.to(kind) << bits | rank).argsort(stable=True)
        own = order < size.sum()
        total = torch.bincount(obj, minlength=n)
        obj = torch.repeat_interleave(total)
        seen = own.cumsum(0, dtype=torch.int32)
        left = take(size.cumsum(0).int(), obj) - seen  # own pixels still to come
        others = torch.arange(1, len(obj) + 1, dtype=torch.int32, device=obj.device) - seen
        union = others + take((size.cumsum(0) - total.cumsum(0) + total).int(), obj)
        # An own pixel gains 1 / union; another left / (union - 1) of that, which is not more.
        gain = left.to(error) / (union.to(error) - 1).clamp(min=1)
        gain = torch.maximum(gain, own.to(error)) / union * take(weight, obj)
        gain = torch.empty_like(gain).scatter(0, order, gain)
    return (error * gain).sum()
