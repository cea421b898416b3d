"""Tables of shapes: what is damaged, and pieces of one object."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.files.annotations.shapes import read_shape_table
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
from napari_spatial_embeddings.files.annotations.target import Target


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label,class\n1,a\n", "no column 'index'"),
        ("index,shape-type,vertex-index,axis-0,axis-1\n0,polygon,0,x,1\n", "line 2"),
        ("index,shape-type,vertex-index,axis-0,axis-1\n0,polygon,0,1,1\n", "incomplete"),
        ("index,shape-type,vertex-index,axis-0,axis-1\n", "no object"),
    ],
)
def test_damaged_tables(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=says):
        AnnotationFile(path).fitted(Target("a", (5, 5)))


def test_pieces_share_a_label(tmp_path: Path) -> None:
    head = "index,shape-type,vertex-index,axis-0,axis-1,label,class"
    square = [(0, 0), (0, 2), (2, 2), (2, 0)]
    rows = [
        f"{k},polygon,{n},{y + 4 * k - 0.5},{x - 0.5},9,long"
        for k in range(2)
        for n, (y, x) in enumerate(square)
    ]
    (tmp_path / "a.csv").write_text("\n".join([head, *rows]))
    found = read_shape_table(tmp_path / "a.csv")
    assert [one.label for one in found.pieces] == [9, 9]
    assert found.classes == {9: "long"}
