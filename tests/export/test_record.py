"""Files of every format carry one record of how their objects were made."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from builders import capsules, picture
from formats_here import HERE
from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.export import Segmented, export
from napari_spatial_embeddings.export.record import record, record_beside, write_record
from napari_spatial_embeddings.files import FileError, read_objects, read_settings
from napari_spatial_embeddings.files.annotations.sources import may_be_annotations
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.settings import is_ours
from napari_spatial_embeddings.inference.model_card import WEIGHTS
from napari_spatial_embeddings.inference.registry import find_folder, made_by, shipped


def segmented(source: Path | None) -> Segmented:
    labels = capsules((60, 70))
    maps, settings = ideal_maps(labels, sigma=2), ClusteringSettings(min_size=1)
    about = {**made_by("nuclei-2d"), "clustering": settings.model_dump(mode="json")}
    image = picture(labels)
    found = cluster(maps, settings)
    return Segmented("cells", found, ("cell",), maps, image, about=about, source=source)


def after(text: str | bytes) -> Any:
    """Return the JSON from the first brace on."""
    words = text.decode() if isinstance(text, bytes) else text
    return json.loads(words[words.index("{") :])


def kept(key: str, path: Path) -> Any:
    """Return the record that a file of a format holds, as another program reads it."""
    if key == "labels":
        return read_settings(path)
    if key == "ome":
        with tifffile.TiffFile(path) as file:
            assert file.ome_metadata is not None
        return read_settings(path)
    if key == "svg":
        return after(ET.parse(path).findtext("{http://www.w3.org/2000/svg}metadata", ""))
    if key == "pdf":
        (text,) = re.findall(rb"/Subject \(((?:\\.|[^\\()])*)\)", path.read_bytes())
        return json.loads(re.sub(rb"\\(.)", rb"\1", text))
    if key in ("png", "overlay", "panels"):
        with Image.open(path) as picture:
            assert str(picture.info["Software"]).startswith(KEY)
            return json.loads(picture.info["Description"])
    if key == "roi":
        with zipfile.ZipFile(path) as archive:
            return after(archive.comment)
    if key in ("objects", "shapes"):
        return json.loads(record_beside(path).read_text())[KEY]
    if key == "parquet":
        from pyarrow import parquet

        return json.loads(parquet.read_schema(path).metadata[KEY.encode()])
    if key == "anndata":
        from anndata import read_h5ad

        return json.loads(read_h5ad(path).uns[KEY])
    if key == "geojson":
        return json.loads(path.read_text())[KEY]
    if key == "coco":
        return json.loads(path.read_text())["info"][KEY]
    if key == "seg":
        return json.loads(np.load(path, allow_pickle=True).item()[KEY])
    if key == "npy":
        with path.open("rb") as file:
            np.load(file)
            return after(np.load(file).item())
    facts: Any = dict(zarr.open_group(path, mode="r").attrs)[KEY]
    return facts["made"] if key == "maps" else facts


@pytest.mark.filterwarnings("ignore")  # anndata's own, of pandas
def test_every_format_has_the_same_record(tmp_path: Path) -> None:
    source = tmp_path / "photo.tif"
    tifffile.imwrite(source, np.zeros((60, 70), np.uint8))
    found = segmented(source)
    before = datetime.now(UTC).replace(microsecond=0)
    paths = dict(zip(HERE, export(tmp_path / "new", found, HERE), strict=True))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    weights = hashlib.sha256((find_folder("nuclei-2d") / WEIGHTS).read_bytes()).hexdigest()
    for key, path in paths.items():
        made = kept(key, path)
        assert is_ours(path), key
        assert made["input"] == {"name": "photo.tif", "sha256": digest}, key
        assert (made["model"], made["model_sha256"]) == ("nuclei-2d", weights)
        assert made["clustering"] == found.about["clustering"]
        assert made["version"] == __version__
        assert made["versions"].keys() >= {"python", "numpy", "torch"}
        assert before <= datetime.fromisoformat(made["date"]) <= datetime.now(UTC)
        assert str(tmp_path) not in json.dumps(made), "no path of this machine"
    assert read_objects(paths["objects"])["label"] == found.instances.ids.tolist()


def test_pixels_without_a_file_have_a_hash_too() -> None:
    found = segmented(None)
    image = found.image
    assert isinstance(image, np.ndarray)
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    assert found.noted()["input"] == {"name": "cells", "pixels_sha256": digest}
    turned = record({}, None, np.asfortranarray(image), "cells")
    assert turned["input"]["pixels_sha256"] == digest


def test_the_input_of_labels_stays_where_there_is_no_image() -> None:
    made = record({"input": {"name": "photo.tif"}, "date": "2020-01-01", "version": "0.0"})
    assert made["input"] == {"name": "photo.tif"}
    assert made["version"] == __version__
    assert made["date"] > "2026"


def test_a_model_that_changed_since_has_no_hash() -> None:
    card = shipped()["nuclei-2d"].facts()
    assert "model_sha256" in made_by("nuclei-2d", card)
    assert made_by("nuclei-2d", {**card, "history": [{}]}) == {"model": "nuclei-2d"}
    assert made_by("nowhere/at all") == {"model": "nowhere/at all"}


def test_a_record_of_another_origin_is_not_replaced(tmp_path: Path) -> None:
    table = tmp_path / "cells.csv"
    assert is_ours(write_record(table, {"model": "a"}))
    write_record(table, {"model": "b"})
    assert not may_be_annotations(record_beside(table))
    record_beside(table).write_text('{"mine": 1}')
    with pytest.raises(FileError, match="not written by this program"):
        list(export(tmp_path, segmented(None), ["objects"]))
    assert not table.exists()
    assert record_beside(table).read_text() == '{"mine": 1}'
