"""The model from before the last training comes back, and goes again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builders import network
from interruptions import no_room
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import CARD, ModelCard
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.previous import (
    exchange_previous,
    has_previous,
    keep_previous,
)


def train(project: Project, width: int) -> None:
    """Leave what a training leaves; the width tells the model from others."""
    keep_previous(project)
    settings = ModelSettings(width=width, levels=2)
    SpatialEmbeddings(settings, network(settings)).save(project.model_folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with a model, and another one before it."""
    project = Project.create(tmp_path / "project")
    for width in (4, 8):
        train(project, width)
    return project


def widths(project: Project) -> tuple[int | None, int | None]:
    """Return what tells the model from the one before; None where there is none."""
    now, before = (
        SpatialEmbeddings.load(folder).settings.width if list(folder.glob("*")) else None
        for folder in (project.model_folder, project.previous_folder)
    )
    return now, before


def test_the_models_change_places_and_back(project: Project) -> None:
    assert widths(project) == (8, 4)
    exchange_previous(project)
    assert widths(project) == (4, 8)
    assert project.history.last().back
    exchange_previous(project)
    assert widths(project) == (8, 4)
    assert not project.history.last().back
    assert not list(project.folder.rglob("*.part"))


def test_a_training_that_was_killed_between_weights_and_card_is_followed_by_another(
    project: Project,
) -> None:
    (project.model_folder / CARD).unlink()
    exchange_previous(project)
    assert widths(project) == (4, 8)
    exchange_previous(project)
    assert widths(project) == (8, 4)
    assert not (project.model_folder / CARD).exists()
    assert ModelCard.read(project.model_folder).settings.width == 8
    train(project, 16)
    assert widths(project) == (16, 8)
    assert not (project.previous_folder / CARD).exists(), "it would be of another model"


def test_a_first_model_goes_and_comes_back(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    train(project, 4)
    assert widths(project) == (4, None)
    exchange_previous(project)
    assert widths(project) == (None, 4)
    assert not project.has_model
    exchange_previous(project)
    assert widths(project) == (4, None)
    assert not has_previous(project)


def test_a_model_that_was_put_back_is_not_the_one_before_the_next(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    train(project, 4)
    exchange_previous(project)
    train(project, 8)
    assert widths(project) == (8, None)


def test_another_training_is_not_taken_back(project: Project) -> None:
    exchange_previous(project)
    project.history.note({"event": "start"})
    assert not project.history.last().back


def test_without_a_model_before_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model before"):
        exchange_previous(Project.create(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_on_a_full_disk_both_stay(project: Project) -> None:
    with no_room(), pytest.raises((Failure, InputError), match="cannot be written"):
        exchange_previous(project)
    assert widths(project) == (8, 4)
    assert not list(project.folder.rglob("*.part"))


def test_models_that_cannot_both_be_copied_stay(project: Project) -> None:
    """A card beside the weights of another model would be worse than an error."""
    weights = project.previous_folder / "model.safetensors"
    kept = weights.read_bytes()
    weights.unlink()
    weights.mkdir()
    cards = [f / "model.json" for f in (project.model_folder, project.previous_folder)]
    before = [card.read_text() for card in cards]
    with pytest.raises(InputError, match="cannot be"):
        exchange_previous(project)
    assert [card.read_text() for card in cards] == before
    weights.rmdir()
    weights.write_bytes(kept)
    assert widths(project) == (8, 4)
