"""A project gives back what it was given, wherever it is, and trains on its annotations."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from command_line import cells, contents, save
from counted import Counted, Huge
from napari_spatial_embeddings.config import ClusteringSettings, TrainingSettings
from napari_spatial_embeddings.files import FileError, Region, read_image, read_regions
from napari_spatial_embeddings.project import (
    Annotation,
    MissingImage,
    Project,
    copies,
    sources,
)
from napari_spatial_embeddings.project.training_set import load_training_set

from .conftest import annotation, corrections


def same(a: Annotation, b: Annotation | None) -> bool:
    assert b is not None
    assert a.labels.dtype == b.labels.dtype == np.int32
    np.testing.assert_array_equal(a.labels, b.labels)
    assert [r.kind for r in a.regions] == [r.kind for r in b.regions]
    for r, s in zip(a.regions, b.regions, strict=True):
        np.testing.assert_array_equal(r.corners, s.corners)
    return (dict(a.classes), a.scribbled) == (dict(b.classes), b.scribbled)


# ------------------------------------------------------------------------------- round trips


def test_the_folder_is_all_there_is(project: Project) -> None:
    project.update(
        classes=("long", "round"),
        start="elsewhere",
        training=TrainingSettings(minutes=3),
        clustering=ClusteringSettings(margin_factor=1.3),
    )
    again = Project.open(project.folder)
    assert again.card == project.card
    assert Project.open(project.folder / "project.json").card == project.card
    assert [entry.name for entry in again.card.images] == ["cells 0", "cells 1"]
    assert again.card.images[0].pixel_size == pytest.approx((0.3, 0.3))
    assert same(annotation(), again.annotation("cells_0"))
    assert again.annotation("cells_1") is None


@pytest.mark.parametrize("scribbled", [False, True])
@pytest.mark.parametrize("shape", [(20, 30), (5, 20, 30), (1, 20, 30)])
def test_annotations(tmp_path: Path, shape: tuple[int, ...], scribbled: bool) -> None:
    project = Project.create(tmp_path)
    key = project.add_image(data=np.zeros((2, *shape), np.float32)).key
    flat = np.array([[1, 2], [1, 8.25], [7, 8], [7, 2]])
    solid = np.column_stack([np.zeros(4), flat])
    regions = [Region("ellipse", flat), Region("polygon", flat[:3])]
    if len(shape) == 3 and scribbled:
        regions = [Region("rectangle", solid)]
    labels = np.zeros(shape, np.int32)
    labels[..., 3:6, 4:9] = 3
    marked = frozenset({3} if scribbled else ())
    given = Annotation(labels, {3: "object", 9: "later"}, regions, scribbled, marked)
    project.save_annotation(key, given)
    found = project.annotation(key)
    assert same(given, found)
    assert found is not None
    assert found.proposed == marked
    emptied = Annotation(np.zeros(shape, np.int32))
    project.save_annotation(key, emptied)
    assert same(emptied, project.annotation(key))
    assert not emptied


def test_files_are_what_others_read(project: Project) -> None:
    labels = tifffile.imread(project.folder / "annotations/cells_0.tif")
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, annotation().labels)
    region = read_regions(project.folder / "regions/cells_0.csv", (64, 64))
    y, x = np.mgrid[:64, :64]
    assert region[(y > 11) & (y < 39) & (x > 12) & (x < 49)].all()
    small = Annotation(np.eye(64, dtype=np.int32))
    project.save_annotation("cells_1", small)
    path = project.folder / "annotations/cells_1.tif"
    assert tifffile.imread(path).dtype == np.uint16
    assert read_image(path).pixel_size == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize("count", [0, 1, 500])
@pytest.mark.parametrize("shape", [(20, 30), (3, 20, 30)])
def test_corrections(tmp_path: Path, shape: tuple[int, ...], count: int) -> None:
    project = Project.create(tmp_path)
    key = project.add_image(data=np.zeros((1, *shape), np.uint8)).key
    assert project.corrections(key) is None
    labels = np.arange(math.prod(shape), dtype=np.int32).reshape(shape) % (count + 1)
    labels[..., 5:8, :] = -1
    marks = np.array([[*[0] * (len(shape) - 1), 3], [*[0] * (len(shape) - 2), 5, 2]])
    pairs = np.array([[1, 2], [4, 9]], np.int32)
    given = replace(corrections(labels, count), deleted=marks, split=pairs)
    assert len(given.deleted) == 1, "there is no deleted object at the other pixel"
    assert len(given.split) == 2 * (count > 9)
    project.save_corrections(key, given)
    found = Project.open(tmp_path).corrections(key)
    for name in given.__slots__:
        one, other = (np.asarray(getattr(x, name)) for x in (given, found))
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# ------------------------------------------------------------------------------------ images


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 9, 7), (3, 9, 7), (4, 9, 7), (1, 1, 9, 7), (2, 3, 9, 7)])
def test_pixels_without_a_file_are_copied(
    tmp_path: Path, shape: tuple[int, ...], dtype: str
) -> None:
    data = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    project = Project.create(tmp_path)
    size = (None, 0.5, 0.25)[1 - len(shape) :]
    entry = project.add_image(data=data, name="the *first*", pixel_size=size, unit="um")
    found = Project.open(tmp_path).image(entry.key)
    np.testing.assert_array_equal(found.data, data)
    assert (found.pixel_size, found.unit, found.name) == (size, "um", "the *first*")
    assert entry.path == f"images/{entry.key}.tif"


def test_a_file_is_copied_only_on_request_or_if_it_gives_other_pixels(tmp_path: Path) -> None:
    image = cells((64, 64))[0]
    path = save(tmp_path / "raw/a.tif", image)
    project = Project.create(tmp_path / "project")
    assert project.add_image(path, image[None]).path == "../raw/a.tif"
    assert project.add_image(path, image[None] + 1).path == "images/a-2.tif"
    assert project.add_image(path, copy=True).path == "images/a-3.tif"
    assert project.add_image(path).key == "a", "it is there already"
    assert len(project.card.images) == 3
    np.testing.assert_array_equal(project.image("a-2").data[0], image + 1)
    path.unlink()
    np.testing.assert_array_equal(project.image("a-3").data[0], image)


def test_files_are_added_by_their_names_and_read_when_they_are_needed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    good = save(raw / "good.tif", cells((64, 64))[0])
    (raw / "good.json").write_text('{"pixel_size_um": [0.5, 0.5]}')
    for k in range(300):  # nobody who looks into one of these takes it for an image
        (raw / f"later {k}.tif").touch()
    project = Project.create(tmp_path / "project")
    entries = project.add_files(sorted(raw.glob("*.tif")))
    assert len(entries) == 301
    assert len({entry.key for entry in entries}) == 301
    assert project.add_files([good, raw / "later 7.tif"]) == [entries[0], project.entry("later_7")]
    again = Project.open(project.folder)
    assert again.card == project.card
    with pytest.raises(FileError, match=r"later 7\.tif"):
        again.image("later_7")
    with pytest.raises(FileError, match=r"later 7\.tif"):
        again.save_annotation("later_7", annotation())
    assert again.entry("good").shape is None
    assert again.image("good").pixel_size == (0.5, 0.5)
    again.save_annotation("good", annotation())
    entry = Project.open(project.folder).entry("good")
    assert (entry.shape, entry.pixel_size, entry.unit) == ((1, 64, 64), (0.5, 0.5), "um")
    assert same(annotation(), again.annotation("good"))
    good.rename(tmp_path / "other.tif")
    again.locate("good", tmp_path / "other.tif")
    assert again.image("good").shape == (64, 64)


@pytest.mark.parametrize("shape", [(2, 700, 30), (2, 3, 40, 530)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_pixels_that_are_not_in_memory_are_copied(
    tmp_path: Path, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    pixels = (np.random.default_rng(0).random(shape) * 3).astype(dtype)
    project = Project.create(tmp_path / "cells")
    entry = project.add_image(None, Counted(pixels), name="a")
    np.testing.assert_array_equal(project.image(entry.key).data, pixels)


def test_a_copy_is_made_tile_by_tile(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "cells")
    huge = Huge((1, 900, 1000), np.uint16, most=copies.TILE_EDGE**2)
    entry = project.add_image(None, huge, name="huge")
    assert huge.read < 1.01 * 900 * 1000
    copy = project.image(entry.key).data
    part = (slice(None), slice(500, 520), slice(990, 1000))
    np.testing.assert_array_equal(copy[part], huge[part])


def test_a_large_file_that_is_open_is_not_compared_pixel_by_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (1, 600, 700), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels[0])
    monkeypatch.setattr(sources, "MAX_GRID_VALUES", 1000)
    project, source = Project.create(tmp_path / "cells"), Counted(pixels)
    assert project.add_image(tmp_path / "a.tif", source).path == "../a.tif"
    assert source.read <= 2 * sources.MAX_BLOCKS * sources.BLOCK_EDGE**2
    other = Counted(pixels + np.uint16(1))
    assert project.add_image(tmp_path / "a.tif", other).path == "images/a-2.tif"


def test_channels_and_axes_are_remembered(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 99, (9, 3, 7), np.uint8)
    path = save(tmp_path / "a.tif", image)
    project = Project.create(tmp_path / "project")
    key = project.add_image(path, axes="YCX", channels=[2, 0]).key
    found = Project.open(project.folder).image(key).data
    np.testing.assert_array_equal(found, image.transpose(1, 0, 2)[[2, 0]])


def test_names_are_good_for_files_and_never_taken_twice(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    data = np.zeros((1, 4, 4), np.uint8)
    names = ["../../etc", "a/b", "A_B", "Zellen für Ö", "", "…"]
    keys = [project.add_image(data=data, name=name).key for name in names]
    assert len({key.casefold() for key in keys}) == len(names)
    assert {p.parent for p in tmp_path.rglob("*.tif")} == {tmp_path / "images"}


def test_a_key_is_taken_if_it_is_free(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    data = np.zeros((1, 4, 4), np.uint8)
    assert project.add_image(data=data, key="nuclei-2", name="nuclei").key == "nuclei-2"
    assert project.add_image(data=data, key="nuclei-2").key == "nuclei-2-2"
    path = save(tmp_path / "a.tif", data[0])
    first = project.add_image(path, key="x")
    assert project.add_image(path, key="y") == first


def test_a_removed_image_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.save_corrections("cells_0", corrections(annotation().labels))
    project.remove_image("cells_0")
    assert not [name for name in contents(project.folder) if "cells_0" in name]
    assert (tmp_path / "raw/cells 0.tif").exists()
    again = project.add_image(tmp_path / "raw/cells 0.tif")
    assert project.annotation(again.key) is None


def test_moves_with_its_neighbours(project: Project, tmp_path: Path) -> None:
    """The project and the images beside it go to another place together."""
    (tmp_path / "there").mkdir()
    for path in project.folder, tmp_path / "raw":
        shutil.move(path, tmp_path / "there" / path.name)
    moved = Project.open(tmp_path / "there/project")
    np.testing.assert_array_equal(moved.image("cells_1").data[0], cells((64, 64), 1)[0])


def test_a_moved_image_is_asked_for_and_brings_the_others(project: Project, tmp_path: Path) -> None:
    shutil.move(tmp_path / "raw", tmp_path / "far" / "away")
    assert [entry.key for entry in project.missing()] == ["cells_0", "cells_1"]
    with pytest.raises(MissingImage, match=r"'cells_0' is not at .*cells 0\.tif") as caught:
        load_training_set(project)
    assert caught.value.key == "cells_0"
    found = project.locate("cells_0", tmp_path / "far/away/cells 0.tif")
    assert [entry.key for entry in found] == ["cells_0", "cells_1"]
    assert not Project.open(project.folder).missing()
    np.testing.assert_array_equal(project.image("cells_1").data[0], cells((64, 64), 1)[0])


def test_far_images_are_absolute(tmp_path: Path) -> None:
    path = save(tmp_path / "a/raw.tif", np.eye(9, dtype=np.uint8))
    project = Project.create(tmp_path / "b/c/project")
    assert Path(project.add_image(path).path) == path.resolve()
