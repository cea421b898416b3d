"""SVG files, as XML: their paths give back the objects, to the last pixel."""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from builders import capsules, picture
from crossing_bars import crossing
from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import Segmented, export, instance_colours
from napari_spatial_embeddings.export.colours import image_colours
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.pictures.overlay import MAX_PIXELS
from napari_spatial_embeddings.files.maps import KEY
from strategies import any_labels, few

NAMES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}


def written(folder: Path, found: Segmented, **settings: Any) -> ET.Element:
    (path,) = export(folder, found, ["svg"], settings=ExportSettings(**settings))
    return ET.fromstring(path.read_text("utf-8"))


def paths(svg: ET.Element) -> dict[int, ET.Element]:
    return {int(one.attrib["id"][7:]): one for one in svg.iterfind(".//path", NAMES)}


def rings(path: ET.Element) -> list[NDArray[np.float64]]:
    """Return the rings of a path of straight lines that end where they start."""
    return [
        np.array([list(map(float, point.split(","))) for point in ring.split()])
        for ring in re.findall("M([^MZ]+)Z", path.attrib["d"])
    ]


def pixels(svg: ET.Element) -> NDArray[np.uint8]:
    image = svg.find("image", NAMES)
    assert image is not None
    data = image.attrib[f"{{{NAMES['xlink']}}}href"].removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


@few
@given(any_labels(ndim=2))
def test_paths_hold_every_pixel(tmp_path_factory: Any, labels: NDArray[np.int32]) -> None:
    svg = written(tmp_path_factory.mktemp("a"), segmented_labels("cells", labels), ids=True)
    assert svg.attrib["viewBox"] == f"0 0 {labels.shape[1]} {labels.shape[0]}"
    back = np.zeros_like(labels)
    for label, path in paths(svg).items():
        back[filled(rings(path), labels.shape)] = label
    np.testing.assert_array_equal(back, labels)
    ids, dense = numbered(labels)
    colours = instance_colours(dense)
    for label, path in paths(svg).items():
        colour = bytes.fromhex(path.attrib["stroke"][1:])
        assert (*colour,) == (*colours[int(np.searchsorted(ids, label))].tolist(),)
    for text in svg.iterfind("g[@id='ids']/text", NAMES):
        size = float(svg.find("g[@id='ids']", NAMES).attrib["font-size"])  # type: ignore[union-attr]
        middle = float(text.attrib["y"]) - 0.36 * size, float(text.attrib["x"])
        assert str(labels[tuple(int(n) for n in middle)]) == text.text


def test_what_is_known_is_in_the_file(tmp_path: Path) -> None:
    labels = capsules((60, 70))
    ids = np.unique(labels)[1:].tolist()
    table = {"label": ids, "class": ["<a> & b\x00"] * len(ids), "score": [0.75] * len(ids)}
    image, about = picture(labels, channels=3), {"model": "µ </metadata>"}
    size: dict[str, Any] = {"pixel_size": (0.25, 0.25), "unit": "um"}
    found = segmented_labels("a & b", labels, table, image=image, about=about, **size)
    svg = written(tmp_path, found)
    record = svg.findtext("metadata", "", NAMES)
    assert record.startswith(KEY)
    assert json.loads(record[record.index("{") :])["model"] == about["model"]
    assert svg.findtext("title", "", NAMES) == "a & b"
    titles = {path.findtext("title", "", NAMES) for path in paths(svg).values()}
    assert titles == {f"{i}, <a> & b, score 0.75" for i in ids}
    assert svg.findtext("g[@id='scale-bar']/text", "", NAMES) == "2 µm"
    bar = svg.findall("g[@id='scale-bar']/rect", NAMES)[1]
    assert float(bar.attrib["width"]) == pytest.approx(8)
    assert pixels(svg).shape == (60, 70, 3)
    assert svg.find("g[@id='ids']", NAMES) is None
    assert written(tmp_path, found, scale_bar=False).find("g[@id='scale-bar']", NAMES) is None


