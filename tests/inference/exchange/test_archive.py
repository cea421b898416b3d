"""Zips of models: checked before they are unpacked, and refused in one sentence."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as serialise

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.exchange import archive
from napari_spatial_embeddings.inference.exchange.exporting import export_model
from napari_spatial_embeddings.inference.exchange.importing import digest_of, import_model
from napari_spatial_embeddings.inference.library import imported
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelError
from small_models import assert_same, image_of, model_of

WEIGHTS = "model.safetensors"

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return model_of().save(tmp_path / "discs")


def zip_of(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_a_shared_model_comes_back(model: Path, library: Path, tmp_path: Path) -> None:
    shared = export_model(model, "zip", tmp_path / "out" / "shared.zip")
    folder = import_model(shared)
    assert folder == library / "shared"
    assert digest_of(folder) == digest_of(model)
    before, after = SpatialEmbeddings.load(model), SpatialEmbeddings.load(folder)
    assert_same(before.predict_maps(image_of()), after.predict_maps(image_of()))
    assert after.card() == before.card()
    assert (folder / "model.json").read_bytes() == (model / "model.json").read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", WEIGHTS]


def test_the_same_model_makes_the_same_zip(model: Path, tmp_path: Path) -> None:
    one, two = (export_model(model, "zip", tmp_path / f"{n}.zip") for n in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("top", ["", "my model/"])
def test_a_zip_by_hand_is_as_good(model: Path, library: Path, tmp_path: Path, top: str) -> None:
    weights = (model / WEIGHTS).read_bytes()
    path = zip_of(tmp_path / "a b.zip", (f"{top}{WEIGHTS}", weights), (f"{top}notes.txt", b"hi"))
    assert import_model(path).name == "a b"
    assert sorted(p.name for p in (library / "a b").iterdir()) == ["model.json", WEIGHTS]


def test_a_folder_is_copied(model: Path, library: Path) -> None:
    (model / "checkpoint.safetensors").write_bytes(b"large")
    assert import_model(model) == library / "discs"
    assert sorted(p.name for p in (library / "discs").iterdir()) == ["model.json", WEIGHTS]


def test_the_model_of_a_project_has_the_projects_name(tmp_path: Path) -> None:
    assert import_model(model_of().save(tmp_path / "yeast" / "model")).name == "yeast"
    assert list(imported()) == ["yeast"]


def test_a_model_is_imported_once_and_names_are_not_taken_over(model: Path, tmp_path: Path) -> None:
    first = import_model(model)
    assert import_model(model) == first
    other = model_of(seed=1).save(tmp_path / "other" / "discs")
    assert import_model(other).name == "discs-2"
    with pytest.raises(ModelError, match="there is a model 'discs' already"):
        import_model(model_of(seed=2).save(tmp_path / "x"), "discs")
    assert import_model(model, "again").name == "again"
    assert list(imported()) == ["again", "discs", "discs-2"]


def damaged_weights() -> bytes:
    return serialise({"a": np.zeros(3, np.float32)}, {"card": "{}"})


def other_weights(**changes: Any) -> bytes:
    """Return weights whose card is of another network."""
    model = model_of()
    card = model.card()
    card["model"] |= changes
    state = {k: v.numpy() for k, v in model.network.state_dict().items()}
    return serialise(state, {"card": json.dumps(card)})


def not_finite() -> bytes:
    model = model_of()
    state = {k: v.numpy() for k, v in model.network.state_dict().items()}
    state["down.0.conv.bias"][0] = np.nan
    return serialise(state, {"card": json.dumps(model.card())})


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([(f"../{WEIGHTS}", b"")], "lies outside the folder"),
        ([("a/../../b", b"")], "lies outside the folder"),
        ([("/etc/x", b"")], "lies outside the folder"),
        ([("C:/x", b"")], "lies outside the folder"),
        ([("..\\x", b"")], "lies outside the folder"),
        ([(entry("link", stat.S_IFLNK | 0o777), b"/")], "is a link or a device"),
        ([(entry("pipe", stat.S_IFIFO | 0o644), b"")], "is a link or a device"),
        ([("a/x", b""), ("A/X", b"")], "is there twice"),
        ([("notes.txt", b"")], "holds no model of this program"),
        ([(f"one/two/{WEIGHTS}", b"")], "holds no model of this program"),
        ([(f"one/{WEIGHTS}", b""), ("two/x", b"")], "holds no model of this program"),
        ([(WEIGHTS, b"")], "is damaged"),
        ([(WEIGHTS, b"not at all")], "is damaged"),
        ([(WEIGHTS, damaged_weights())], "was not written by this program"),
        ([(WEIGHTS, other_weights(width=8))], "does not fit together"),
        ([(WEIGHTS, other_weights(width=4_000_000))], "does not fit together"),
        ([(WEIGHTS, other_weights(width=4 * 10**15))], "does not fit together"),
        ([(WEIGHTS, other_weights(ndim=3, spacing=(1, 1, 1)))], "does not fit together"),
        ([(WEIGHTS, not_finite())], "no numbers"),
        ([(f"{n}", b"") for n in range(archive.MOST_FILES + 1)], "a model has at most"),
    ],
)
def test_what_is_not_harmless_or_no_model_is_a_sentence(
    library: Path,
    tmp_path: Path,
    entries: list[tuple[str | zipfile.ZipInfo, bytes]],
    reason: str,
) -> None:
    path = zip_of(tmp_path / "bad.zip", *entries)
    with pytest.raises(ModelError, match=reason) as caught:
        import_model(path)
    assert "bad.zip" in str(caught.value)
    assert ".part" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not library.exists() or not list(library.iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip"]


def lying(content: bytes, change: Callable[[bytes, int], bytes]) -> bytes:
    """Return a zip whose two headers of its file state another size than it has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(WEIGHTS, content)
    raw = file.getvalue()
    sizes = len(content).to_bytes(4, "little")
    assert raw.count(sizes) == 2
    return raw.replace(sizes, change(sizes, len(content)))


