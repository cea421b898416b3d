"""Everything that is exported comes back, and nothing is written over what must stay."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from builders import capsules, picture
from command_line import contents
from formats_here import HERE
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import FORMATS, Segmented, export
from napari_spatial_embeddings.export.formats import PICTURE_FORMATS
from napari_spatial_embeddings.export.record import record_beside
from napari_spatial_embeddings.files import FileError, read_image, read_labels, read_maps, stem

SHAPES = [(60, 70), (20, 40, 30)]


def segmented(shape: tuple[int, ...], **changes: Any) -> Segmented:
    labels = capsules(shape)
    maps = ideal_maps(labels, sigma=2)
    settings = ClusteringSettings(min_size=1)
    facts: dict[str, Any] = {
        "name": "cells 1",
        "instances": cluster(maps, settings),
        "classes": ("cell",),
        "maps": maps,
        "image": picture(labels, channels=2),
        "pixel_size": (0.5, 0.25, 0.25)[-len(shape) :],
        "unit": "um",
        "about": {"model": "µ-net", "clustering": settings.model_dump()},
        "model": {"schema": 1},
    }
    return Segmented(**(facts | changes))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_everything_comes_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    found = segmented(shape)
    keys = [key for key in HERE if key != "png" or len(shape) == 2]
    paths = [*export(tmp_path / "new", found, keys)]
    assert [path.name for path in paths] == [f"cells 1{FORMATS[key].ending}" for key in keys]
    written = dict(zip(keys, paths, strict=True))
    beside = [record_beside(written[key]) for key in ("objects", "shapes")]
    assert sorted([*paths, *beside]) == sorted((tmp_path / "new").iterdir())
    for key in ("labels", "ome"):
        np.testing.assert_array_equal(read_labels(written[key]), found.instances.labels)
        assert read_image(written[key]).pixel_size == pytest.approx(found.pixel_size)
        assert read_image(written[key]).unit == "um"
    with tifffile.TiffFile(written["labels"]) as file:
        assert json.loads((file.imagej_metadata or {})["Info"]).items() >= found.about.items()
    with tifffile.TiffFile(written["ome"]) as file:
        assert json.dumps(found.about["clustering"])[1:-1] in (file.ome_metadata or "").replace(
            "&quot;", '"'
        )
    with written["objects"].open(newline="") as table:
        rows = [*csv.DictReader(table)]
    assert len(rows) == len(found.instances)
    ids, counts = np.unique(found.instances.labels, return_counts=True)
    sizes = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    assert found.image is not None
    for row in rows:
        label = int(row["label"])
        assert int(row["size_px"]) == sizes[label]
        for channel in range(2):
            inside = found.image[channel][found.instances.labels == label]
            assert float(row[f"mean_intensity_{channel}"]) == pytest.approx(inside.mean(), rel=1e-4)
    stored = read_maps(written["maps"])
    assert found.maps is not None
    np.testing.assert_array_equal(stored.maps.offsets, found.maps.offsets)
    assert (stored.pixel_size, stored.unit, stored.model) == (found.pixel_size, "um", found.model)
    assert tifffile.imread(written["labels"]).dtype == np.uint16


def test_labels_of_an_export_can_be_trained_on_beside_their_images(tmp_path: Path) -> None:
    """The files of one image have one stem, by which others find what belongs together."""
    keys = [key for key in HERE if key not in PICTURE_FORMATS]
    for path in export(tmp_path, segmented((60, 70)), keys):
        assert stem(path) == "cells 1"


def test_again_replaces(tmp_path: Path) -> None:
    found = segmented((60, 70))
    first = [*export(tmp_path, found, HERE)]
    before = contents(tmp_path)
    assert [*export(tmp_path, found, HERE)] == first
    assert contents(tmp_path).keys() == before.keys()


def test_the_image_itself_is_spared(tmp_path: Path) -> None:
    image = tmp_path / "cells 1.tif"
    image.write_bytes(b"mine")
    with pytest.raises(FileError, match="is the image itself; choose another folder"):
        [*export(tmp_path / ".", segmented((60, 70)), HERE, spare=[image])]
    assert contents(tmp_path) == {"cells 1.tif": b"mine"}


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format 'eps'; choose from: labels"):
        [*export(tmp_path, segmented((60, 70)), ["eps"])]
    with pytest.raises(InputError, match="no maps of cells 1; predict it first"):
        [*export(tmp_path, segmented((60, 70), maps=None), ["maps"])]
    with pytest.raises(InputError, match="show the maps of cells 1, and there are none"):
        [*export(tmp_path, segmented((60, 70), maps=None), ["panels"])]
    with pytest.raises(InputError, match="show the image of cells 1; name it with --image"):
        [*export(tmp_path, segmented((60, 70), image=None), ["panels"])]
    (tmp_path / "file").touch()
    for key in HERE:
        with pytest.raises(FileError, match="cannot be written"):
            [*export(tmp_path / "file", segmented((60, 70)), [key])]
    assert contents(tmp_path) == {"file": b""}


def test_an_image_without_objects(tmp_path: Path) -> None:
    maps = ideal_maps(np.zeros((30, 20), np.int32))
    found = segmented((30, 20), maps=maps, instances=cluster(maps), image=np.ones((1, 30, 20)))
    assert len([*export(tmp_path, found, HERE)]) == len(HERE)
    assert not read_labels(tmp_path / "cells 1.tif").any()


def test_labels_replace_no_other_file(tmp_path: Path) -> None:
    found = segmented(SHAPES[0])
    for _ in range(2):  # what was exported before is replaced
        path, *_ = export(tmp_path, found, HERE)
    tifffile.imwrite(path, np.ones((4, 4), np.uint8))
    before = contents(tmp_path)
    with pytest.raises(FileError, match="not written by this program"):
        [*export(tmp_path, found, ["labels"])]
    (store := tmp_path / "a.zarr").mkdir()
    with pytest.raises(FileError, match="choose a folder outside of it"):
        [*export(store / "results", found, ["objects"])]
    assert contents(tmp_path) == {**before, "a.zarr": None}
