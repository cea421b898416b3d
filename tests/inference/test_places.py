"""Places in a model's card: saved with it, missing in older ones, refused if damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save

from napari_spatial_embeddings.inference.model import WEIGHTS, ModelError, SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard, Places
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.preparation import prepare
from small_models import model_of
from small_trainings import discs, settings_for, small_model

KNOWN = Places(learned=[[3, 7, 2**32 - 1]], held_out=[[9, 9, 0], [1, 2, 3]])


def test_places_are_saved_with_their_model(tmp_path: Path) -> None:
    model = model_of()
    model.places = KNOWN
    again = SpatialEmbeddings.load(model.save(tmp_path))
    assert again.places == ModelCard.read(tmp_path).places == KNOWN
    assert again.with_classes(("a", "b")).places == KNOWN


@pytest.mark.parametrize("places", [None, {"learned": [["a"]]}, {"learned": 3}, {"more": []}])
def test_models_without_them_load_and_damaged_ones_do_not(tmp_path: Path, places: Any) -> None:
    model_of().save(tmp_path)
    facts = ModelCard.read(tmp_path).facts()
    if places is None:
        facts["schema"] = 4
        del facts["places"]
    else:
        facts["places"] = places
    weights = load_file(tmp_path / WEIGHTS)
    (tmp_path / WEIGHTS).write_bytes(save(weights, {"card": json.dumps(facts)}))
    if places is None:
        assert SpatialEmbeddings.load(tmp_path).places is None
    else:
        with pytest.raises(ModelError, match="does not fit together"):
            SpatialEmbeddings.load(tmp_path)


@pytest.mark.parametrize("places", [None, KNOWN])
def test_a_resumed_training_holds_out_the_same(tmp_path: Path, places: Places | None) -> None:
    images = discs()
    model = small_model(images)
    model.places = places
    trainer = prepare(images, settings_for(4, images), model, None)
    before, after = trainer.places, trainer.best.places
    Checkpoint.of(trainer).write(tmp_path / "checkpoint")
    again = Checkpoint.read(tmp_path / "checkpoint").model()
    assert again.places == before == (places or Places())
    resumed = prepare(images, settings_for(4, images), again, None)
    assert resumed.best.places == after
    assert before is not None
    assert after is not None
    assert len(after.held_out) == 2
    assert len(after.learned) == 14 + len(before.learned)
