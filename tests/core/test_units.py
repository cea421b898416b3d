"""Units of length under all their names, and sizes of pixels axis by axis."""

from __future__ import annotations

import pytest

from napari_spatial_embeddings.core.units import (
    Lengths,
    Size,
    combine,
    filled,
    is_time,
    length,
    spacing_of,
    unit_name,
)

GREEK, MICRO = "\u03bc", "\u00b5"


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("um", ["um", f"{MICRO}m", f"{GREEK}m", "micron", "Microns", "micrometer", "micrometres"]),
        ("um", ["\\u00B5m", f"\u00c2{MICRO}m", " MICRON "]),
        ("nm", ["nm", "nanometer", "Nanometres"]),
        ("angstrom", ["\u00c5", "angstroms"]),
        ("inch", ["in", "inch", "inches"]),
        (None, ["", "pixel", "Pixels", "px", "reference frame"]),
        ("furlong", ["furlong"]),
        ("ms", ["ms"]),
    ],
)
def test_names_of_units(name: str | None, spellings: list[str]) -> None:
    assert {unit_name(spelling) for spelling in spellings} == {name}
    assert unit_name(None) is None


def test_time_is_no_length() -> None:
    for unit in ("s", "sec", "Seconds", "ms", f"{MICRO}s", "min", "minutes", "h", "hours", "days"):
        assert is_time(unit)
    for known in ("um", "mm", "m", "inches", "pixel", "", None):
        assert not is_time(known)


@pytest.mark.parametrize(
    ("sizes", "lengths", "unit"),
    [
        ([(300, "nm"), (0.1, "micron"), (0.1, "um")], (0.3, 0.1, 0.1), "um"),
        ([None, (0.1, "um"), (0.1, "um")], (None, 0.1, 0.1), "um"),
        ([(0.5, "um"), None, None], (0.5, None, None), "um"),
        ([(30, "second"), (0.1, "um"), (0.1, "um")], (None, 0.1, 0.1), "um"),
        ([(1, None), (0.1, "um"), (0.1, "um")], (None, 0.1, 0.1), "um"),
        ([(2, "furlong"), (0.1, "um"), (0.1, "um")], (None, 0.1, 0.1), "um"),
        ([(2, "furlong"), (1, "furlong")], (2, 1), "furlong"),
        ([(0, "um"), (0.1, "um"), (float("nan"), "um")], (None, 0.1, None), "um"),
        ([(2.5, None), (1, None), (1, None)], (2.5, 1, 1), None),
        ([None, (1, None), (2, None)], (None, 1, 2), None),
        # That pixels are square says nothing.
        ([(1, None), (1, None), (1, None)], None, None),
        ([None, (1, None), (1, None)], None, None),
        ([None, None], None, None),
    ],
)
def test_an_axis_speaks_for_itself_alone(
    sizes: list[Size | None], lengths: Lengths | None, unit: str | None
) -> None:
    assert combine(sizes) == (lengths, unit)


def test_axes_of_unknown_size() -> None:
    known = (None, 0.2, 0.4)
    assert spacing_of(known) == (1, 1, 2)
    assert filled(known) == (0.2, 0.2, 0.4)
    assert length(known, "nm") == pytest.approx(2e-10)
    # A slice's thickness is not the size of its pixels.
    assert length((0.5, None, None), "um") is None
    assert spacing_of(None) is None
