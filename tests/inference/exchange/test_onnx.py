"""ONNX files: onnxruntime gives torch's maps, for any size and batch; and they are read back."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps, sigma_of, split
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.exchange import graph
from napari_spatial_embeddings.inference.exchange.exporting import export_model
from napari_spatial_embeddings.inference.exchange.importing import digest_of, import_model
from napari_spatial_embeddings.inference.exchange.onnx_file import read_model
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelError
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_folder, find_model, shipped
from small_models import assert_same, image_of, model_of

pytestmark = pytest.mark.usefixtures("library")

COARSE: dict[str, Any] = {"ndim": 3, "spacing": (4.0, 1.0, 1.0), "levels": 3}

KINDS: dict[str, dict[str, Any]] = {
    "2D": {},
    "2D, one sigma, three classes": {"sigma_per_axis": False, "classes": ("a", "b", "c")},
    "2D, two channels, deep": {"in_channels": 2, "levels": 4, "convolutions": 2, "width": 8},
    "2D, one level": {"levels": 1, "convolutions": 3},
    "2D, carried over from one channel": {"in_channels": 3, "mixtures": 1, "levels": 1},
    "2D, no maxima": {"in_channels": 2, "mixtures": 0},
    "3D, carried over from two": {"ndim": 3, "in_channels": 1, "mixtures": 2},
    "2D, unequal axes": {"spacing": (1.0, 2.5), "levels": 3},
    "3D": {"ndim": 3, "spacing": (1.0, 1.0, 1.0)},
    "3D, coarse slices": COARSE,
}


@lru_cache(2)
def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def exported(model: SpatialEmbeddings, folder: Path) -> Path:
    return export_model(model.save(folder / "m"), "onnx", folder / "m.onnx")


def by_torch(model: SpatialEmbeddings, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return offsets, sigma and seed of a batch: the plain network's, on mirrored images."""
    steps = multiple(model.settings)
    space = images.shape[2:]
    more = [(0, -n % step) for n, step in zip(space, steps, strict=True)]
    padded = np.pad(images, [(0, 0), (0, 0), *more], mode="symmetric")
    with torch.no_grad():
        raw = model.network(torch.from_numpy(padded))
    raw = raw[(..., *(slice(0, n) for n in space))]
    offsets, log_sigma, seed = split(raw, model.settings)
    maps = offsets, sigma_of(log_sigma, model.settings), seed.sigmoid()
    return [part.numpy() for part in maps]


