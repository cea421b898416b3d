"""Maps come back bit by bit, from folders that any OME-Zarr reader opens."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import random_maps
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.export import write_maps
from napari_spatial_embeddings.files import FileError, read_image, read_maps
from napari_spatial_embeddings.files.maps import KEY

CARD = {"model": {"classes": ["a", "b"]}, "clustering": {"seed_threshold": 0.5}}


def maps_of(ndim: int, seed: int = 0, **options: Any) -> EmbeddingMaps:
    shape = (7, 9) if ndim == 2 else (3, 7, 9)
    return random_maps(shape, np.random.default_rng(seed), **options)


def same(a: EmbeddingMaps, b: EmbeddingMaps) -> bool:
    pairs = ((a.offsets, b.offsets), (a.sigma, b.sigma), (a.seed, b.seed))
    return a.spacing == b.spacing and all(np.array_equal(x, y) for x, y in pairs)


@settings(max_examples=20)
@given(
    ndim=st.sampled_from([2, 3]),
    per_axis=st.booleans(),
    classes=st.integers(1, 3),
    coarse=st.sampled_from([1.0, 2.5]),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, ndim: int, per_axis: bool, classes: int, coarse: float
) -> None:
    spacing = (coarse, 1.0, 1.0)[-ndim:]
    components = ndim if per_axis else 1
    maps = maps_of(ndim, classes=classes, sigma_components=components, spacing=spacing)
    size = tuple(0.1 * s for s in spacing)
    path = tmp_path_factory.getbasetemp() / "round.maps.zarr"
    write_maps(path, maps, size, "um", CARD)
    found = read_maps(path)
    assert same(found.maps, maps)
    assert (found.pixel_size, found.unit, found.name, found.model) == (size, "um", "round", CARD)


def test_without_what_is_optional(tmp_path: Path) -> None:
    maps = maps_of(3, spacing=(2.0, 1.0, 1.0))
    found = read_maps(write_maps(tmp_path / "a.zarr", maps))
    assert same(found.maps, maps)
    assert (found.pixel_size, found.unit, found.model) == (None, None, {})


def test_slices_of_unknown_distance(tmp_path: Path) -> None:
    size = (None, 0.4, 0.2)
    found = read_maps(write_maps(tmp_path / "a.zarr", maps_of(3), size, "um"))
    assert (found.pixel_size, found.unit) == (size, "um")
    assert read_image(tmp_path / "a.zarr" / "seed").pixel_size == (0.2, 0.4, 0.2)


@pytest.mark.parametrize("ndim", [2, 3])
def test_valid_ome_zarr(tmp_path: Path, ndim: int) -> None:
    maps = maps_of(ndim, classes=2)
    size = (0.3, 0.1, 0.1)[-ndim:]
    path = write_maps(tmp_path / "a.ome.zarr", maps, size, "um", CARD)
    yaozarrs.validate_zarr_store(str(path))
    for name in ("seed", "sigma", "offsets"):
        yaozarrs.validate_zarr_store(str(path / name))
        # An ordinary reader sees an image with the image's own pixel size.
        image = read_image(path / name)
        np.testing.assert_array_equal(image.data, getattr(maps, name))
        assert (image.pixel_size, image.unit) == (size, "um")


def test_chunks_are_of_about_a_megabyte(tmp_path: Path) -> None:
    for name, shape, chunks in (
        ("a.zarr", (600, 600), (1, 512, 512)),
        ("b.zarr", (70, 70, 70), (1, 64, 64, 64)),
    ):
        write_maps(tmp_path / name, random_maps(shape, np.random.default_rng(0)))
        assert zarr.open_array(tmp_path / name / "seed" / "0", mode="r").chunks == chunks


class Broken(np.ndarray[Any, Any]):
    """An array that cannot be read to its end."""

    def __getitem__(self, index: Any) -> Any:
        raise LookupError("no more of it")


def test_a_write_that_fails_leaves_the_old_maps(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    old, new = maps_of(2), maps_of(2, seed=1)
    write_maps(path, old)
    with pytest.raises(LookupError, match="no more"):
        write_maps(path, replace(new, offsets=new.offsets.view(Broken)))
    assert same(read_maps(path).maps, old)
    write_maps(path, new)
    assert same(read_maps(path).maps, new)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_nothing_else_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("dear to somebody")
    with pytest.raises(FileError, match="holds no maps; choose another name"):
        write_maps(tmp_path / "photos", maps_of(2))
    assert (tmp_path / "photos" / "a.png").is_file()


def change(path: Path, **facts: Any) -> None:
    """Change what the folder says about its maps."""
    group = json.loads((path / "zarr.json").read_text())
    group["attributes"][KEY].update(facts)
    (path / "zarr.json").write_text(json.dumps(group))


def fill(path: Path, name: str, value: float) -> None:
    """Change one value of a map."""
    array = zarr.open_array(path / name / "0", mode="r+")
    array[(0,) * array.ndim] = value


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda p: shutil.rmtree(p), "there is no file"),
        (lambda p: (p / "zarr.json").unlink(), "is no Zarr"),
        (lambda p: (p / "zarr.json").write_text("{"), "is damaged"),
        (lambda p: shutil.rmtree(p / "seed"), "incomplete: the map 'seed' is missing"),
        (lambda p: shutil.rmtree(p / "sigma" / "0"), "incomplete: its level '0' is missing"),
        (lambda p: (p / "seed/0/c/0/0/0").write_bytes(b"?"), "is damaged"),
        (lambda p: change(p, schema=99, version="9.9"), r"a newer version \(9\.9\); upgrade"),
        (lambda p: change(p, schema=None), "holds no maps"),
        (lambda p: change(p, spacing=[1.0]), "with 1 spacings"),
        (lambda p: fill(p, "offsets", np.nan), "'offsets' must hold finite numbers"),
        (lambda p: fill(p, "sigma", 0), "sigma must be above 0"),
    ],
)
def test_damage(tmp_path: Path, damage: Any, says: str) -> None:
    path = write_maps(tmp_path / "a.zarr", maps_of(2))
    damage(path)
    with pytest.raises(FileError, match=says) as caught:
        read_maps(path)
    assert "\n" not in str(caught.value)


def test_seed_is_clipped(tmp_path: Path) -> None:
    path = write_maps(tmp_path / "a.zarr", maps_of(2))
    fill(path, "seed", 1.5)
    assert read_maps(path).maps.seed[0, 0, 0] == 1


def test_an_image_is_no_maps(tmp_path: Path) -> None:
    write_maps(tmp_path / "a.zarr", maps_of(2))
    with pytest.raises(FileError, match="holds no maps; expected a folder written by predict"):
        read_maps(tmp_path / "a.zarr" / "seed")
