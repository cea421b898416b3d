"""Weights as one vector: the same network, and the same optimizer."""

from __future__ import annotations

import copy

import torch
from torch import nn

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.network import BranchedNet, channels_last
from napari_spatial_embeddings.training.flat_weights import FlatWeights

SETTINGS = ModelSettings(width=4, levels=2)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    net = BranchedNet(SETTINGS)
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = channels_last(parameter.data)
    return net


def image(seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return channels_last(torch.randn((2, 1, 24, 16), generator=random))


def test_the_network_is_what_it_was() -> None:
    plain = network()
    flat = FlatWeights(copy.deepcopy(plain))
    torch.testing.assert_close(flat.network(image()), plain(image()), rtol=0, atol=0)
    for a, b in zip(flat.network.parameters(), plain.parameters(), strict=True):
        assert (a.shape, a.stride()) == (b.shape, b.stride())
        assert torch.equal(a, b)
    assert flat.values.numel() == sum(p.numel() for p in plain.parameters())


def test_steps_are_those_of_an_optimizer_of_all_weights() -> None:
    plain, flat = network(), FlatWeights(network())
    kinds = (
        [p for p in plain.parameters() if p.dim() > 1],
        [p for p in plain.parameters() if p.dim() <= 1],
    )
    groups = [
        {"params": kinds[0], "weight_decay": 0.1},
        {"params": kinds[1], "weight_decay": 0.0},
    ]
    usual = torch.optim.AdamW(groups, lr=1e-2, fused=True)
    own = flat.optimizer(1e-2, 0.1)
    for k in range(4):
        usual.zero_grad()
        plain(image(k)).square().mean().backward()
        usual.step()
        flat.gradient.zero_()
        flat.network(image(k)).square().mean().backward()
        own.step()
    for a, b in zip(flat.network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.equal(flat.values, FlatWeights(network()).values)


def test_what_the_optimizer_notes_has_the_shapes_of_the_weights() -> None:
    flat = FlatWeights(network())
    optimizer = flat.optimizer(1e-2, 0.1)
    flat.network(image()).square().mean().backward()
    optimizer.step()
    for k, noted in enumerate(optimizer.means):
        means = flat.moments(k, noted)
        for mean, weight in zip(means, flat.groups[k], strict=True):
            assert weight.grad is not None
            torch.testing.assert_close(mean, 0.1 * weight.grad)


def test_networks_that_share_weights_have_gradients_of_their_own() -> None:
    flat = FlatWeights(network())
    other = flat.sharing()
    flat.values += 0.01
    torch.testing.assert_close(other.network(image()), flat.network(image()), rtol=0, atol=0)
    other.network(image()).square().mean().backward()
    assert other.gradient.any()
    assert not flat.gradient.any()


def test_loaded_weights_arrive_in_the_vector() -> None:
    flat, other = FlatWeights(network()), network(1)
    flat.network.load_state_dict(other.state_dict())
    again = FlatWeights(network(2), flat.values)
    torch.testing.assert_close(again.network(image()), other(image()), rtol=0, atol=0)