@pytest.mark.parametrize(
    ("factor", "reason"), [(0.5, "damaged|should have"), (2, "should have"), (3e8, "at most 2048")]
)
def test_sizes_are_believed_as_far_as_they_are_true(
    library: Path, tmp_path: Path, factor: float, reason: str
) -> None:
    path = tmp_path / "bad.zip"
    content = bytes(range(10)) * 1
    path.write_bytes(lying(content, lambda _, n: int(n * factor).to_bytes(4, "little")))
    with pytest.raises(ModelError, match=reason):
        import_model(path)
    assert not list(library.glob("*"))


def test_a_damaged_or_missing_zip_is_a_sentence(model: Path, library: Path, tmp_path: Path) -> None:
    shared = export_model(model, "zip", tmp_path / "shared.zip")
    whole = shared.read_bytes()
    for content in (b"", whole[:200], whole[:-30], whole[:100] + bytes(50) + whole[150:]):
        shared.write_bytes(content)
        with pytest.raises(ModelError, match=r"shared\.zip"):
            import_model(shared)
    with pytest.raises(ModelError, match="there is no"):
        import_model(tmp_path / "missing.zip")
    assert not list(library.glob("*"))


def test_an_encrypted_zip_is_a_sentence(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (WEIGHTS, b"x"))
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(ModelError, match="is encrypted"):
        import_model(path)


def test_nothing_is_replaced(model: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.zip"
    there.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        export_model(model, "zip", there)
    assert there.read_bytes() == b"mine"
    with pytest.raises(InputError, match=r"should end with \.zip"):
        export_model(model, "zip", tmp_path / "folder")
    with pytest.raises(InputError, match="exists already"):
        archive.write_files({"a": b""}, tmp_path)
