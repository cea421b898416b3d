"""The NumPy reference of the clustering: equal to ours, in a process that has NumPy alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.exchange import reference
from napari_spatial_embeddings.inference.exchange.facts import reference_source
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_model, shipped

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import reference
given = np.load("maps.npz")
settings = json.load(open("settings.json"))
maps = [given[name] for name in ("offsets", "sigma", "seed")]
labels, classes = reference.instances(*maps, tuple(given["spacing"]), **settings)
np.savez("found.npz", labels=labels, classes=classes)
found = {name.partition(".")[0] for name in sys.modules}
assert not found & {"torch", "scipy", "numba", "napari_spatial_embeddings"}, found
"""


def predicted(name: str) -> tuple[EmbeddingMaps, ClusteringSettings]:
    model = find_model(name)
    sample = samples.blobs() if model.settings.ndim == 3 else samples.crowded_nuclei(size=192)
    prediction = PredictionSettings(device="cpu", object_diameter=model.settings.working_diameter)
    spacing = (2.0, 1.0, 1.0) if model.settings.ndim == 3 else None
    image = np.repeat(sample.image, model.settings.in_channels, 0)
    if model.about.get("colours"):
        image = image.max() - image  # stained, and bright around
    return model.predict_maps(image, prediction, spacing), model.clustering


def test_it_is_short() -> None:
    assert len(reference_source().splitlines()) <= 60
    imported = [x for x in reference_source().splitlines() if x.startswith(("import", "from"))]
    assert imported == ["import math", "import numpy as np", "import numpy.typing as npt"]


@pytest.mark.parametrize("name", shipped())
def test_finds_what_we_find_with_numpy_alone(name: str, tmp_path: Path) -> None:
    maps, own = predicted(name)
    (tmp_path / "reference.py").write_text(reference_source(), "utf-8")
    fields = {n: getattr(maps, n) for n in ("offsets", "sigma", "seed", "spacing")}
    np.savez(tmp_path / "maps.npz", **fields)
    numpy = Path(np.__file__).parent
    alone = tmp_path / "site"
    alone.mkdir()
    for folder in (numpy, numpy.with_name("numpy.libs")):
        if folder.exists():
            (alone / folder.name).symlink_to(folder, target_is_directory=True)
    low = own.updated(seed_threshold=0.5, margin_factor=1.3, min_size=1, min_free_fraction=0.2)
    for settings in (own, low):
        (tmp_path / "settings.json").write_text(settings.model_dump_json())
        subprocess.run(
            [sys.executable, "-S", "-c", SCRIPT, str(alone)],
            cwd=tmp_path,
            check=True,
            env={"PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        )
        ours = cluster(maps, settings)
        assert len(ours) > 10
        with np.load(tmp_path / "found.npz") as found:
            np.testing.assert_array_equal(found["labels"], ours.labels)
            np.testing.assert_array_equal(found["classes"], ours.class_index)


def test_odd_values_belong_to_nothing() -> None:
    rng = np.random.default_rng(0)
    offsets = rng.normal(0, 2, (2, 20, 30)).astype(np.float32)
    sigma = rng.uniform(0.1, 3, (1, 20, 30)).astype(np.float32)
    sigma[0, :4] = np.nan
    offsets[:, 4:6] = np.inf
    seed = rng.uniform(0, 1, (3, 20, 30)).astype(np.float32).round(1)  # many ties
    settings = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.1, min_size=2)
    ours = cluster(EmbeddingMaps(offsets, sigma, seed, (1.0, 1.0)), settings)
    fields = json.loads(settings.model_dump_json())
    labels, classes = reference.instances(offsets, sigma, seed, (1.0, 1.0), **fields)
    np.testing.assert_array_equal(labels, ours.labels)
    np.testing.assert_array_equal(classes, ours.class_index)


def test_normalises_as_we_do() -> None:
    model = find_model("nuclei-2d")
    image = np.stack([samples.nuclei().image[0], samples.rods().image[0]])
    ours = normalise(image, normalisation(image, model.settings))
    low, high = model.settings.low_percentile, model.settings.high_percentile
    np.testing.assert_allclose(reference.normalised(image, low, high), ours, atol=1e-5)
