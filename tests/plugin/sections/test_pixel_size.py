"""Pixel sizes as users type them."""

from __future__ import annotations

import pytest

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.sections.pixel_size import parse_pixel_size


@pytest.mark.parametrize(
    ("text", "ndim", "size", "unit"),
    [
        ("0.3", 2, (0.3, 0.3), "um"),
        (".3 µm", 2, (0.3, 0.3), "um"),
        ("0.5 x 0.2 x 0.2 um", 3, (0.5, 0.2, 0.2), "um"),
        ("500 200;200nm", 3, (500.0, 200.0, 200.0), "nm"),
        ("1e-1×2", 2, (0.1, 2.0), "um"),  # noqa: RUF001
    ],
)
def test_pixel_sizes_as_people_write_them(
    text: str, ndim: int, size: tuple[float, ...], unit: str
) -> None:
    assert parse_pixel_size(text, ndim) == (size, unit)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "0.3 x 0.3 x 0.3", "3 parsecs", "nan"])
def test_nonsense_is_no_pixel_size(text: str) -> None:
    with pytest.raises(InputError, match="is no pixel size"):
        parse_pixel_size(text, 2)
