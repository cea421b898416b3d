"""Models by name, also when one of them is damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from calling import call, refused
from napari_spatial_embeddings import registry
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.model import SpatialEmbeddings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models in the place of the shipped ones."""
    for name in "one", "two":
        SpatialEmbeddings(ModelSettings(width=4, levels=1)).save(tmp_path / name)
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is damaged"),
        (b'{"schema": 1,', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[]", "was not written by this program"),
        (b'{"schema": 1}', "'model' is missing"),
        (b'{"schema": 99}', "was written by a newer version"),
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


def test_what_is_damaged_is_still_found_and_then_explained(folder: Path) -> None:
    (folder / "one/model.safetensors").write_bytes(b"")
    assert "is damaged" in refused("models", "show", "one")
    assert "the shipped models are: one, two" in refused("models", "show", "three")
