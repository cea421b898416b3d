"""Models as folders: what is saved comes back, and what is damaged says so."""

from __future__ import annotations

import json
import os
import pickle
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save

from builders import capsules, network, picture
from child_python import start_python
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.model import (
    CARD,
    SCHEMA,
    WEIGHTS,
    ModelError,
    SpatialEmbeddings,
)
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise

Card = dict[str, Any]


def model_of(ndim: int = 2, seed: int = 0, **changes: Any) -> SpatialEmbeddings:
    settings = ModelSettings.model_validate(
        {"ndim": ndim, "spacing": (1.0,) * ndim, "width": 4, "levels": 2, **changes}
    )
    return SpatialEmbeddings(
        settings,
        network(settings, seed),
        ClusteringSettings(seed_threshold=0.7, min_size=3),
        pixel_size=(0.25,) * ndim,
        unit="micrometer",
        history=[{"step": 10, "ap50": 0.5}],
        about={"data": "discs"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_of().save(tmp_path / "model")


def image_of(channels: int = 1) -> NDArray[np.float32]:
    return picture(capsules((40, 50), 1), channels=channels)


def assert_same(a: EmbeddingMaps, b: EmbeddingMaps, tolerance: float = 0.0) -> None:
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), tolerance, tolerance)


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


@pytest.mark.parametrize(
    ("model", "image", "message"),
    [
        (
            {},
            np.zeros((2, 8, 8)),
            "with 1 channel, this is a 2D image with 2 channels",
        ),
        (
            {},
            np.zeros((8, 8, 8, 8)),
            "2D images .*, this is a 3D volume with 8 channels",
        ),
        ({}, np.zeros(8), "takes 2D images"),
        ({"in_channels": 3}, np.zeros((8, 8)), "takes 2D images with 3 channels"),
        (
            {"in_channels": 3},
            np.zeros((8, 8, 3)),
            "with 3 channels, this is a 2D image with 8",
        ),
        ({"ndim": 3}, np.zeros((8, 8)), "takes 3D volumes"),
        ({}, np.zeros((0, 8)), r"the image is empty: its shape is \(1, 0, 8\)"),
        ({}, np.zeros((8, 8), complex), "has type complex128"),
        ({}, np.zeros((8, 8), object), "has type object"),
        ({}, np.full((8, 8), np.nan), "NaN or infinite"),
        ({}, np.full((8, 8), np.inf), "NaN or infinite"),
    ],
)
def test_an_image_that_does_not_fit_says_why(
    model: dict[str, Any], image: NDArray[Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        model_of(**model).predict_maps(image)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_any_real_type_with_or_without_a_channel_axis(dtype: Any) -> None:
    model, image = model_of(), (255 * (image_of() > 0.5)).astype(dtype)
    maps = model.predict_maps(image[0])
    assert maps.offsets.dtype == maps.sigma.dtype == maps.seed.dtype == np.float32
    assert_same(model.predict_maps(image), maps)
    assert_same(model.predict_maps(image.astype(float)), maps, 1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (17, 3)])
def test_images_of_any_size(shape: tuple[int, int]) -> None:
    maps = model_of(levels=3).predict_maps(np.ones(shape))
    assert maps.shape == shape
    assert np.isfinite(maps.offsets).all()


def test_prediction_normalises_the_whole_image_not_its_tiles() -> None:
    model = model_of()
    image = image_of()
    image[:, :, 25:] *= 1000
    tiles = PredictionSettings(tile=16, halo=48)
    maps = model.predict_maps(image, tiles)
    scaled = normalise(image, normalisation(image, model.settings))
    assert_same(maps, deque(model.predicting_normalised(scaled, tiles), maxlen=1)[0].maps)
    assert_same(maps, model.predict_maps(image), 1e-4)


def test_segmenting_is_predicting_and_clustering() -> None:
    model, image = model_of(), image_of()
    model.clustering = ClusteringSettings(seed_threshold=0.4, foreground_threshold=0.2, min_size=1)
    maps = model.predict_maps(image)
    found = model.segment(image)
    assert len(found) > 0
    np.testing.assert_array_equal(found.labels, cluster(maps, model.clustering).labels)
    other = ClusteringSettings(seed_threshold=1.0)
    np.testing.assert_array_equal(model.segment(image, other).labels, cluster(maps, other).labels)


def test_progress_ends_with_complete_maps() -> None:
    model, image = model_of(), image_of()
    reports = list(model.predicting(image, PredictionSettings(tile=16, halo=48)))
    assert [r.done for r in reports] == list(range(1, len(reports) + 1))
    assert reports[-1].total == len(reports) == 12
    assert_same(reports[-1].maps, model.predict_maps(image), 1e-4)
