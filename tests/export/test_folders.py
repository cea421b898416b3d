"""Hidden folders beside what is written are deleted: the own one, and those of killed processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from napari_spatial_embeddings.export.folders import LOCK, UNLOCKED_DAYS, hidden_folder, replacing
from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.system.lock import exclusive_lock


def left(folder: Path, name: str, *, lock: bool = True, days: float = 0.0) -> Path:
    """Make a folder as a process that was killed leaves it."""
    made = folder / name
    (made / "new").mkdir(parents=True)
    if lock:
        (made / LOCK).touch()
    then = time.time() - days * 86_400
    os.utime(made, (then, then))
    return made


def test_what_killed_processes_left_is_deleted_once_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "maps [1].zarr"
    gone = [
        left(tmp_path, ".maps [1].zarr.abcd_123.part"),
        left(tmp_path, ".maps [1].zarr.older_12.part", lock=False, days=2 * UNLOCKED_DAYS),
    ]
    kept = [
        left(tmp_path, ".maps [1].zarr.recent_1.part", lock=False),
        left(tmp_path, ".maps 1.zarr.abcd_123.part"),
        left(tmp_path, ".maps [1].zarr.part"),
    ]
    used = left(tmp_path, ".maps [1].zarr.used_123.part")
    with exclusive_lock(used / LOCK, "in use"):
        with pytest.raises(FileError), replacing(path, own=True, what="maps"):
            pass  # nothing is written
        assert not path.exists()
        assert all(one.exists() for one in gone), "there may be nothing else"
        with replacing(path, own=True, what="maps") as new:
            new.mkdir()
        assert path.is_dir()
        assert {one for one in tmp_path.iterdir() if one != path} == {*kept, used}
    with hidden_folder(path) as folder:
        assert folder.is_dir()
    assert {one for one in tmp_path.iterdir() if one != path} == {*kept}
