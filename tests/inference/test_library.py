"""Names of imported models: found, renamed, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatial_embeddings.inference import library as models
from napari_spatial_embeddings.inference.library import delete, free_name, imported, rename
from napari_spatial_embeddings.inference.model_card import ModelError
from napari_spatial_embeddings.inference.registry import find_folder, find_model, shipped
from small_models import model_of

BAD = ["", ".", "..", ".hidden", "a/b", "a\\b", " a", "a.", "a ", "a\n", "con", "NUL.txt", "x" * 81]


@pytest.fixture
def discs(library: Path) -> Path:
    return model_of().save(library / "discs")


def test_a_name_leads_to_the_model(discs: Path) -> None:
    assert imported() == {"discs": discs}
    assert find_folder("discs") == discs
    assert find_model("discs").about == {"data": "discs"}
    with pytest.raises(ModelError, match="the imported ones are: discs"):
        find_folder("rods")


def test_without_a_library_there_are_none(library: Path) -> None:
    assert imported() == {}
    with pytest.raises(ModelError, match="there are none"):
        delete("discs")
    assert not library.exists()


def test_what_is_no_model_is_not_listed(discs: Path) -> None:
    discs.with_name("empty").mkdir()
    model_of().save(discs.with_name(".discs.1234.part"))
    assert list(imported()) == ["discs"]


def test_renames_and_deletes(discs: Path) -> None:
    assert rename("discs", "old discs") == discs.with_name("old discs")
    assert list(imported()) == ["old discs"]
    assert rename("old discs", "old discs") == discs.with_name("old discs")
    model_of(seed=1).save(discs)
    with pytest.raises(ModelError, match="already"):
        rename("discs", "old discs")
    delete("old discs")
    assert list(imported()) == ["discs"]
    assert [p.name for p in discs.parent.iterdir()] == ["discs"]


def test_deletes_a_link_and_not_what_it_leads_to(discs: Path, tmp_path: Path) -> None:
    mine = model_of().save(tmp_path / "mine")
    discs.with_name("linked").symlink_to(mine, target_is_directory=True)
    delete("linked")
    assert list(imported()) == ["discs"]
    assert (mine / "model.safetensors").exists()


@pytest.mark.usefixtures("discs")
@pytest.mark.parametrize("name", [*BAD, *shipped()])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="name"):
        rename("discs", name)
    assert list(imported()) == ["discs"]


@pytest.mark.usefixtures("discs")
@pytest.mark.parametrize("name", [*BAD, *shipped(), "discs", "a b", "zelle ü"])
def test_every_name_can_be_made_fit(name: str) -> None:
    found = free_name(name)
    assert models.checked_name(found) == found
    assert found not in imported()
    assert (found == name) == (name in ("a b", "zelle ü"))


def test_the_folder_is_the_users_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(models.VARIABLE)
    folder = models.library_folder()
    assert folder.is_absolute()
    assert folder.parts[-2:] == ("napari-spatial-embeddings", "models")
