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
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.previous import exchange_previous


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with a model, and another one before it."""
    project = Project.create(tmp_path / "project")
    for width in (4, 8):
        project.keep_previous()
        settings = ModelSettings(width=width, levels=2)
        SpatialEmbeddings(settings, network(settings)).save(project.model_folder)
    return project


def widths(project: Project) -> tuple[int, int]:
    """Return what tells the model from the one before."""
    folders = (project.model_folder, project.previous_folder)
    now, before = (SpatialEmbeddings.load(folder).settings.width for folder in folders)
    return now, before


def test_the_models_change_places_and_back(project: Project) -> None:
    assert widths(project) == (8, 4)
    exchange_previous(project)
    assert widths(project) == (4, 8)
    exchange_previous(project)
    assert widths(project) == (8, 4)
    assert not list(project.folder.rglob("*.part"))


def test_without_a_model_before_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model before"):
        exchange_previous(Project.create(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_on_a_full_disk_both_stay(project: Project) -> None:
    with no_room(), pytest.raises((Failure, InputError), match="cannot be written"):
        exchange_previous(project)
    assert widths(project) == (8, 4)
    assert not list(project.folder.rglob("*.part"))
