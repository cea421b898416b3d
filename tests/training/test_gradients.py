"""The gradient of a batch is the same, however its crops are divided among threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.trainer import Trainer
from small_trainings import discs, settings_for, small_model


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    images = discs()
    made = prepare(images, settings_for(1, images), small_model(images), None)
    # The last layers are zero before a training, and so are the gradients of all others.
    random = torch.Generator().manual_seed(0)
    made.weights.values += 0.05 * torch.randn(made.weights.values.shape, generator=random)
    yield made
    made.close()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_parts_give_the_gradient_of_the_batch(trainer: Trainer, count: int) -> None:
    how = 0, 4, (32, 32), 0.9
    loss = trainer.gradients.compute([trainer.sampler.batch(*how)])
    whole = trainer.weights.gradient.clone()
    for _ in range(2):
        again = trainer.gradients.compute(trainer.sampler.parts(*how, count))
        torch.testing.assert_close(again.total, loss.total)
        difference = (trainer.weights.gradient - whole).norm() / whole.norm()
        assert difference.item() < 1e-3
    assert not loss.total.requires_grad


def test_a_part_that_fails_leaves_none_at_work(trainer: Trainer) -> None:
    first, second = trainer.sampler.parts(0, 4, (32, 32), 0.9, 2)
    # A shape that the network cannot halve.
    broken = replace(first, image=np.zeros((2, 1, 33, 31), np.float32))
    with pytest.raises(RuntimeError, match="size"):
        trainer.gradients.compute([broken, second])
    before = trainer.weights.gradient.clone()
    trainer.gradients.close()
    assert torch.equal(trainer.weights.gradient, before)
    assert np.isfinite(trainer.step(0.5).total.item())


def test_a_part_has_two_crops_or_more(trainer: Trainer) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert [trainer.gradients.parts(n) for n in (1, 2, 3, 4, 16)] == [1, 1, 1, 2, 3]
        torch.set_num_threads(1)
        assert trainer.gradients.parts(4) == 1
    finally:
        torch.set_num_threads(threads)


def test_a_gradient_that_is_not_finite_changes_nothing(trainer: Trainer) -> None:
    trainer.step(0.0)
    trainer.average_weights.values.zero_()
    weights = trainer.weights.values
    weights[0] = torch.nan
    before = weights.clone()
    trainer.step(0.0)
    assert torch.equal(weights[1:], before[1:])
    assert not bool(trainer.average_weights.values.any())
