"""Models by name, also when one of them is damaged."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from command_line import call, refused
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.inference import registry
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models in the place of the shipped ones."""
    for name in "one", "two":
        SpatialEmbeddings(ModelSettings(width=4, levels=1)).save(tmp_path / name)
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    return tmp_path


def changed(**facts: object) -> bytes:
    """Return a card in which some facts are other ones."""
    return json.dumps(ModelCard(ModelSettings(), ClusteringSettings()).facts() | facts).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is damaged"),
        (b'{"schema": 1,', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[]", "was not written by this program"),
        (b'{"schema": 1}', "is missing"),
        (b'{"schema": 99}', "was written by a newer version"),
        (b"[" * 100_000, "is damaged"),
        (changed(about="a summary"), "does not fit together"),
        (changed(history=[3]), "does not fit together"),
        (changed(image_diameter=10**400), "does not fit together"),
        (changed(model={"ndim": 4}), "does not fit together"),
    ],
)
def test_a_damaged_card_is_a_sentence_and_hides_no_other(
    folder: Path, caplog: pytest.LogCaptureFixture, content: bytes, says: str
) -> None:
    (folder / "one/model.json").write_bytes(content)
    assert list(registry.shipped()) == ["two"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    sentence = record.getMessage()
    assert says in sentence
    assert str(folder / "one") in sentence
    assert "\n" not in sentence
    outcome = call("models", "list")
    assert outcome.code == 0
    assert outcome.out.startswith("two ")


def test_models_of_colours_suit_no_other_channels(folder: Path) -> None:
    colours = SpatialEmbeddings(ModelSettings(in_channels=3, width=4, levels=1))
    colours.about = {"colours": True}
    colours.save(folder / "stained")
    assert registry.suiting(2, 3, colours=True) == ["stained"]
    assert registry.suiting(2, 3) == registry.suiting(2, 3, colours=True, dark=True) == []
    assert registry.start_models(2, 3, colours=True) == ["stained"]
    assert registry.start_models(2, 3) == registry.suiting(2, 1) == ["one", "two"]


def test_what_is_damaged_is_still_found_and_then_explained(folder: Path) -> None:
    (folder / "one/model.safetensors").write_bytes(b"")
    assert "is damaged" in refused("models", "show", "one")
    assert "the shipped models are: one, two" in refused("models", "show", "three")


def test_settings_that_a_card_leaves_out_have_their_defaults(folder: Path) -> None:
    (folder / "one/model.json").write_bytes(changed(model={}))
    assert [line.split()[0] for line in call("models", "list").out.splitlines()] == ["one", "two"]
