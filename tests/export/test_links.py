"""Corrections of links in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatial_embeddings.export.links import read_links, write_links
from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.tracking.corrections import NONE, LinkCorrections

KNOWN = LinkCorrections(
    followed=(((0, 7), ((1, 70_000), (2, 3))), ((4, 1), ())), apart=(((0, 1), (5, 2)),)
)


@pytest.mark.parametrize("known", [NONE, KNOWN], ids=["none", "some"])
def test_come_back_as_they_were(tmp_path: Path, known: LinkCorrections) -> None:
    path = write_links(tmp_path / "links" / "cells.links.json", known)
    assert read_links(path) == known
    assert [p.name for p in path.parent.iterdir()] == ["cells.links.json"]


@pytest.mark.parametrize(
    "text", ["{", '{"other": 1}', '{"apart": [[[3, 1], [2, 1]]]}', "[1, 2]", '{"apart": 3}']
)
def test_another_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cells.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"cells\.json holds no corrections of links"):
        read_links(path)
    with pytest.raises(FileError, match="there is no file"):
        read_links(tmp_path / "nothing.json")