def assert_equal(
    model: SpatialEmbeddings, path: Path, images: NDArray[np.float32], rtol: float = 0.0
) -> None:
    found = session(path).run(None, {"image": images})
    for ours, theirs in zip(by_torch(model, images), found, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(theirs, ours, rtol, atol=1e-4)


def noise(model: SpatialEmbeddings, batch: int, space: tuple[int, ...]) -> NDArray[np.float32]:
    shape = batch, model.settings.in_channels, *space
    return np.random.default_rng(0).uniform(-1, 2, shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_any_network_of_any_size_and_batch(kind: str, tmp_path: Path) -> None:
    model = model_of(**KINDS[kind])
    path = exported(model, tmp_path)
    whole = tuple(2 * step for step in multiple(model.settings))
    ndim = len(whole)
    for batch, space in (1, whole), (2, (33, 31, 19)[:ndim]), (3, (5, 7, 3)[:ndim]):
        assert_equal(model, path, noise(model, batch, space), 1e-4)
    assert_equal(model, path, noise(model, 1, (1,) * ndim), 1e-4)


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_models(name: str, tmp_path: Path) -> None:
    path = export_model(name, "onnx", tmp_path / "m.onnx")
    model = find_model(name)
    volumes = model.settings.ndim == 3
    sizes = [(13, 31, 40)] if volumes else [(63, 61), (100, 17), (64, 160)]
    made = samples.blobs if volumes else samples.nuclei
    channels = model.settings.in_channels
    pixels = [np.repeat(made(k).image, channels, 0) for k in (0, 1)]
    images = [normalise(image, normalisation(image, model.settings)) for image in pixels]
    for space in sizes:
        window = (slice(None), *(slice(0, n) for n in space))
        assert_equal(model, path, np.stack([image[window] for image in images]))


def test_the_file_is_one_and_has_all_that_is_needed(tmp_path: Path) -> None:
    model = model_of(in_channels=2)
    path = exported(model, tmp_path)
    read = onnx.load(str(path), load_external_data=False)
    assert not any(tensor.data_location for tensor in read.graph.initializer)
    (given,) = read.graph.input
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == [
        "batch",
        2,
        "y",
        "x",
    ]
    facts = json.loads({p.key: p.value for p in read.metadata_props}["napari-spatial-embeddings"])
    assert facts["model"] == "m"
    assert facts["weights_sha256"] == digest_of(tmp_path / "m")
    assert facts["input"]["low_percentile"] == model.settings.low_percentile
    assert facts["input"]["object_diameter_px"] == model.settings.working_diameter
    assert facts["input"]["pixel_size"] == [0.25, 0.25]
    assert facts["clustering"] == model.clustering.model_dump()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "m.onnx"]
    again = export_model(tmp_path / "m", "onnx", tmp_path / "again.onnx")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("ending", [".onnx", ".zip", ""])
def test_comes_back_with_the_same_predictions(ending: str, tmp_path: Path) -> None:
    model = model_of(classes=("a", "b"))
    folder = model.save(tmp_path / "m")
    shared = export_model(folder, "onnx", tmp_path / f"shared{ending}")
    back = SpatialEmbeddings.load(import_model(shared))
    assert back.card() == model.card()
    assert_same(back.predict_maps(image_of()), model.predict_maps(image_of()))


def test_a_folder_without_our_weights_is_read_by_its_graph(tmp_path: Path) -> None:
    shared = export_model(model_of().save(tmp_path / "m"), "onnx", tmp_path / "shared")
    (shared / "model.safetensors").unlink()
    back = SpatialEmbeddings.load(import_model(shared))
    assert_same(back.predict_maps(image_of()), model_of().predict_maps(image_of()))


def test_half_precision_stays(tmp_path: Path) -> None:
    name = next(iter(shipped()))
    shared = export_model(name, "onnx", tmp_path / "shared")
    assert digest_of(shared) == digest_of(find_folder(name))
    assert_same_state(read_model(shared / "model.onnx"), find_model(name))


def assert_same_state(one: SpatialEmbeddings, two: SpatialEmbeddings) -> None:
    pairs = zip(one.network.state_dict().items(), two.network.state_dict().items(), strict=True)
    assert all(a == b and torch.equal(v, w) for (a, v), (b, w) in pairs)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    path = exported(model_of(), tmp_path)
    whole = path.read_bytes()
    read = onnx.load(str(path), load_external_data=False)
    foreign = onnx.ModelProto()
    foreign.CopyFrom(read)
    del foreign.metadata_props[:]
    incomplete = onnx.ModelProto()
    incomplete.CopyFrom(read)
    del incomplete.graph.initializer[0]
    for content, reason in (
        (b"", "another program"),
        (b"no protobuf at all", "is damaged"),
        (whole[:5000], "is damaged"),
        (foreign.SerializeToString(), "another program"),
        (incomplete.SerializeToString(), "does not fit together"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=reason) as caught:
            import_model(path)
        assert str(path) in str(caught.value)


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_of().save(tmp_path / "m")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(InputError, match=r"napari-spatial-embeddings\[exchange\]"):
        export_model(folder, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert graph.EXTRA == "exchange"


def test_the_page_shows_how_to_get_instances(tmp_path: Path) -> None:
    """What stands in the page is run, with numpy and onnxruntime alone."""
    import subprocess
    import sys

    name = next(n for n in shipped() if n.endswith("2d"))
    model = find_model(name)
    shared = export_model(name, "onnx", tmp_path / "shared")
    image = image_of()
    np.save(shared / "image.npy", image)
    page = (shared / "README.md").read_text("utf-8")
    script = page.split("```python\n")[1].split("```")[0] + "np.save('labels.npy', labels)\n"
    subprocess.run([sys.executable, "-c", script], cwd=shared, check=True)
    prediction = PredictionSettings(device="cpu", object_diameter=model.settings.working_diameter)
    ours = model.segment(image, prediction=prediction)
    theirs = np.load(shared / "labels.npy")
    assert len(ours) > 0
    assert (theirs > 0).sum() > 0
    # Rounding may move a pixel at a border.
    assert ((theirs > 0) == (ours.labels > 0)).mean() > 0.999
    assert theirs.max() == len(ours)
    assert isinstance(model.predict_maps(image), EmbeddingMaps)
