"""The compiled hinge: that of tensors, value and gradient, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from torch import Tensor

from loss_cases import Case, any_settings, cases, crops
from napari_spatial_embeddings.config import LossSettings
from napari_spatial_embeddings.core import loss
from napari_spatial_embeddings.core.hinge.by_tensors import tensor_hinge
from napari_spatial_embeddings.core.hinge.compiled_hinge import compiled_hinge


def by_tensors(case: Case, settings: LossSettings) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "compiled_hinge", tensor_hinge)
        return case.loss(settings).total


@hypothesis_settings(deadline=None, max_examples=40)
@given(cases(), any_settings)
def test_value_and_gradient_are_those_of_tensors(case: Case, settings: LossSettings) -> None:
    case = case.tracked()
    compiled, tensors = case.loss(settings).total, by_tensors(case, settings)
    assert compiled.item() == pytest.approx(tensors.item(), rel=1e-5, abs=1e-6)
    # In single precision, two errors that are nearly equal may change places.
    exact = case.maps[0].dtype == torch.float64
    for a, b in zip(case.gradients(compiled), case.gradients(tensors), strict=True):
        assert (a - b).norm().item() <= (1e-6 if exact else 1e-2) * b.norm().item() + 1e-6


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("which", [0, 1], ids=["offsets", "log_sigma"])
def test_numbers_that_are_none_stay_in_their_crop(which: int, value: float) -> None:
    labels = crops((20, 24), 3, ignore=0)
    labels[1] = labels[0]
    case = Case.of(labels, dtype=torch.float32)
    expected = case.tracked()
    case.maps[which][0, :, 3:9, 5:20] = value
    case = case.tracked()
    for broken, whole in zip(
        case.gradients(case.loss().total), expected.gradients(expected.loss().total), strict=True
    ):
        torch.testing.assert_close(broken[1], whole[1])


def test_equal_errors_keep_their_order_so_that_own_pixels_come_first() -> None:
    # All embeddings are at the one centre: each error of an own pixel is 0, of another one 2.
    owner = torch.tensor([0, 1, 0, 1, 2, 2])
    e, one = torch.zeros(2, 6), torch.ones(2, 2)
    rest = owner, torch.arange(4), torch.zeros(2, dtype=torch.long), torch.full((2,), 0.5), 1, 1e-5
    found, phi = compiled_hinge(e, 0 * one, one, *rest)
    assert phi.tolist() == [1, 1, 1, 1]
    # 4 other pixels of error 2 and a Jaccard loss of 4 / 6 before any own one.
    assert found.item() == pytest.approx(2 * 4 / 6)
