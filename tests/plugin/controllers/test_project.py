"""Projects: created, opened and left, without a dock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.project import Project
from plugin.owners import Owners, make_owners
from plugin.project_files import Answers, two_fields


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project of two images, which are files beside it."""
    return two_fields(tmp_path)


def paint(owners: Owners) -> None:
    image = owners.viewer.add_image(np.zeros((48, 48), np.uint8), name="mine")
    owners.images.choose(image)
    owners.actions.begin().layer.paint((5, 5), 1)


def names(owners: Owners) -> list[str]:
    return [layer.name for layer in owners.viewer.layers]


def test_a_project_is_created_when_there_is_something_to_save(owners: Owners, home: Path) -> None:
    assert not list(home.iterdir())
    paint(owners)
    owners.autosave.flush()
    project = owners.session.project
    assert project is not None
    assert project.folder.is_relative_to(home / "spatial-embeddings")
    assert project.folder.name.startswith("mine ")
    assert owners.project.ensure() is project
    tag = tag_of(owners.viewer.layers[0])
    assert tag is not None
    assert tag.project == str(project.folder)


def test_creating_saves_what_is_in_no_project(owners: Owners, tmp_path: Path) -> None:
    paint(owners)
    owners.project.create(tmp_path / "first")
    owners.autosave.flush()
    assert [entry.key for entry in Project.open(tmp_path / "first").card.images] == ["mine"]
    owners.project.create(tmp_path / "second")
    assert names(owners) == ["mine"], "the image stays, and belongs to none"
    assert tag_of(owners.viewer.layers[0]) is None
    assert not Project.open(tmp_path / "second").card.images
    with pytest.raises(InputError):
        owners.project.create(tmp_path / "first")


def test_opening_takes_over_settings_and_shows_the_first_image(
    owners: Owners, folder: Path
) -> None:
    paint(owners)
    owners.session.tune(min_size=33)
    owners.project.open(folder)
    assert owners.session.classes == ("cell", "debris")
    assert owners.session.clustering.min_size != 33
    assert names(owners) == ["mine", "field 0", "field 0 · annotations"]
    assert owners.session.image == "field_0"
    assert not owners.viewer.layers["mine"].visible
    assert owners.session.images.keys() == {"field_0"}
    assert not owners.current.dirty


def test_what_is_not_saved_keeps_the_project_open(owners: Owners, folder: Path, home: Path) -> None:
    (home / "spatial-embeddings").write_text("a file where the folder should be")
    paint(owners)
    owners.autosave.flush()
    with pytest.raises(InputError, match="not saved yet"):
        owners.project.open(folder)
    assert owners.session.project is None
    assert names(owners) == ["mine", "mine · annotations"]


def test_a_project_is_open_in_one_window(owners: Owners, folder: Path) -> None:
    other = make_owners(ViewerModel())
    owners.project.open(folder)
    with pytest.raises(InputError, match="open in another window"):
        other.project.open(folder)
    assert other.session.project is None
    owners.project.close()
    other.project.open(folder)
    assert other.project.is_open(folder)
    other.close()


def test_images_are_opened_and_removed(owners: Owners, folder: Path) -> None:
    owners.project.open(folder)
    assert [entry.key for entry in owners.project_images.entries()] == ["field_0", "field_1"]
    owners.project_images.show("field_1")
    assert owners.session.image == "field_1"
    assert owners.session.images.keys() == {"field_0", "field_1"}
    owners.project_images.remove("field_1")
    assert "field_1" not in owners.project_images
    assert owners.session.image is None
    assert owners.session.images.keys() == {"field_0"}
    assert names(owners)[-1] == "field 1", "its layer stays"
    assert [entry.key for entry in Project.open(folder).card.images] == ["field_0"]


def test_of_many_images_those_in_use_stay_open(owners: Owners, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "many")
    for k in range(14):
        tifffile.imwrite(tmp_path / f"field {k:02}.tif", np.full((24, 24), k, np.uint8))
    keys = [e.key for e in project.add_files(sorted(tmp_path.glob("*.tif")))]
    mine = owners.viewer.add_image(np.zeros((24, 24), np.uint8), name="mine")
    owners.project.open(project.folder)
    owners.actions.begin().layer.paint((5, 5), 1)
    owners.actions.begin().draw()
    for key in keys:
        owners.project_images.show(key)
        assert owners.session.image == key
    assert owners.session.images.keys() == set(keys[-10:])
    owners.project_images.show(keys[1])
    assert owners.session.images.keys() == {keys[1], *keys[-9:]}
    assert mine in owners.viewer.layers, "it is the user's own"
    assert names(owners).count("field 00 · annotations") == 0
    owners.project_images.show(keys[0])
    assert (owners.actions.begin().layer.data > 0).any()


def test_a_missing_image_is_asked_for(owners: Owners, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").rename(tmp_path / "moved")
    owners.project.dialogs = Answers(None)
    owners.project.open(folder)
    assert owners.session.image is None
    assert "is not at" in owners.messages[-1]
    owners.project.dialogs = Answers(tmp_path / "moved/field 0.tif")
    owners.project_images.show("field_0")
    assert owners.session.image == "field_0"
    assert not Project.open(folder).missing(), "the other one was found beside it"


def test_what_is_wrong_with_an_image_is_a_message(owners: Owners, folder: Path) -> None:
    (folder / "annotations" / "field_0.tif").write_text("damaged")
    owners.project.open(folder)
    assert "field_0.tif" in owners.messages[-1]
    assert owners.session.project is not None
    owners.project_images.show("field_1")
    assert owners.session.image == "field_1"


def test_work_on_an_image_comes_after_the_image(owners: Owners) -> None:
    paint(owners)
    seen: list[list[str]] = []
    for _ in range(2):
        owners.project_images.save(
            "mine", lambda project: seen.append([e.key for e in project.card.images])
        )
    owners.autosave.flush()
    assert seen == [["mine"], ["mine"]]
    assert not owners.project_images.save("gone", lambda _: seen.append([]))
    assert "there is no image" in owners.autosave.problem
    owners.autosave.save_now()
    assert owners.autosave.problem == ""
