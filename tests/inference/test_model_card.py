"""A model's card: the same as the model's, and read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from child_python import start_python
from damage import refusals
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.quality.calibration import Calibration
from napari_spatial_embeddings.inference.model import WEIGHTS, ModelError, SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard


def test_is_the_models_own(tmp_path: Path) -> None:
    settings = ModelSettings(in_channels=2, classes=("a", "b"), width=8, levels=2)
    model = SpatialEmbeddings(
        settings, pixel_size=(0.5, 0.5), unit="um", image_diameter=12.5, history=[{"ap50": 0.5}]
    )
    card = ModelCard.read(model.save(tmp_path / "model"))
    assert card.settings == settings
    # JSON knows no tuples.
    assert json.dumps(card.facts()) == json.dumps(model.card())


def test_needs_no_torch(tmp_path: Path) -> None:
    folder = SpatialEmbeddings(ModelSettings(width=8, levels=2)).save(tmp_path)
    script = (
        "import sys; from napari_spatial_embeddings.inference.model_card import ModelCard;"
        "from napari_spatial_embeddings.inference.registry import find_folder, shipped; shipped();"
        "print(ModelCard.read(find_folder(sys.argv[1])).settings.width, 'torch' in sys.modules)"
    )
    out, error = start_python(script, str(folder)).communicate()
    assert (out, error) == ("8 False\n", "")


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    folder = SpatialEmbeddings(ModelSettings(width=8, levels=2)).save(tmp_path)
    (folder / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is damaged: "):
        ModelCard.read(folder)


def test_a_card_of_which_a_part_is_missing_or_broken_is_refused_or_of_use() -> None:
    table = Calibration(scores=(0.5, 1.0), ious=(0.3, 0.9), right=(0.2, 0.9), objects=30)
    sound = ModelCard(
        ModelSettings(),
        ClusteringSettings(),
        (0.5, 0.5),
        "um",
        12.5,
        [{"ap50": 0.5}],
        {"summary": "cells"},
        table,
    )
    facts = json.loads(json.dumps(sound.facts()))
    assert ModelCard.checked("here", facts) == sound

    def use(changed: dict[str, Any]) -> None:
        card = ModelCard.checked("here", changed)
        assert ModelCard.checked("here", json.loads(json.dumps(card.facts()))) == card
        assert all(x is None or x > 0 for x in (card.image_diameter, *(card.pixel_size or ())))
        assert card.unit is None or card.unit.islower()
        assert sum(row.get("ap50") or 0 for row in card.history) >= -1

    inside = "model", "clustering", "calibration", "history"
    sentences = refusals(facts, use, ModelError, *inside)
    assert len(sentences) > 200
    assert all(sentence.startswith("here") for sentence in sentences)