def test_of_a_large_image_lines_are_exact_and_pixels_few(tmp_path: Path) -> None:
    labels = np.zeros((9, 2 * MAX_PIXELS + 5), np.int32)
    labels[2:5, 100:300] = 1
    labels[7, 8001] = 2  # between the pixels that are shown
    found = segmented_labels("wide", labels, image=np.ones((1, *labels.shape), np.uint8))
    svg = written(tmp_path, found)
    assert pixels(svg).shape == (3, -(-labels.shape[1] // 3))
    box = {name: float(svg.find("image", NAMES).attrib[name]) for name in ("x", "width")}  # type: ignore[union-attr]
    assert box == {"x": 0, "width": 3 * pixels(svg).shape[1]}
    back = np.zeros_like(labels)
    for label, path in paths(svg).items():
        back[filled(rings(path), labels.shape)] = label
    np.testing.assert_array_equal(back, labels)


def test_pixels_that_are_not_square_keep_their_proportion(tmp_path: Path) -> None:
    labels = capsules((30, 50), count=5)
    size: dict[str, Any] = {"pixel_size": (0.75, 0.3), "unit": "um"}
    found = segmented_labels("flat", labels, image=picture(labels), **size)
    svg = written(tmp_path, found, ids=True)
    assert svg.attrib["viewBox"] == "0 0 50 75"
    assert int(svg.attrib["width"]) * 75 == int(svg.attrib["height"]) * 50
    image = svg.find("image", NAMES)
    assert image is not None
    assert [image.attrib[name] for name in ("x", "y", "width", "height")] == ["0", "0", "50", "75"]
    assert pixels(svg).shape[:2] == labels.shape  # none is made up
    back = np.zeros_like(labels)
    for label, path in paths(svg).items():
        back[filled([ring / (1, 2.5) for ring in rings(path)], labels.shape)] = label
    np.testing.assert_array_equal(back, labels)
    for text in svg.iterfind("g[@id='ids']/text", NAMES):
        size_of_id = float(svg.find("g[@id='ids']", NAMES).attrib["font-size"])  # type: ignore[union-attr]
        y = (float(text.attrib["y"]) - 0.36 * size_of_id) / 2.5
        assert str(labels[int(y), int(float(text.attrib["x"]))]) == text.text
    bar = svg.findall("g[@id='scale-bar']/rect", NAMES)[1]
    assert svg.findtext("g[@id='scale-bar']/text", "", NAMES) == "2 µm"
    assert float(bar.attrib["width"]) == pytest.approx(2 / 0.3)


def test_of_a_volume_a_slice(tmp_path: Path) -> None:
    labels = capsules((6, 30, 40), count=8, radius=5)
    for at in (1, 4):
        svg = written(tmp_path, segmented_labels("v", labels), slice=at)
        back = np.zeros_like(labels[at])
        for label, path in paths(svg).items():
            back[filled(rings(path), back.shape)] = label
        np.testing.assert_array_equal(back, labels[at])
        assert svg.findtext("title", "", NAMES) == f"v, slice {at} of 0 to 5"
    with pytest.raises(InputError, match="v has 6 slices, counted from 0, so there is no 6"):
        written(tmp_path, segmented_labels("v", labels), slice=6)
    with pytest.raises(InputError, match="v is no volume; leave --slice out"):
        written(tmp_path, segmented_labels("v", labels[0]), slice=0)


def test_contrast_is_chosen_or_that_of_percentiles(tmp_path: Path) -> None:
    labels = capsules((30, 40))
    image = np.arange(2 * 1200, dtype=np.float32).reshape(2, 30, 40)
    found = segmented_labels("c", labels, image=image)
    shown = pixels(written(tmp_path, found, contrast=(100, 300, -5, -4)))
    expected = image_colours(image, [(100, 300), (-5, -4)])
    np.testing.assert_array_equal(shown, (255 * expected).round().astype(np.uint8))
    assert (pixels(written(tmp_path, found)) != shown).any()
    with pytest.raises(InputError, match="c has 2 channels, and --contrast is of 1"):
        written(tmp_path, found, contrast=(0, 1))
    for wrong in ((0,), (1, 1), (0, 1, 3, 2)):
        with pytest.raises(ValidationError, match="the lower one first"):
            ExportSettings(contrast=wrong)


def test_objects_behind_others_are_whole_if_wanted(tmp_path: Path) -> None:
    maps, settings = crossing()
    found = Segmented("bars", cluster(maps, settings), (), maps, clustering=settings)
    areas = [
        sorted(
            int(filled(rings(path), maps.shape).sum())
            for path in paths(written(tmp_path, found, overlaps=whole)).values()
        )
        for whole in (False, True)
    ]
    assert areas == [[5 * 16, 5 * 31], [5 * 21, 5 * 31]]
