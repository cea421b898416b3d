"""Label images in further formats come back as they were, whatever the ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
from hypothesis import given
from numpy.typing import NDArray
from PIL import Image

from napari_spatial_embeddings.export import Segmented, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files import FileError, find_images, pair, read_labels
from strategies import any_labels, few


def written(folder: Path, key: str, labels: NDArray[np.int32], **facts: Any) -> Path:
    found = segmented_labels("cells", labels, about={"made": "by hand"}, **facts)
    (path,) = export(folder, found, [key])
    return path


def seg(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = np.load(path, allow_pickle=True).item()
    return content


@few
@given(any_labels())
def test_every_id_comes_back(tmp_path_factory: Any, labels: NDArray[np.int32]) -> None:
    folder = tmp_path_factory.mktemp("a")
    with written(folder, "npy", labels).open("rb") as file:
        np.testing.assert_array_equal(np.load(file), labels)
        assert b"by hand" in np.load(file).item()
    back = read_labels(written(folder, "ome-zarr", labels))
    np.testing.assert_array_equal(back.reshape(labels.shape), labels)  # Z of length one is dropped
    content = seg(written(folder, "seg", labels))
    masks, ids = content["masks"], np.array([0, *content["labels_in_table"]])
    np.testing.assert_array_equal(ids[masks], labels)
    assert len(content["colors"]) == len(content["ismanual"]) == masks.max(initial=0)
    assert content["outlines"].dtype == masks.dtype
    inside = content["outlines"] > 0
    np.testing.assert_array_equal(content["outlines"][inside], masks[inside])
    if labels.ndim == 2 and labels.max(initial=0) < 2**16:
        path = written(folder, "png", labels)
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), labels)
            assert "by hand" in image.info["Description"]


def test_a_png_has_no_room_for_more_ids(tmp_path: Path) -> None:
    labels = np.array([[0, 65_535]], np.int32)
    np.testing.assert_array_equal(read_labels(written(tmp_path, "png", labels)), labels)
    with pytest.raises(FileError, match="65536 does not fit in the 16 bits of a PNG"):
        written(tmp_path, "png", labels + (labels > 0))
    with pytest.raises(FileError, match="PNG holds images, not volumes"):
        written(tmp_path, "png", labels[None])


def test_cellpose_finds_the_image(tmp_path: Path) -> None:
    labels = np.eye(6, dtype=np.int32)
    image = np.arange(72, dtype=np.uint8).reshape(2, 6, 6)
    content = seg(written(tmp_path, "seg", labels, image=image))
    assert content["img"].shape == (6, 6, 3)
    np.testing.assert_array_equal(content["img"][..., 1], image[1])
    source = tmp_path / "cells.tif"
    content = seg(written(tmp_path, "seg", labels, image=image, source=source))
    assert content["filename"] == str(source)
    assert "img" not in content


def test_ome_zarr_is_valid_and_has_levels(tmp_path: Path) -> None:
    labels = np.arange(1200 * 1100, dtype=np.int32).reshape(1200, 1100) % 7
    path = written(tmp_path, "ome-zarr", labels, pixel_size=(0.5, 0.5), unit="um")
    group = yaozarrs.open_group(path)
    assert group.ome_metadata() is not None
    yaozarrs.validate_zarr_store(str(path))
    np.testing.assert_array_equal(read_labels(path), labels)


def test_copies_do_not_count_beside_labels(tmp_path: Path) -> None:
    """A folder of results can be scored and trained on, whatever was exported into it."""
    labels = np.eye(9, dtype=np.int32)
    found: Segmented = segmented_labels("cells", labels)
    keys = ["png", "ome-zarr", "npy", "seg", "roi", "geojson", "coco", "objects", "overlay"]
    copies = [*export(tmp_path / "copies", found, keys)]
    assert find_images([tmp_path / "copies"]) == sorted(copies[:2])
    [*export(tmp_path / "all", found, ["labels", *keys])]
    assert find_images([tmp_path / "all"]) == [tmp_path / "all" / "cells.tif"]
    image = tmp_path / "images" / "cells.tif"
    image.parent.mkdir()
    image.write_bytes((tmp_path / "all" / "cells.tif").read_bytes())
    assert pair(image.parent, tmp_path / "all") == [(image, tmp_path / "all" / "cells.tif")]
