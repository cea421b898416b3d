"""Calibration in a model's card: saved with it, missing in older ones, refused if damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save

from napari_spatial_embeddings.core.quality.calibration import Calibration, of_card
from napari_spatial_embeddings.inference.model import WEIGHTS, ModelError, SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard
from small_models import model_of

KNOWN = Calibration(
    scores=(0.7, 0.9), ious=(0.4, 0.9), right=(0.3, 1.0), objects=40, source="discs"
)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the card in the weights' header."""
    facts = ModelCard.read(folder).facts()
    change(facts)
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).write_bytes(save(weights, {"card": json.dumps(facts)}))


def test_a_calibration_is_saved_with_its_model(tmp_path: Path) -> None:
    model = model_of()
    model.calibration = KNOWN
    again = SpatialEmbeddings.load(model.save(tmp_path))
    assert again.calibration == ModelCard.read(tmp_path).calibration == KNOWN
    assert of_card(again.card()) == KNOWN
    assert again.with_classes(("a", "b")).calibration == KNOWN


def test_models_without_one_load(tmp_path: Path) -> None:
    model_of().save(tmp_path)
    assert SpatialEmbeddings.load(tmp_path).calibration is None

    def age(facts: dict[str, Any]) -> None:
        facts["schema"] = 3
        del facts["calibration"]

    rewrite(tmp_path, age)
    assert SpatialEmbeddings.load(tmp_path).calibration is None


@pytest.mark.parametrize("change", [{"scores": [0.9, 0.7]}, {"objects": 0}, {"more": 1}])
def test_a_damaged_one_is_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    model = model_of()
    model.calibration = KNOWN
    model.save(tmp_path)
    rewrite(tmp_path, lambda facts: facts["calibration"].update(change))
    with pytest.raises(ModelError, match="does not fit together"):
        SpatialEmbeddings.load(tmp_path)
