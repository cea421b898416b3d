"""Scale bars have a round length, in a unit that suits it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.export.pictures.scale_bar import placed, scale_bar


@pytest.mark.parametrize(
    ("width", "size", "unit", "length", "text"),
    [
        (1000, 0.5, "um", 200, "100 µm"),
        (1000, 0.5, "nm", 200, "100 nm"),
        (1000, 65, "nm", 10_000 / 65, "10 µm"),
        (1000, 0.0001, "um", 200, "20 nm"),
        (1000, 0.1, "mm", 200, "20 mm"),
        (1000, 5e-7, "m", 200, "100 µm"),
        (1000, 1e-5, "um", 200, "2 nm"),
        (1000, 0.01, "inch", 200, "200 px"),  # a file's size in print
        (1000, 0.5, None, 200, "200 px"),  # a ratio
        (1000, 0.5, "fathom", 200, "100 fathom"),
        (3, None, None, 1, "1 px"),
    ],
)
def test_bars(width: int, size: float | None, unit: str | None, length: float, text: str) -> None:
    bar = scale_bar(width, None if size is None else (None, size), unit)
    assert bar.text == text
    assert bar.length == pytest.approx(length)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.floats(1e-6, 1e6))
def test_it_lies_in_the_picture(height: int, width: int, size: float) -> None:
    bar = scale_bar(width, (size, size), "um")
    assert 0 < bar.length <= width / 4 * (1 + 1e-6)
    number = float(bar.text.split()[0])
    digits = number / 10 ** math.floor(math.log10(number * (1 + 1e-9)))
    assert min(abs(digits - k) for k in (1, 2, 5)) < 1e-6
    at = placed(bar, height, width)
    for x, y, wide, high in (at.bar, at.box):
        assert x >= -1e-6
        assert y >= -1e-6
        assert x + wide <= width + 1e-6
        assert y + high <= height + 1e-6
