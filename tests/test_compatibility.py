"""Models, projects, maps and labels that version 0.1.0 wrote, under its names of fields."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings.files import read_image, read_labels, read_maps, read_settings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set

OLD = Path(__file__).parent / "data" / "version_0_1_0"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copytree(OLD / "project", tmp_path / "project")
    return Project.open(tmp_path / "project")


def test_a_model() -> None:
    model, card = SpatialEmbeddings.load(OLD / "model"), ModelCard.read(OLD / "model")
    assert (model.settings.working_diameter, model.image_diameter) == (15.0, 18.0)
    assert model.settings.classes == ("cell", "debris")
    assert (model.clustering.margin_factor, model.clustering.seed_threshold) == (1.3, 0.7)
    assert (model.pixel_size, model.unit) == ((0.5, 0.5), "um")
    assert (card.settings, card.clustering) == (model.settings, model.clustering)
    image = read_image(OLD / "project" / "images" / "cells.tif").data
    assert model.predict_maps(image).seed.shape == (2, 40, 48)


def test_a_project(project: Project) -> None:
    card = project.card
    assert (card.classes, card.start) == (("cell", "debris"), "cells-2d")
    assert card.clustering is not None
    assert (card.clustering.margin_factor, card.clustering.min_size) == (1.3, 5)
    assert card.prediction.tile == 256
    assert (card.training.minutes, card.training.pseudo_labels) == (3.0, False)
    assert card.from_scratch == {"width": 8}, "it was named fresh"
    assert card.training.object_diameter == 16.0, "it was set for a model from scratch"
    assert card.device == "auto"
    found = load_training_set(project)
    assert [image.n_objects for image in found.images] == [3]
    assert found.images[0].classes.tolist() == [0, 0, 1, 0]


def test_an_old_name_in_the_card_of_today(project: Project) -> None:
    path = project.folder / "project.json"
    facts = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**facts, "schema": 2, "device": "cpu", "training": {}}), "utf-8")
    assert Project.open(project.folder).card.from_scratch == facts["fresh"] != {}


def test_its_corrections(project: Project) -> None:
    corrections = project.corrections("cells")
    assert corrections is not None
    assert corrections.ids.tolist() == [1, 3]
    assert corrections.class_index.tolist() == [0, 0]
    assert sorted(np.unique(corrections.labels).tolist()) == [-1, 0, 1, 3]
    assert len(corrections.deleted) == 1, "counted in a file that does not hold how many"


def test_what_is_written_again_loads_again(project: Project) -> None:
    project.update(device="cpu")
    again = Project.open(project.folder)
    assert again.card == project.card
    assert again.card.device == "cpu"


def test_maps_and_labels() -> None:
    stored = read_maps(OLD / "cells.maps.zarr")
    assert stored.maps.shape == (40, 48)
    labels = read_labels(OLD / "cells.tif")
    assert np.unique(labels).tolist() == [0, 1, 2, 3]
    assert read_settings(OLD / "cells.tif")["model"] == "nuclei-2d"
