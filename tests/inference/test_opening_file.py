"""The file from which workers open other work: only that which the command wrote is unpickled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.workers.dask_blocks import OpenOther


def test_a_file_that_was_changed_is_not_read(tmp_path: Path) -> None:
    file, never = tmp_path / "opening.pickle", list[Any]()
    file.write_bytes(b"of another program")
    image: Any = never.append
    opener: Any = OpenOther(image, file, hashlib.sha256(b"ours").hexdigest())
    with pytest.raises(InputError, match="was changed by another program"):
        opener(None)
    assert not never, "the image was opened"
