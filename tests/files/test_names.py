"""Names of files: good on every system, whole, and no two alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.files import distinct, file_name, stem
from napari_spatial_embeddings.files.names import MAX_LENGTH


@given(st.text(max_size=8))
def test_any_name_becomes_a_file_name(name: str) -> None:
    good = file_name(name)
    assert good.strip(" .") == good != ""
    assert not set(good) & set('<>:"/\\|?*\0\n')


def test_names_that_are_good_stay() -> None:
    assert file_name("cells 1") == "cells 1"
    assert file_name("a/b: c.tif") == "a_b_ c"


@given(st.lists(st.text("aA-2.", max_size=4), max_size=6), st.lists(st.text("aA-2", max_size=3)))
def test_no_two_files_have_one_name(names: list[str], taken: list[str]) -> None:
    found = distinct(names, taken)
    assert len({name.casefold() for name in found}) == len(found) == len(names)
    assert not {name.casefold() for name in found} & {name.casefold() for name in taken}


@pytest.mark.parametrize("length", [49, 100, MAX_LENGTH, 300])
def test_names_are_whole_unless_no_system_would_take_them(length: int) -> None:
    name = "n" * length
    first, second = distinct([f"{name}.tif", name])
    assert first == name[:MAX_LENGTH]
    assert second != first
    assert len(second) <= MAX_LENGTH
    assert stem(f"{second}.tif") == second
