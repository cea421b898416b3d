"""The state of an image changes with its pixels, and not with what is beside them."""

from __future__ import annotations

import os
from pathlib import Path

import zarr

from label_files import numbers, ome_zarr, tiff
from napari_spatial_embeddings.files import state_of


def touch(path: Path) -> None:
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1_000_000))


def test_zarr(tmp_path: Path) -> None:
    image = ome_zarr(tmp_path / "a.zarr", numbers((40, 50)), "YX")
    before = state_of(image)
    labels = zarr.open_group(image / "labels" / "cells", mode="w")
    labels.create_array("0", data=numbers((40, 50)))
    touch(image / "zarr.json")
    assert state_of(image) == before, "labels and metadata are no pixels"
    zarr.open_group(image)["0"][3, 4] = 200  # type: ignore[index]
    assert state_of(image) != before


def test_file(tmp_path: Path) -> None:
    one, other = (tiff(tmp_path / name, numbers((40, 50))) for name in ("a.tif", "b.tif"))
    before = state_of(one)
    assert state_of(one) == before != state_of(other)
    assert state_of(os.path.relpath(one)) == before
    touch(one)
    assert state_of(one) != before
