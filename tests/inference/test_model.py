"""Models as folders: what is saved comes back, and what is damaged says so."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from child_python import start_python
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import (
    CARD,
    SCHEMA,
    WEIGHTS,
    ModelError,
    SpatialEmbeddings,
)
from napari_spatial_embeddings.inference.model_card import ModelCard
from small_models import assert_same, image_of, model_of

Card = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_of().save(tmp_path / "model")


def rewrite(folder: Path, change: Callable[[Card], Any]) -> None:
    """Change the card in the weights' header; ``change`` may also return another one."""
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    card = change(card) or card
    text = card if isinstance(card, str) else json.dumps(card)
    (folder / WEIGHTS).write_bytes(save(tensors, {"card": text}))


@pytest.mark.parametrize(
    ("ndim", "changes"),
    [
        (2, {}),
        (2, {"in_channels": 3, "classes": ("a", "b"), "sigma_per_axis": False}),
        (3, {"spacing": (2.0, 1.0, 1.0), "levels": 1}),
    ],
)
def test_a_saved_model_comes_back_whole(ndim: int, changes: dict[str, Any], tmp_path: Path) -> None:
    model = model_of(ndim, **changes)
    again = SpatialEmbeddings.load(model.save(tmp_path / "deep" / "model"))
    assert again.card() == model.card()
    assert again.settings == model.settings
    assert again.pixel_size == (0.25,) * ndim
    shape = (model.settings.in_channels, *[20] * ndim)
    image = np.random.default_rng(0).random(shape)
    assert_same(again.predict_maps(image), model.predict_maps(image))


def test_a_model_from_scratch_needs_nothing_but_its_settings(tmp_path: Path) -> None:
    model = SpatialEmbeddings(ModelSettings(width=4, levels=1))
    again = SpatialEmbeddings.load(model.save(tmp_path))
    assert again.card() == model.card()
    assert not again.network.training


def test_half_precision_halves_the_file_and_hardly_moves_the_maps(tmp_path: Path) -> None:
    model = model_of(width=16)
    full, half = model.save(tmp_path / "full"), model.save(tmp_path / "half", half=True)
    assert (half / WEIGHTS).stat().st_size < 0.6 * (full / WEIGHTS).stat().st_size
    again = SpatialEmbeddings.load(half)
    assert {p.dtype for p in again.network.parameters()} == {torch.float32}
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    image = image_of()
    assert_same(again.predict_maps(image), model.predict_maps(image), 0.1)


def test_saving_replaces_an_older_model_and_leaves_nothing_else(folder: Path) -> None:
    newer = model_of(seed=1)
    newer.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == [CARD, WEIGHTS]
    image = image_of()
    assert_same(SpatialEmbeddings.load(folder).predict_maps(image), newer.predict_maps(image))


def test_the_card_is_there_to_be_read(folder: Path) -> None:
    card = json.loads((folder / CARD).read_text())
    assert card == json.loads(json.dumps(model_of().card()))
    assert (card["schema"], card["unit"]) == (SCHEMA, "micrometer")


def test_older_models_have_two_convolutions_a_block(tmp_path: Path) -> None:
    """Before schema 3 there was no choice, and nothing said so."""
    model = model_of(convolutions=2)
    model.save(tmp_path)

    def age(card: Card) -> None:
        card["schema"] = 2
        del card["model"]["convolutions"]

    rewrite(tmp_path, age)
    image = image_of()
    again = SpatialEmbeddings.load(tmp_path)
    assert again.settings == model.settings
    assert_same(again.predict_maps(image), model.predict_maps(image))


def test_a_save_that_died_between_its_two_files_still_loads(folder: Path) -> None:
    old_card = (folder / CARD).read_bytes()
    newer = model_of(seed=1, width=8)
    newer.save(folder)
    (folder / CARD).write_bytes(old_card)
    assert SpatialEmbeddings.load(folder).settings.width == 8


def test_a_save_that_fails_leaves_the_old_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        model_of(seed=1).save(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def put(key: str, value: Any, *path: str) -> Callable[[Card], None]:
    """Return a change of the card that sets a value, or removes it if it is `...`."""

    def change(card: Card) -> None:
        for name in path:
            card = card[name]
        if value is ...:
            del card[key]
        else:
            card[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("schema", SCHEMA + 1), "written by a newer version .*: upgrade"),
        (put("schema", ...), "not written by this program"),
        (lambda _: "{not json", "damaged"),
        (lambda _: "[1, 2]", "not written by this program"),
        (lambda _: "null", "not written by this program"),
        (put("clustering", ...), "'clustering' is missing"),
        (put("model", None), "does not fit together"),
        (put("pixel_size", 3), "does not fit together"),
        (put("width", 8, "model"), "size mismatch"),
        (put("levels", 3, "model"), "Missing key"),
        (put("convolutions", 2, "model"), "Missing key"),
        (put("levels", 1, "model"), "Unexpected key|size mismatch"),
        (put("in_channels", 2, "model"), "size mismatch"),
        (put("width", 7, "model"), "width: .* multiple of 4"),
        (put("colour", "red", "model"), "colour: Extra inputs"),
        (put("margin_factor", -1, "clustering"), "margin_factor: "),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    folder: Path, change: Callable[[Card], Any], message: str
) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelError, match=message) as caught:
        SpatialEmbeddings.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_weights_there_is_no_model(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=f"{folder} is no model: it has no {WEIGHTS}"):
        SpatialEmbeddings.load(folder)
    with pytest.raises(ModelError, match="is no model"):
        SpatialEmbeddings.load(folder / "nowhere")


INTERRUPTED_SAVES = """
import os, sys
from pathlib import Path

from interruptions import interrupt_each_change
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

model = SpatialEmbeddings(ModelSettings(width=4, levels=1), about={"data": "discs"})


def work(moment, begin):
    begin()
    model.save(Path(sys.argv[1]) / str(moment))
    return 0


interrupt_each_change(work, lambda path: os._exit(9), 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_save_into_a_new_folder_that_dies_leaves_no_model_or_a_whole_one(tmp_path: Path) -> None:
    child = start_python(INTERRUPTED_SAVES, str(tmp_path))
    output, complaint = child.communicate()
    assert (child.returncode, output, complaint) == (0, "", "")
    moments = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    loads = []
    for folder in moments:
        loads.append((folder / WEIGHTS).exists())
        if loads[-1]:
            assert SpatialEmbeddings.load(folder).about == {"data": "discs"}
            assert ModelCard.read(folder).about == {"data": "discs"}
        else:
            with pytest.raises(ModelError, match=f"{folder} is no model: it has no {WEIGHTS}"):
                SpatialEmbeddings.load(folder)
        SpatialEmbeddings(ModelSettings(width=4, levels=1)).save(folder)
        assert not SpatialEmbeddings.load(folder).about, "leftovers do not prevent another save"
    # The weights' file and its name, the card's file and its name, and the one that got through.
    assert loads == [False, False, True, True, True]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(folder: Path, share: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="is damaged: ") as caught:
        SpatialEmbeddings.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff" * 100, b"\0" * 5000, "{}".encode("utf-16"), b"PK\3\4"])
def test_another_kind_of_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match="is damaged: "):
        SpatialEmbeddings.load(folder)


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_nothing_is_ever_unpickled(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    torch.save(Bomb(mark), folder / WEIGHTS)
    with pytest.raises(ModelError, match="is damaged: "):
        SpatialEmbeddings.load(folder)
    (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ModelError, match="is damaged: "):
        SpatialEmbeddings.load(folder)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # the bomb is live
    assert mark.exists()
