"""The training set of a project: what is drawn, and what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.files import read_regions
from napari_spatial_embeddings.project import (
    Annotation,
    Project,
    ProjectError,
)
from napari_spatial_embeddings.project.training_set import load_training_set

from .conftest import annotation


def test_trains_on_what_is_drawn(project: Project) -> None:
    found = load_training_set(project)
    assert [image.name for image in found.images] == ["cells 0"], "the other has nothing on it"
    assert (found.classes, found.unit) == (("object",), "um")
    assert found.pixel_size == pytest.approx((0.3, 0.3))
    (image,) = found.images
    drawn = annotation().labels
    region = read_regions(project.folder / "regions/cells_0.csv", (64, 64))
    stroke = drawn == 70_000
    np.testing.assert_array_equal(image.labels > 0, (drawn > 0) & ~stroke)
    np.testing.assert_array_equal(image.labels == 0, stroke | (region & (drawn == 0)))
    assert image.n_objects == len(np.unique(drawn)) - 2


@pytest.mark.parametrize("unlabelled", ["background", "ignore"])
@pytest.mark.parametrize("scribbled", [False, True])
def test_what_is_not_drawn(project: Project, unlabelled: str, scribbled: bool) -> None:
    assert project.card.unlabelled == "ignore"
    project.update(unlabelled=unlabelled)
    labels = annotation().labels
    project.save_annotation("cells_0", Annotation(labels, scribbled=scribbled))
    (image,) = load_training_set(project).images
    assert image.scribbled == scribbled
    assert (image.labels == 0).any() != scribbled
    assert (image.labels == IGNORE).any() == (scribbled or unlabelled == "ignore")


def test_a_region_without_objects_is_background(project: Project) -> None:
    box = annotation().regions
    project.save_annotation("cells_1", Annotation(np.zeros((64, 64), np.int32), {}, box))
    images = load_training_set(project).images
    assert [image.n_objects for image in images] == [8, 0]
    assert (images[1].labels == 0).sum() == read_regions(
        project.folder / "regions/cells_1.csv", (64, 64)
    ).sum()


def test_classes(project: Project) -> None:
    project.update(classes=("long", "round"))
    labels = annotation().labels
    project.save_annotation("cells_0", Annotation(labels, {2: "round", 70_000: BACKGROUND}))
    (image,) = load_training_set(project).images
    assert image.classes[1:].tolist() == [0, 1] + [0] * 6


def test_nothing_drawn(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    with pytest.raises(ProjectError, match="nothing is annotated yet"):
        load_training_set(project)
    key = project.add_image(data=np.zeros((1, 9, 9), np.uint8)).key
    project.save_annotation(key, Annotation(np.zeros((9, 9), np.int32)))
    with pytest.raises(ProjectError, match="nothing is annotated yet"):
        load_training_set(project)


def test_images_of_two_kinds(project: Project) -> None:
    key = project.add_image(data=np.zeros((2, 64, 64), np.uint8)).key
    project.save_annotation(key, annotation())
    with pytest.raises(ValueError, match=r"has 1 channel and .* has 2 channels .* of one kind"):
        load_training_set(project)


def test_uses_no_torch(project: Project) -> None:
    """It is opened long before anything is predicted."""
    script = (
        "import sys; from napari_spatial_embeddings.project import Project;"
        "from napari_spatial_embeddings.project.training_set import load_training_set;"
        f"load_training_set(Project.open({str(project.folder)!r}));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
