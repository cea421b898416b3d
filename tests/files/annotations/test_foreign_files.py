"""Two hundred files that are damaged, empty or something else: a sentence each."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
from napari_spatial_embeddings.files.annotations.target import Target
from outlined import feature, roi, write_json, write_rois

Case = tuple[str, bytes]
SQUARE = [[1.0, 1.0], [6.0, 1.0], [6.0, 6.0], [1.0, 6.0], [1.0, 1.0]]
TARGET = Target("a", (12, 16))
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def good(folder: Path) -> dict[str, bytes]:
    """Return a file of each kind, all of which can be used."""
    square = {"type": "Polygon", "coordinates": [SQUARE]}
    labels = np.zeros((12, 16), np.uint16)
    labels[2:5, 2:5] = 1
    labels[6:9, 8:12] = 2
    one = roi([np.array(SQUARE)], "a", {"label": 3})
    one.tofile(folder / "a.roi")
    write_rois(folder / "a.zip", [one, roi([np.array(SQUARE) + 5], "b")])
    write_json(folder / "a.geojson", {"type": "FeatureCollection", "features": [feature(square)]})
    entry = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [np.ravel(SQUARE).tolist()]}
    image = {"id": 1, "file_name": "a.png", "height": 12, "width": 16}
    category = {"id": 1, "name": "cell"}
    facts = {"images": [image], "annotations": [entry], "categories": [category]}
    write_json(folder / "a.json", facts)
    np.save(folder / "a_seg.npy", np.array({"masks": labels}, dtype=object), allow_pickle=True)
    np.save(folder / "a.npy", labels)
    Image.fromarray(labels).save(folder / "a_masks.png")
    tifffile.imwrite(folder / "a_masks.tif", labels, compression="zlib")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def cases(files: dict[str, bytes], folder: Path) -> Iterator[Case]:
    for name, content in files.items():
        yield from ((name, content[: int(share * len(content))]) for share in SHARES)
        # The content of another kind under this name.
        for other, foreign in files.items():
            kinds = Path(name).suffix, Path(other).suffix
            # Some names leave open what is in the file.
            if kinds[0] != kinds[1] and kinds not in ((".json", ".geojson"), (".roi", ".zip")):
                yield name, foreign
        yield name, b"\0" * 500
        yield name, b"not what the name implies\n" * 20
    features: tuple[Any, ...] = ({}, {"type": "Feature"}, 5, None, "x", [], [[]], {"type": ["a"]})
    for facts in (*features, {"type": "FeatureCollection", "features": 5}, {"features": []}):
        yield "a.geojson", json.dumps(facts).encode()
        yield "a.json", json.dumps(facts).encode()
    rings: tuple[Any, ...] = ([], [[]], [[[]]], [[1, 2]], "x", [[[1, "y"]]], [[["1", None]]], {})
    for coordinates in rings:
        geometry = {"type": "Polygon", "coordinates": coordinates}
        yield "a.geojson", json.dumps(feature(geometry)).encode()
    coco = json.loads(files["a.json"])
    changes: tuple[dict[str, Any], ...] = (
        {"images": {}},
        {"images": []},
        {"images": [1]},
        {"annotations": [{}]},
        {"annotations": ["a"]},
        {"annotations": []},
        {"categories": 5},
        {"images": [{"id": 1, "file_name": "a.png", "height": 5, "width": 16}]},
    )
    for change in changes:
        yield "a.json", json.dumps({**coco, **change}).encode()
    for found in ("x", 5, [5], [["a"]], [[1, 2, 3]], {}, {"size": [12, 16], "counts": [5]}):
        entry = {**coco["annotations"][0], "segmentation": found}
        yield "a.json", json.dumps({**coco, "annotations": [entry]}).encode()
    yield "a.json", b"[" * 100_000
    header = files["a_seg.npy"].partition(b"\n")[0] + b"\n"
    for value in (Fraction(1, 3), len, {"masks": Fraction(1, 2)}, [1], {"a": 1}, {"masks": 5}):
        yield "a_seg.npy", header + pickle.dumps(value)
    for array in (np.zeros((3, 3), int), np.zeros(4, int), np.zeros((2, 2, 2, 2), int)):
        yield "a_seg.npy", header + pickle.dumps({"masks": array})
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    yield "a.zip", (folder / "other.zip").read_bytes()
    for name, content in (("a.roi", b""), ("b.roi", b"Iout"), ("c.roi", files["a.roi"][:64])):
        with zipfile.ZipFile(folder / "bad.zip", "w") as archive:
            archive.writestr(name, content)
        yield "a.zip", (folder / "bad.zip").read_bytes()


def flipped(files: dict[str, bytes]) -> Iterator[Case]:
    """Yield files with some bytes changed, which may or may not matter."""
    rng = np.random.default_rng(0)
    for name, content in files.items():
        for _ in range(6):
            damaged = bytearray(content)
            for at in rng.integers(0, len(content), 4):
                damaged[at] ^= int(rng.integers(1, 256))
            yield name, bytes(damaged)


def outcome(path: Path, content: bytes) -> str:
    """Return what is wrong with a file; empty if it can be used. Any other error is a failure."""
    path.write_bytes(content)
    try:
        AnnotationFile(path).fitted(TARGET)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_damaged_and_foreign_files_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    files = good(tmp_path / "good")
    for name in files:
        assert not outcome(tmp_path / "bad" / name, files[name]), name
    found: dict[str, Any] = {}
    for n, (name, content) in enumerate(cases(files, tmp_path)):
        text = outcome(tmp_path / "bad" / name, content)
        assert text, (n, name, content[:80])
        found[f"{n} {name}"] = text
    assert len(found) >= 200
    for case, text in found.items():
        assert case.partition(" ")[2] in text, "the file is named"
        assert "\n" not in text
        assert "Traceback" not in text
        assert len(text) < 700
        assert any(mark in text for mark in (";", ":")), text  # a reason and a remedy
    for name, content in flipped(files):
        outcome(tmp_path / "bad" / name, content)
