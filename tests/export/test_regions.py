"""Regions come back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings.export import write_regions
from napari_spatial_embeddings.files import FileError, Region, read_shapes


@pytest.mark.parametrize("ndim", [2, 3])
def test_gives_back_what_was_written(tmp_path: Path, ndim: int) -> None:
    rng = np.random.default_rng(0)
    given = [
        Region(kind, rng.normal(0, 50, (n, ndim)))
        for kind, n in (("rectangle", 4), ("polygon", 11), ("ellipse", 4), ("polygon", 3))
    ]
    found = read_shapes(write_regions(tmp_path / "new" / "a.csv", given), ndim)
    assert [r.kind for r in found] == [r.kind for r in given]
    for one, other in zip(found, given, strict=True):
        np.testing.assert_array_equal(one.corners, other.corners)


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ([], "no region"),
        ([Region("line", np.zeros((2, 2)))], "'line' encloses nothing"),
        (
            [Region("polygon", np.zeros((3, 2))), Region("polygon", np.zeros((3, 3)))],
            "different numbers of coordinates",
        ),
    ],
)
def test_what_is_no_region(tmp_path: Path, regions: list[Region], says: str) -> None:
    with pytest.raises(FileError, match=says):
        write_regions(tmp_path / "a.csv", regions)
    assert not list(tmp_path.iterdir())
