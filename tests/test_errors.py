"""Errors are sentences, with advice where there is any."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_spatial_embeddings.errors import to_message

FULL = Path("/dev/full")
"""Where Linux never has room."""


@pytest.mark.skipif(not FULL.exists(), reason="needs a file that is always full")
def test_a_full_disk_says_what_to_do() -> None:
    with pytest.raises(OSError, match="No space left") as caught, FULL.open("wb", 0) as file:
        file.write(b"x")
    assert to_message(caught.value) == "No space left on device (make room there)"
