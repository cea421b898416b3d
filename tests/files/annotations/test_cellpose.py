"""Files of Cellpose's window, and the guard against what else a pickle may hold."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.files.annotations.cellpose import read_seg
from napari_spatial_embeddings.files.annotations.pickled import Stored, read_pickled
from napari_spatial_embeddings.files.errors import FileError
from strategies import few

MASKS = np.array([[0, 1, 1], [2, 0, 1]], np.uint16)


def seg(**changes: Any) -> dict[str, Any]:
    """Return what Cellpose saves, with the kinds of values that it has."""
    facts = {
        "outlines": np.zeros((2, 3), np.uint16),
        "masks": MASKS,
        "filename": "/data/cells_01.tif",
        "chan_choose": [0, np.int64(2)],
        "ismanual": np.zeros(2, bool),
        "manual_changes": [["removed", "add", np.array([1, 2])]],
        "colors": np.zeros((2, 3), np.uint8),
        "flows": [np.zeros((1, 2, 3, 3), np.uint8), [], np.float32(3.5), [[]]],
        "est_diam": 30.5,
        "normalize_params": {"lowhigh": None, "percentile": (1.0, 99.0), "invert": False},
        "zdraw": None,
    }
    return {**facts, **changes}


def save(path: Path, facts: object) -> Path:
    np.save(path, np.array(facts, dtype=object), allow_pickle=True)
    return path


def save_pickle(path: Path, content: bytes) -> Path:
    """Write a NumPy file around any pickle."""
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    path.write_bytes(file.getvalue() + content)
    return path


def test_masks_are_read_and_nothing_else_is_needed(tmp_path: Path) -> None:
    labels, name = read_seg(save(tmp_path / "a_seg.npy", seg()))
    np.testing.assert_array_equal(labels, MASKS)
    assert labels.dtype == np.uint16
    assert name == "cells_01"
    facts = read_pickled(tmp_path / "a_seg.npy")
    assert facts.keys() == seg().keys()
    assert facts["chan_choose"] == [0, 2]
    assert isinstance(facts["flows"][0], Stored)


@few
@given(
    st.sampled_from([0, 2, 3, 4, 5]),
    st.sampled_from(["<u2", ">u2", "<i4", "<u4", "<i8", "|u1", "<f4", "|b1"]),
    st.booleans(),
)
def test_masks_of_any_type_and_protocol_are_read(
    tmp_path_factory: pytest.TempPathFactory, protocol: int, kind: str, columns_first: bool
) -> None:
    masks = np.asarray(MASKS.astype(kind), order="F" if columns_first else "C")
    facts = np.array(seg(masks=masks), dtype=object)
    content = pickle.dumps(facts, protocol=protocol)
    path = save_pickle(tmp_path_factory.mktemp("seg") / "a_seg.npy", content)
    labels, _ = read_seg(path)
    expected = np.where(masks, 255, 0) if kind == "|b1" else masks
    np.testing.assert_array_equal(labels, expected)


def test_older_files_count_from_minus_one(tmp_path: Path) -> None:
    masks = MASKS.astype(np.int32) - 1
    labels, _ = read_seg(save(tmp_path / "a_seg.npy", seg(masks=masks)))
    np.testing.assert_array_equal(labels, MASKS)


def test_names_may_be_paths_and_volumes_single_slices(tmp_path: Path) -> None:
    facts = seg(masks=MASKS[None], filename=PurePosixPath("/data/b.png"))
    labels, name = read_seg(save(tmp_path / "a_seg.npy", facts))
    assert labels.shape == (2, 3)
    assert name == "b"
    volume = np.stack([MASKS] * 2)
    assert read_seg(save(tmp_path / "v_seg.npy", seg(masks=volume)))[0].shape == (2, 2, 3)


class Noted:
    """A class whose making would be seen: harmless, but foreign."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    def __reduce__(self) -> tuple[Any, ...]:
        return (Noted, ())


@pytest.mark.parametrize(
    "foreign",
    [
        Noted(),
        len,
        Fraction(1, 2),
        OrderedDict(a=1),
        np.array([Fraction(1, 2)], dtype=object),
        slice(1),
    ],
    ids=["class", "function", "fraction", "ordered", "objects", "slice"],
)
def test_foreign_values_are_refused_and_not_made(tmp_path: Path, foreign: object) -> None:
    before = Noted.made
    path = save(tmp_path / "a_seg.npy", seg(img=foreign))
    with pytest.raises(FileError, match="neither an array nor a plain value; nothing in it was"):
        read_seg(path)
    assert Noted.made == before


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        (None, "holds no masks"),
        ([[1, 2]], "holds no masks"),
        (np.zeros(3, int), "the shape"),
        (np.zeros((0, 3), int), "the shape"),
        (np.full((2, 2), 0.5), "not whole"),
        (np.array([["a"]]), "masks have the type"),
        (np.array([[1, None]], dtype=object), "an array of objects"),
        (np.zeros((2, 2), complex), "the type complex128"),
        (np.zeros((2, 2), [("a", "u1")]), "values of the type"),
    ],
)
def test_masks_that_are_none_are_a_sentence(tmp_path: Path, masks: object, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read_seg(save(tmp_path / "a_seg.npy", seg(masks=masks)))


def test_other_numpy_files_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a_seg.npy"
    np.save(path, MASKS)
    with pytest.raises(FileError, match="expected a dictionary"):
        read_seg(path)
    for other in ([1, 2], "text", 5):
        with pytest.raises(FileError, match="holds no dictionary"):
            read_seg(save_pickle(path, pickle.dumps(other)))
    with pytest.raises(FileError):
        read_seg(save_pickle(path, pickle.dumps(np.array(seg(), dtype=object))[:-40]))
