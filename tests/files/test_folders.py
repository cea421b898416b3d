"""Lists of files, and pairs of them by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_files import numbers, ome_zarr, sidecar
from napari_spatial_embeddings.files import (
    FileError,
    Side,
    find_images,
    find_regions,
    pair,
    stem,
)
from napari_spatial_embeddings.files.sidecar import read_sidecar


def touch(folder: Path, *names: str) -> Path:
    """Make a folder with files that are not read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", "a"),
        ("a.ome.tif", "a"),
        ("a.OME.TIFF", "a"),
        ("a.ome.tf2", "a"),
        ("a.ome.zarr", "a"),
        ("a.maps.zarr", "a"),
        ("a.b.png", "a.b"),
        ("a.csv", "a"),
        ("a", "a"),
        ("a.v2", "a.v2"),
        (".tif", ".tif"),
    ],
)
def test_stem(name: str, expected: str) -> None:
    assert stem(Path("folder") / name) == expected


def test_accents_are_stored_in_two_ways(tmp_path: Path) -> None:
    """As one letter, or as two by macOS; the files are found under either."""
    one, two = "mü.tif", "mu\u0308.tif"
    touch(tmp_path / "images", two)
    touch(tmp_path / "labels", one)
    ((image, label),) = pair(tmp_path / "images", tmp_path / "labels")
    assert stem(image) == stem(label) == "mü"
    sidecar(tmp_path / "images" / two.replace("tif", "json"), pixel_size_um=0.5)
    assert read_sidecar(image)["X"] == (0.5, "um")


def test_a_folder_lists_its_images(tmp_path: Path) -> None:
    touch(tmp_path, "b.tif", "a.PNG", "c.jpg", "notes.txt", ".hidden.tif", "._b.tif", "table.csv")
    touch(tmp_path / "deeper", "d.tif")
    ome_zarr(tmp_path / "e.zarr", numbers((1, 6, 5)), "CYX")
    found = find_images([tmp_path, tmp_path / "b.tif", tmp_path / "deeper"])
    assert [p.name for p in found] == ["a.PNG", "b.tif", "c.jpg", "e.zarr", "d.tif"]


def test_an_ome_zarr_is_one_file(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "of any name", numbers((1, 6, 5)), "CYX")
    assert find_images([path]) == [path]


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file or folder"):
        find_images([tmp_path / "missing"])
    with pytest.raises(FileError, match="holds no file of a known kind"):
        find_images([touch(tmp_path / "empty", "notes.txt")])
    with pytest.raises(FileError, match="no image is given"):
        find_images([])


def test_pairs_by_name_whatever_the_endings(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", "b.ome.tif", "a.png", "c.d.tif")
    labels = touch(tmp_path / "labels", "a.tif", "b.tiff", "c.d.png")
    names = [(i.name, j.name) for i, j in pair(images, labels)]
    assert names == [("a.png", "a.tif"), ("b.ome.tif", "b.tiff"), ("c.d.tif", "c.d.png")]


def test_two_files_are_a_pair(tmp_path: Path) -> None:
    touch(tmp_path, "image.tif", "labels.png")
    one, other = tmp_path / "image.tif", tmp_path / "labels.png"
    assert pair(one, other) == [(one, other)]


def test_unpaired_names(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", *(f"{k}.tif" for k in "abcdef"))
    labels = touch(tmp_path / "labels", "f.tif", "g.png")
    with pytest.raises(FileError) as caught:
        pair(images, labels)
    text = str(caught.value)
    assert "5 files without label image: a.tif, b.tif, c.tif and 2 more" in text
    assert "1 file without image: g.png" in text


def names(found: list[tuple[Path, Path]]) -> list[tuple[str, str]]:
    return [(one.name, other.name) for one, other in found]


def test_a_suffix_pairs_files_of_one_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As Cellpose has them, whatever else it left there."""
    folder = touch(tmp_path, "a.tif", "b.tif", "a_masks.tif", "b_masks.png", "b_cp_masks.png")
    assert names(pair(folder, Side(folder, "_masks"))) == [
        ("a.tif", "a_masks.tif"),
        ("b.tif", "b_masks.png"),
    ]
    assert "without image: b_cp_masks.png; not used" in caplog.text
    found = pair(Side(folder, "_masks"), Side(folder, "_cp_masks", "prediction"))
    assert names(found) == [("b_masks.png", "b_cp_masks.png")], "the longer suffix counts"
    elsewhere = touch(tmp_path / "masks", "a_masks.png", "b_masks.png", "notes.tif")
    images = touch(tmp_path / "images", "a.tif", "b.tif")
    assert len(pair(images, Side(elsewhere, "_masks"))) == 2
    with pytest.raises(FileError, match="endings or a suffix: --label-suffix _masks"):
        pair(images, elsewhere)


def test_names_of_both_kinds_may_have_a_suffix(tmp_path: Path) -> None:
    def sides(images: Path, labels: Path, one: str = "", other: str = "") -> tuple[Side, Side]:
        return Side(images, one, "image", "--image-suffix"), Side(labels, other)

    images = touch(tmp_path / "images", "a1_img.tif", "a11_img.tif")
    labels = touch(tmp_path / "labels", "a1-mask.tif", "a11-mask.png")
    says = r"or a suffix: --image-suffix _img --label-suffix -mask$"
    with pytest.raises(FileError, match=says):
        pair(*sides(images, labels))
    with pytest.raises(FileError, match=r"or a suffix: --image-suffix _img$"):
        pair(*sides(images, labels, other="-mask"))
    assert len(pair(*sides(images, labels, "_img", "-mask"))) == 2
    both = touch(tmp_path / "both", "a_img.tif", "b_img.tif", "a_mask.tif", "b_mask.tif")
    with pytest.raises(FileError, match=r"or a suffix: --image-suffix _img$"):
        pair(*sides(both, both, other="_mask"))
    assert len(pair(*sides(both, both, "_img", "_mask"))) == 2
    touch(labels, "c-mask.tif")
    with pytest.raises(FileError, match=r"names must agree but for their endings$"):
        pair(*sides(images, labels))


def test_no_file_is_its_own_label_image(tmp_path: Path) -> None:
    folder = touch(tmp_path / "data", "a.tif", "a_seg.tif", "b.tif", "b_seg.tif")
    (tmp_path / "link").symlink_to(folder)
    for other in (folder, folder / ".", tmp_path / "link"):
        with pytest.raises(FileError, match=r"is given for both: .*--label-suffix _seg"):
            pair(folder, other)
    with pytest.raises(FileError, match="no file whose name ends with '_masks'"):
        pair(folder, Side(folder, "_masks"))
    with pytest.raises(FileError, match=r"a\.tif and .*a\.tif are the same file"):
        pair(folder / "a.tif", folder / "a.tif")
    linked = touch(tmp_path / "linked", "b.tif", "a_seg.tif", "b_seg.tif")
    (linked / "a.tif").symlink_to(folder / "a.tif")
    with pytest.raises(FileError, match="are the same file"):
        pair(folder, linked)


def test_one_name_twice(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", "a.tif", "a.png")
    with pytest.raises(FileError, match=r"holds both a\.png and a\.tif"):
        pair(images, touch(tmp_path / "labels", "a.tif"))


def test_regions_by_name(tmp_path: Path) -> None:
    folder = touch(tmp_path, "a.csv", "b.tif", "notes.txt")
    assert find_regions(folder) == {"a": folder / "a.csv", "b": folder / "b.tif"}
    with pytest.raises(FileError, match="there is no folder"):
        find_regions(tmp_path / "missing")
