"""Models that are exported, imported, renamed and deleted from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import contents, done, refused
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from small_models import assert_same, image_of, model_of


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    return model_of().save(tmp_path / "discs")


def test_a_model_goes_from_hand_to_hand(discs: Path, library: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared.zip"
    export = "models", "export", discs, "--format", "zip", "--output", shared
    assert done(*export).out == f"{shared}\n"
    assert "exists already" in refused(*export)
    assert done("models", "import", shared).out == "shared: use it with --model shared\n"
    assert done("models", "import", shared, "--name", "my discs").out.endswith("'my discs'\n")
    listed = done("models", "list").out.splitlines()
    assert [line.split("  ")[0] for line in listed if "imported" in line] == ["my discs", "shared"]
    assert done("models", "path", "my discs").out == f"{library / 'my discs'}\n"
    assert_same(
        find_model("my discs").predict_maps(image_of()),
        SpatialEmbeddings.load(discs).predict_maps(image_of()),
    )
    assert done("models", "rename", "my discs", "yours").out == "yours\n"
    done("models", "delete", "shared")
    assert [p.name for p in library.iterdir()] == ["yours"]
    assert '"data": "discs"' in done("models", "show", "yours").out


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("zip", "out", "should end with .zip"),
        ("zip", "out.onnx", "should end with .zip"),
        ("bioimageio", "out.onnx", "should be a folder, or end with .zip"),
    ],
)
def test_a_format_has_its_endings(
    discs: Path, tmp_path: Path, kind: str, name: str, reason: str
) -> None:
    before = contents(tmp_path)
    said = refused("models", "export", discs, "--format", kind, "--output", tmp_path / name)
    assert reason in said
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("library")
def test_wrong_calls_are_sentences(discs: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.zip"
    assert "no model 'nothing'" in refused(
        "models", "export", "nothing", "--format", "zip", "--output", output
    )
    assert "invalid choice" in refused(
        "models", "export", discs, "--format", "tar", "--output", output
    )
    assert "there is no" in refused("models", "import", tmp_path / "missing.zip")
    assert "cannot be a model's name" in refused("models", "import", discs, "--name", "../x")
    assert "of the package" in refused("models", "import", discs, "--name", "nuclei-2d")
    assert "no imported model is called" in refused("models", "delete", "nuclei-2d")
    assert "no imported model is called" in refused("models", "rename", "x", "y")
    image = tmp_path / "image.tif"
    image.write_bytes(b"II*\0")
    assert "is no zip" in refused("models", "import", image)


def test_a_damaged_model_is_listed_with_the_reason(discs: Path, library: Path) -> None:
    done("models", "import", discs)
    (library / "discs" / "model.safetensors").write_bytes(b"")
    (line,) = [x for x in done("models", "list").out.splitlines() if x.startswith("discs")]
    assert "cannot be used" in line
