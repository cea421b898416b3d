"""Lists of models and devices: those of the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command_line import done
from napari_spatial_embeddings.inference.devices import choose_device
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import shipped


def test_lists_the_shipped_models() -> None:
    out = done("models", "list").out
    names = [line.split()[0] for line in out.splitlines()]
    assert names == list(shipped()) or (not shipped() and "no models" in out)


def test_shows_the_card(model: Path) -> None:
    card: dict[str, Any] = json.loads(done("models", "show", model).out)
    assert card == json.loads((model / "model.json").read_text())
    assert card == json.loads(json.dumps(SpatialEmbeddings.load(model).card()))


def test_lists_the_devices_best_first() -> None:
    (facts,) = done("devices", "--json").facts
    names = [device["name"] for device in facts["devices"]]
    assert names[0].partition(":")[0] == choose_device().type
    assert names[-1] == "cpu"
    lines = done("devices").out.splitlines()
    assert [line.partition(": ")[0] for line in lines[: len(names)]] == names
    assert "GB free" in lines[len(names) - 1]
