"""Packages for bioimage.io: what they hold, that they come back, and that its own test passes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from PIL import Image

from command_line import done
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.exchange.exporting import export_model
from napari_spatial_embeddings.inference.exchange.graph import OUTPUTS
from napari_spatial_embeddings.inference.exchange.importing import digest_of, import_model
from napari_spatial_embeddings.inference.exchange.reference import normalised
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import shipped
from small_models import assert_same, image_of, model_of

pytestmark = pytest.mark.usefixtures("library")

PINNED = (
    "bioimageio.core==0.11.0",
    "bioimageio.spec==0.5.12.0",
    "pydantic==2.13.5",
    "onnxruntime==1.32.0",
    "onnx==1.23.2",
)
"""Versions that were seen to work together."""

CHECK = """
import sys
from bioimageio.core import test_description
summary = test_description(sys.argv[1])
print(summary.status)
sys.exit(summary.status != "passed" and summary.format())
"""

KINDS: dict[str, dict[str, Any]] = {
    "2D": {},
    "2D, two channels, two classes": {"in_channels": 2, "mixtures": 1, "classes": ("a", "b")},
    "3D, coarse slices": {"ndim": 3, "spacing": (4.0, 1.0, 1.0), "sigma_per_axis": False},
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of packages, one of each kind. To be read only."""
    folder, found = tmp_path_factory.mktemp("packages"), {}
    for number, (kind, changes) in enumerate(KINDS.items()):
        model = model_of(**changes).save(folder / f"{number}-model")
        found[kind] = export_model(model, "bioimageio", folder / f"{number}", authors=["A. B."])
    return found


def described(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "rdf.yaml").read_text("utf-8"))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_description_is_true(packages: dict[str, Path], kind: str) -> None:
    folder = packages[kind]
    rdf, settings = described(folder), model_of(**KINDS[kind]).settings
    assert rdf["authors"] == [{"name": "A. B."}]
    named = [*rdf["attachments"], rdf["weights"]["onnx"]]
    named += [tensor["test_tensor"] for tensor in [*rdf["inputs"], *rdf["outputs"]]]
    for file in named:
        assert hashlib.sha256((folder / file["source"]).read_bytes()).hexdigest() == file["sha256"]
    others = {rdf["documentation"], *rdf["covers"], "rdf.yaml"}
    assert {f["source"] for f in named} | others == {p.name for p in folder.iterdir()}
    own = rdf["config"]["napari-spatial-embeddings"]
    assert own["weights_sha256"] == digest_of(folder)
    assert own["model"].endswith("-model")
    (given,) = rdf["inputs"]
    image = np.load(folder / "test_input.npy")
    for length, axis, (output, *_) in zip(
        image.shape[2:],
        given["axes"][2:],
        zip(*(o["axes"][2:] for o in rdf["outputs"]), strict=True),
        strict=True,
    ):
        assert length == axis["size"]["min"] > 2 * output.get("halo", 0)
        assert output.get("halo", 0) % axis["size"]["step"] == 0
        assert output.get("halo", 1) > 0, "the specification has no halo of 0"
        assert output["scale"] == axis["scale"]
    assert image.dtype == np.float32
    assert len(given["axes"][1]["channel_names"]) == settings.in_channels


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_gives_the_test_tensors(packages: dict[str, Path], kind: str) -> None:
    folder = packages[kind]
    (scale, clip) = described(folder)["inputs"][0]["preprocessing"]
    percentiles = scale["kwargs"]["min_percentile"], scale["kwargs"]["max_percentile"]
    assert clip["kwargs"] == {"min": -4, "max": 4}
    assert not {"batch", "channel"} & set(scale["kwargs"]["axes"])
    image = normalised(np.load(folder / "test_input.npy")[0], *percentiles)
    found = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"image": image[None]})
    for name, array in zip(("offsets", "sigma", "seed"), found, strict=True):
        expected = np.load(folder / f"test_{name}.npy")
        assert expected.dtype == np.float32
        np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_comes_back_with_the_same_predictions(packages: dict[str, Path], kind: str) -> None:
    model, back = model_of(**KINDS[kind]), SpatialEmbeddings.load(import_model(packages[kind]))
    assert back.card() == model.card()
    channels = model.settings.in_channels
    image = image_of(channels) if model.settings.ndim == 2 else image_of()[:, None].repeat(8, 1)
    assert_same(back.predict_maps(image), model.predict_maps(image))


def test_a_shipped_model_has_authors_a_licence_and_objects_on_its_cover(tmp_path: Path) -> None:
    name = next(n for n in shipped() if n.startswith("nuclei-2d"))
    path = tmp_path / "nuclei.zip"
    assert done("models", "export", name, "--format", "bioimageio", "--output", path).out
    with zipfile.ZipFile(path) as package:
        rdf = yaml.safe_load(package.read("rdf.yaml"))
        assert rdf["license"] == "BSD-3-Clause"
        assert rdf["authors"] == [{"name": "napari-spatial-embeddings developers"}]
        assert rdf["name"] == name
        cover = Image.open(io.BytesIO(package.read("cover.png")))
        assert cover.width == 2 * cover.height >= 400
        left, right = np.split(np.asarray(cover).astype(int), 2, axis=1)
        assert (left != right).any(-1).mean() > 0.1
        arrays = [np.load(io.BytesIO(package.read(f"test_{n}.npy")))[0] for n in OUTPUTS]
        card = json.loads(package.read("model.json"))
    maps = EmbeddingMaps(arrays[0], arrays[1], arrays[2], (1.0, 1.0))
    assert len(cluster(maps, model_of().clustering.updated(**card["clustering"]))) > 5


@pytest.mark.slow
def test_bioimageios_own_test_passes(packages: dict[str, Path], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    for name in shipped():
        export_model(name, "bioimageio", tmp_path / f"{name}.zip")
    for path in [*packages.values(), *(tmp_path / f"{name}.zip" for name in shipped())]:
        description = path / "rdf.yaml" if path.is_dir() else path
        subprocess.run([python, "-c", CHECK, description], cwd=tmp_path, check=True)
