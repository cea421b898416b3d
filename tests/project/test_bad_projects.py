"""Errors in a project are sentences, and its files stay."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import cells, contents, save
from damage import Spoil, cut, edited, refusals, tiff, write
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.files import FileError, Region, read_settings
from napari_spatial_embeddings.project import Annotation, Project, ProjectError, WrongImage
from napari_spatial_embeddings.project.corrections import read_corrections, write_corrections
from napari_spatial_embeddings.project.training_set import load_training_set

from .conftest import annotation, corrections

CARD = "project.json"


def every_read(project: Project) -> None:
    for entry in Project.open(project.folder).card.images:
        project.image(entry.key)
        project.annotation(entry.key)
        project.corrections(entry.key)


# ----------------------------------------------------------------------------------- opening


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="there is no folder"):
        Project.open(tmp_path / "nowhere")
    with pytest.raises(ProjectError, match=r"is not a project: it has no project\.json"):
        Project.open(tmp_path)


def test_a_project_is_not_made_twice(project: Project) -> None:
    before = contents(project.folder)
    with pytest.raises(ProjectError, match="holds a project already"):
        Project.create(project.folder)
    assert contents(project.folder) == before


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (write(CARD, b""), "is empty"),
        (cut(CARD), "is damaged"),
        (write(CARD, b"\xff\xfe\x00"), "is damaged"),
        (write(CARD, b"[]"), "was not written by this program"),
        (edited(CARD, lambda f: f.pop("schema")), "was not written by this program"),
        (edited(CARD, lambda f: f.update(schema=99)), r"newer version \(\d.*upgrade"),
        (edited(CARD, lambda f: f.update(colour=1)), "damaged.*colour"),
        (edited(CARD, lambda f: f.update(classes=[])), "damaged.*classes"),
        (edited(CARD, lambda f: f.update(classes=["background"])), "'background' is no class"),
        (
            edited(CARD, lambda f: f.update(from_scratch={"width": 7})),
            "damaged.*from_scratch.*width",
        ),
        (edited(CARD, lambda f: f.update(fresh={"ndim": 3})), "ndim is known from the images"),
        (edited(CARD, lambda f: f["images"][0].pop("path")), r"damaged.*images\.0\.path"),
        (edited(CARD, lambda f: f["images"][0].update(key="../x")), r"damaged.*images\.0\.key"),
        (edited(CARD, lambda f: f["images"].append(f["images"][0])), "two images have the same"),
        (edited(CARD, lambda f: f["images"][0].update(pixel_size=[1])), "1 values for 2 axes"),
    ],
)
def test_a_spoilt_card(project: Project, spoil: Spoil, text: str) -> None:
    spoil(project.folder)
    with pytest.raises(InputError, match=text) as caught:
        Project.open(project.folder)
    assert "\n" not in str(caught.value)


def test_a_card_of_which_a_part_is_missing_or_broken_is_refused_or_of_use(project: Project) -> None:
    def use(facts: dict[str, Any]) -> None:
        (project.folder / CARD).write_text(json.dumps(facts))
        found = Project.open(project.folder)
        for entry in found.card.images:
            assert found.image(entry.key).data.shape

    facts = json.loads((project.folder / CARD).read_text())
    assert len(refusals(facts, use, InputError, "images", "training")) > 200


def test_corrections_of_which_a_part_is_missing_or_broken_are_refused_or_of_use(
    tmp_path: Path,
) -> None:
    path, labels = tmp_path / "corrections.tif", np.eye(8, dtype=np.int32)
    write_corrections(path, corrections(labels, 1))

    def use(facts: dict[str, Any]) -> None:
        write_labels(path, labels, settings=facts)
        found = read_corrections(path, (8, 8))
        assert found.labels.shape == (8, 8)
        assert len(found.ids) == len(found.score) == len(found.centre)

    assert len(refusals(read_settings(path), use, FileError)) > 50


LABELS, REGIONS, CORRECTIONS = (
    "annotations/cells_0.tif",
    "regions/cells_0.csv",
    "corrections/cells_0.tif",
)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (write(LABELS, b""), "is empty"),
        (cut(LABELS), "cells_0.tif.* (damaged|truncated)"),
        (tiff(LABELS, np.zeros((9, 9), np.uint8)), r"has shape \(9, 9\), its image \(64, 64\)"),
        (tiff(LABELS, np.full((64, 64), 0.5, np.float32)), "are not whole, such as 0.5"),
        (tiff(LABELS, np.full((64, 64), 2**32 - 1, np.uint32)), "holds labels above 2147483647"),
        (
            tiff(LABELS, np.eye(64, dtype=np.uint8), metadata={"settings": {"classes": 1}}),
            "is damaged: classes",
        ),
        (write(REGIONS, b""), "is empty"),
        (write(REGIONS, b"a,b\n1,2\n"), "has no column 'index'"),
        (write(CORRECTIONS, b"II*"), "cells_0.tif.* damaged"),
        (tiff(CORRECTIONS, np.eye(64, dtype=np.uint8)), "cells_0.tif.* damaged"),
    ],
)
def test_a_spoilt_file_of_an_image(project: Project, spoil: Spoil, text: str) -> None:
    project.save_corrections("cells_0", corrections(annotation().labels))
    spoil(project.folder)
    with pytest.raises(FileError, match=text) as caught:
        every_read(project)
    assert "\n" not in str(caught.value)


def test_an_annotation_without_our_note_is_taken_as_it_is(project: Project) -> None:
    """A label image of another program was put here."""
    labels = np.eye(64, dtype=np.uint8)
    save(project.folder / LABELS, labels, imagej=True, metadata={"Info": "drawn by hand"})
    found = project.annotation("cells_0")
    assert found is not None
    np.testing.assert_array_equal(found.labels, labels)
    assert (dict(found.classes), found.scribbled) == ({}, False)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.abort, ()


def test_unpickles_nothing(project: Project) -> None:
    bomb = pickle.dumps(Bomb())
    names = CARD, LABELS, REGIONS, CORRECTIONS
    good = {name: (project.folder / name).read_bytes() for name in names[:3]}
    for name in names:
        write(name, bomb)(project.folder)
        with pytest.raises(InputError):
            every_read(project)
        if name in good:
            write(name, good[name])(project.folder)


# ----------------------------------------------------------------------------- what is added


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "neither a file nor pixels"),
        (np.zeros((9, 9), np.uint8), r"shape \(9, 9\); expected real numbers, channels first"),
        (np.zeros((1, 0, 9), np.uint8), "expected real numbers"),
        (np.zeros((1, 9, 9), complex), "type complex128"),
    ],
)
def test_no_image(project: Project, data: Any, text: str) -> None:
    before = contents(project.folder)
    with pytest.raises(ProjectError, match=text):
        project.add_image(data=data)
    assert contents(project.folder) == before


def test_an_image_that_cannot_be_added(project: Project, tmp_path: Path) -> None:
    before = contents(project.folder)
    with pytest.raises(FileError, match="there is no file"):
        project.add_image(tmp_path / "nowhere.tif")
    raw = tmp_path / "raw/cells 0.tif"
    with pytest.raises(FileError, match="has 1 channel, none with the index 3"):
        project.add_image(raw, channels=[0, 3])
    with pytest.raises(ProjectError, match="3 values for 2 axes"):
        project.add_image(raw, pixel_size=(1, 2, 3), channels=[0])
    with pytest.raises(ProjectError, match="pixel_size"):
        project.add_image(raw, pixel_size=(0, 1), channels=[0])
    assert contents(project.folder) == before


def test_an_annotation_that_does_not_fit(project: Project) -> None:
    before = contents(project.folder)
    with pytest.raises(ProjectError, match=r"the labels have shape \(9, 9\), .* \(64, 64\)"):
        project.save_annotation("cells_0", Annotation(np.zeros((9, 9), np.int32)))
    small = corrections(np.zeros((9, 9), np.int32))
    with pytest.raises(ProjectError, match=r"the labels have shape \(9, 9\)"):
        project.save_corrections("cells_0", small)
    labels = annotation().labels
    with pytest.raises(FileError, match="labels from -1 to 69999"):
        project.save_annotation("cells_0", Annotation(labels - 1))
    line = Annotation(labels, annotation().classes, [Region("line", np.zeros((2, 2)))])
    with pytest.raises(FileError, match="'line' encloses nothing"):
        project.save_annotation("cells_0", line)
    with pytest.raises(ProjectError, match="has no image 'cells_7'"):
        project.annotation("cells_7")
    assert contents(project.folder) == before


def test_settings_out_of_bounds(project: Project) -> None:
    before = project.card
    for changes in {"training": {"minutes": -1}}, {"unlabelled": "?"}, {"colour": 1}:
        with pytest.raises(ProjectError, match=next(iter(changes))):
            project.update(**changes)
    assert Project.open(project.folder).card == project.card == before


# ------------------------------------------------------------------------------ other images


def test_another_image_is_not_taken_for_the_moved_one(project: Project, tmp_path: Path) -> None:
    (tmp_path / "raw/cells 0.tif").unlink()
    with pytest.raises(WrongImage, match="is not the image 'cells_0': its pixels differ"):
        project.locate("cells_0", tmp_path / "raw/cells 1.tif")
    small = save(tmp_path / "small.tif", np.zeros((9, 9), np.uint16))
    with pytest.raises(WrongImage, match=r"its shape is \(1, 9, 9\), not \(1, 64, 64\)"):
        project.locate("cells_0", small)
    assert [entry.key for entry in Project.open(project.folder).missing()] == ["cells_0"]


def test_an_image_of_another_shape_in_its_place(project: Project, tmp_path: Path) -> None:
    save(tmp_path / "raw/cells 0.tif", cells((32, 32))[0])
    with pytest.raises(WrongImage, match=r"shape \(1, 32, 32\) now, and \(1, 64, 64\) when"):
        load_training_set(project)


# ---------------------------------------------------------------------- what the system says


@pytest.fixture
def locked(project: Project) -> Iterator[Project]:
    """A project in a folder in which nothing may be written."""
    if sys.platform == "win32" or os.geteuid() == 0:
        pytest.skip("needs a user that may not do everything")
    folders = [project.folder, *(p for p in project.folder.iterdir() if p.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    yield project
    for folder in folders:
        folder.chmod(0o700)


def test_no_permission_to_write(locked: Project) -> None:
    project = Project.open(locked.folder)
    assert project.annotation("cells_0")
    with pytest.raises(FileError, match=r"project\.json cannot be written: Permission denied"):
        project.update(start="x")
    with pytest.raises(FileError, match=r"cells_0\.tif cannot be written: Permission denied"):
        project.save_annotation("cells_0", annotation())


def test_no_permission_to_read(locked: Project) -> None:
    (locked.folder / CARD).chmod(0)
    with pytest.raises(FileError, match=r"project\.json cannot be read: Permission denied"):
        Project.open(locked.folder)


def test_json_is_for_people(project: Project) -> None:
    facts = json.loads((project.folder / CARD).read_text())
    assert facts["schema"] == 5
    assert facts["images"][0]["path"] == "../raw/cells 0.tif"
