"""Any label image, written in every format and read back: nothing raises, and nothing is lost."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from formats_here import HERE
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import FORMATS, Segmented, SegmentedSeries, export
from napari_spatial_embeddings.export.formats import LABELS, OUTLINES
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.label_files.png import HIGHEST
from napari_spatial_embeddings.files import read_objects
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
from napari_spatial_embeddings.files.annotations.target import Target
from strategies import relaxed

Labels = NDArray[np.int32]
CLASSES = ("long", "round")
BACK = [key for key, kind in FORMATS.items() if kind.group in (LABELS, OUTLINES)]
"""Formats that are read again."""


@st.composite
def label_images(draw: st.DrawFn, shape: tuple[int, ...]) -> Labels:
    """Draw labels that are painted over each other, at any border, or noise; with gaps in the ids.

    Rectangles, frames one in another, lines of pixels that touch at corners, single pixels, or all.
    """
    highest = draw(st.sampled_from([5, 300, 70_000]))
    ids = draw(st.lists(st.integers(1, highest), min_size=1, max_size=12, unique=True))
    labels = np.zeros(shape, np.int32)
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 10**6)))
        return np.array([0, *ids], np.int32)[rng.integers(0, len(ids) + 1, shape)]
    for label in ids:
        corner = [draw(st.integers(0, n - 1)) for n in shape]
        size = [draw(st.integers(1, n - first)) for n, first in zip(shape, corner, strict=True)]
        box = labels[tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))]
        kind = draw(st.sampled_from(["rectangle", "frames", "diagonal", "pixel"]))
        steps = np.indices(box.shape)
        if kind == "rectangle":
            box[...] = label
        elif kind == "frames":  # holes in holes
            y, x = steps[-2:]
            edge = np.minimum(np.minimum(y, x), np.minimum(size[-2] - 1 - y, size[-1] - 1 - x))
            box[edge % 2 == 0] = label
        elif kind == "diagonal":
            box[steps[-1] == steps[-2]] = label
        else:
            box[(0,) * box.ndim] = label
    return labels


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Labels]:
    """Draw the axes, and labels."""
    axes = draw(st.sampled_from(["YX", "ZYX", "TYX", "TZYX"]))
    shape = tuple(draw(st.integers(1, {"T": 3, "Z": 4}.get(axis, 14))) for axis in axes)
    return axes, draw(label_images(shape))


def exported(labels: Labels, *, time: bool) -> Segmented | SegmentedSeries:
    """Return labels as the formats take them, with two classes."""

    def frame(labels: Labels) -> Segmented:
        ids = [int(n) for n in np.unique(labels) if n]
        table: dict[str, list[Any]] = {
            "label": ids,
            "class": [CLASSES[n % 2] for n in ids],
            "size_px": [1] * len(ids),
        }
        image = np.zeros((1, *labels.shape), np.uint8)
        return segmented_labels("cells", labels, table, CLASSES, image=image)

    if not time:
        return frame(labels)
    every = tuple(range(len(labels)))
    return SegmentedSeries(
        "cells", every, lambda t: frame(labels[t]), len(labels), labels.shape[1:], CLASSES
    )


def check(axes: str, labels: Labels, folder: Path, keys: Collection[str] = tuple(FORMATS)) -> None:
    """Write labels in some formats, and compare them with what is read."""
    time = axes.startswith("T")
    spatial = labels.shape[time:]
    target = Target("cells", spatial, len(labels) if time else None)
    found = exported(labels, time=time)
    for key in keys:
        if key not in HERE:
            continue
        kind = FORMATS[key]
        refused = "maps" if key in ("maps", "panels") else None
        refused = "series" if time and not kind.series else refused
        if key == "png" and not time:
            refused = "volumes" if len(spatial) == 3 else refused
            refused = refused or ("does not fit" if labels.max() > HIGHEST else None)
        if refused is not None:
            with pytest.raises(InputError, match=refused):
                [*export(folder, found, [key])]
            continue
        (path,) = export(folder, found, [key])
        if key == "objects":
            frames = labels if time else [labels]
            ids = [int(n) for frame in frames for n in np.unique(frame) if n]
            assert read_objects(path)["label"] == ids
        if key not in BACK:
            continue
        beside = folder / "alone" / path.name  # without the table of classes
        beside.parent.mkdir(exist_ok=True)
        path.rename(beside)
        read = AnnotationFile(beside)
        if not labels.any():
            with pytest.raises(InputError, match=r"no (object|ROI)"):
                read.fitted(target)
            continue
        back = read.fitted(target)
        expected = numbered(labels)[1] if key == "seg" else labels  # Cellpose counts without gaps
        np.testing.assert_array_equal(back.labels, expected, err_msg=f"{key}: {back.notes}")
        if kind.series:
            assert back.classes == {int(n): CLASSES[n % 2] for n in np.unique(labels) if n}
        assert not back.notes, key
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]


def check_in_new_folder(axes: str, labels: Labels, keys: Collection[str] = tuple(FORMATS)) -> None:
    with TemporaryDirectory() as folder:
        check(axes, labels, Path(folder), keys)


@settings(relaxed, max_examples=10)
@given(cases())
def test_any_labels_come_back(case: tuple[str, Labels]) -> None:
    check_in_new_folder(*case, BACK)


@pytest.mark.parametrize("values", [(255, 255, 255), (1, 2, 1, 2, 1)], ids=["mask", "classes"])
def test_what_looks_like_no_labels_comes_back(values: tuple[int, ...], tmp_path: Path) -> None:
    """Of other programs such images are taken apart, or refused; ours are what they are."""
    labels = np.zeros((8 * len(values), 10), np.int32)
    for k, value in enumerate(values):
        labels[8 * k + 1 : 8 * k + 7, 2:8] = value
    check("YX", labels, tmp_path)


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX"])
def test_without_an_object_there_is_a_sentence(axes: str, tmp_path: Path) -> None:
    check(axes, np.zeros((2, 5, 6)[-len(axes) :], np.int32), tmp_path)


@pytest.mark.slow
@settings(relaxed, max_examples=500)
@given(cases())
def test_500_label_images_come_back(case: tuple[str, Labels]) -> None:
    check_in_new_folder(*case)


@pytest.mark.slow
def test_70_000_objects_come_back(tmp_path: Path) -> None:
    """More than 16 bits can number, each of four pixels."""
    ids = np.arange(1, 265 * 265 + 1, dtype=np.int32).reshape(265, 265)
    check("YX", np.kron(ids, np.ones((2, 2), np.int32)), tmp_path)
