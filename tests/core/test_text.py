import pytest

from napari_spatial_embeddings.core.text import clock, plural


@pytest.mark.parametrize(("n", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_plural(n: int, text: str) -> None:
    assert plural(n, "image") == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3600, "60:00")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
