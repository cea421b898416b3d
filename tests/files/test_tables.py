"""Regions and classes, as users write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from label_files import tiff
from napari_spatial_embeddings.files import FileError, read_classes, read_objects, read_regions

SHAPES = "index,shape-type,vertex-index,axis-0,axis-1"


def shapes(path: Path, *rows: tuple[int, str, list[tuple[float, ...]]], axes: int = 2) -> Path:
    """Write a table of shapes as napari does."""
    lines = [SHAPES + ",axis-2" * (axes == 3)]
    for index, kind, corners in rows:
        for k, corner in enumerate(corners):
            lines.append(f"{float(index)},{kind},{float(k)}," + ",".join(map(str, corner)))
    path.write_text("\n".join(lines) + "\n")
    return path


def box(y0: float, x0: float, y1: float, x1: float, *before: float) -> list[tuple[float, ...]]:
    """Return the corners of a rectangle."""
    return [(*before, y, x) for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))]


def test_a_table_without_objects_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("label,class,size_px\n")
    assert read_objects(path) == {"label": [], "class": [], "size_px": []}
    path.write_text("")
    with pytest.raises(FileError, match="is empty"):
        read_objects(path)


def test_a_mask_is_a_region(tmp_path: Path) -> None:
    mask = np.zeros((6, 5), np.uint8)
    mask[1:4, 2:] = 255
    path = tiff(tmp_path / "a.tif", mask)
    found = read_regions(path, (6, 5))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, mask > 0)
    with pytest.raises(FileError, match=r"has shape \(6, 5\), its image \(5, 6\)"):
        read_regions(path, (5, 6))


def test_a_volume_mask(tmp_path: Path) -> None:
    mask = np.zeros((1, 6, 5), bool)
    mask[0, 2, 2] = True
    np.testing.assert_array_equal(read_regions(tiff(tmp_path / "a.tif", mask), (1, 6, 5)), mask)


def test_rectangles_and_polygons(tmp_path: Path) -> None:
    triangle: list[tuple[float, ...]] = [(-0.5, -0.5), (-0.5, 9.0), (9.0, -0.5)]
    path = shapes(
        tmp_path / "a.csv", (0, "rectangle", box(9.5, 9.5, 14.5, 12.5)), (1, "polygon", triangle)
    )
    found = read_regions(path, (20, 20))
    y, x = np.mgrid[:20, :20]
    rectangle = (y >= 10) & (y <= 14) & (x >= 10) & (x <= 12)
    np.testing.assert_array_equal(found, rectangle | (y + x < 8.5))


def test_an_ellipse(tmp_path: Path) -> None:
    path = shapes(tmp_path / "a.csv", (0, "ellipse", box(10, 5, 30, 45)))
    y, x = np.mgrid[:40, :50]
    far = ((y - 20) / 10) ** 2 + ((x - 25) / 20) ** 2
    found = read_regions(path, (40, 50))
    assert found[far < 0.9].all()
    assert not found[far > 1.1].any()


def test_flat_shapes_hold_for_all_slices(tmp_path: Path) -> None:
    path = shapes(tmp_path / "a.csv", (0, "rectangle", box(1, 1, 4, 4)))
    found = read_regions(path, (3, 6, 6))
    assert found[:, 2, 2].all()
    np.testing.assert_array_equal(found, np.broadcast_to(found[0], found.shape))


def test_a_shape_in_one_slice(tmp_path: Path) -> None:
    path = shapes(tmp_path / "a.csv", (0, "rectangle", box(1, 1, 4, 4, 2)), axes=3)
    found = read_regions(path, (4, 6, 6))
    assert found[:, 2, 2].tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("y,x\n1,2\n", "has no column 'index'"),
        (f"{SHAPES}\n", "holds no shape"),
        (f"{SHAPES}\n0,line,0,1,2\n", "line 2: a shape of type 'line' encloses nothing"),
        (f"{SHAPES}\n0,polygon,0,1,2\n0,polygon,1,one,2\n", "line 3: expected numbers"),
        (f"{SHAPES}\n0,polygon,0,1,nan\n", "line 2: expected numbers"),
        (f"{SHAPES}\n0,polygon,0,1\n", "line 2: 4 values for 5 columns"),
        (f"{SHAPES}\n0,polygon,0,1,2\n", "shape 0 has 1 corners"),
        (f"{SHAPES},axis-2\n0,polygon,0,1,2,3\n", "3 coordinates; the image has 2 axes"),
    ],
)
def test_shapes_that_do_not_work(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileError, match=says):
        read_regions(tmp_path / "a.csv", (20, 20))


def test_classes_for_all_images(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("label,class\n1,cell\n\n2, debris \n1,cell\n")
    assert read_classes(path) == {"": {1: "cell", 2: "debris"}}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_classes_by_image(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "classes.csv"
    text = "Class,Image,Label\ncell,a.ome.tif,1\ndebris,b,1\n'x y',b,2\n"
    path.write_text(text.replace(",", separator), encoding="utf-8-sig")
    assert read_classes(path) == {"a": {1: "cell"}, "b": {1: "debris", 2: "'x y'"}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,class\n1,cell\n", "has no column 'label'.*expected label,class"),
        ("label,class\n1,cell\none,cell\n", "line 3: the label is 'one'; expected a whole number"),
        ("label,class\n1,\n", "line 2: label 1 has no class"),
        ("label,class\n1,cell,extra\n", "line 2: 3 values for 2 columns"),
        ("label,class\n1,cell\n1,debris\n", "line 3: label 1 is 'debris' here and 'cell' above"),
        ("", "is empty"),
    ],
)
def test_classes_that_do_not_work(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(FileError, match=says):
        read_classes(tmp_path / "classes.csv")


def test_no_text_at_all(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_bytes(b"label,class\n\xff\xfe\x00")
    with pytest.raises(FileError, match="is no text in UTF-8"):
        read_classes(tmp_path / "classes.csv")


def test_tables_of_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("label\tclass\n1\tZelle groß\n", encoding="utf-16")
    assert read_classes(path) == {"": {1: "Zelle groß"}}
    path.write_text("label;class\n1;Zelle groß\n", encoding="cp1252")
    with pytest.raises(FileError, match=r"is no text in UTF-8 .* save it again so"):
        read_classes(path)
