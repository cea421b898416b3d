"""Objects behind others are whole where that is asked for, and the label image has first owners."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from pycocotools.coco import COCO

from crossing_bars import crossing
from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps, squared_distance
from napari_spatial_embeddings.core.outlines.behind import whole_masks
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import Segmented, export
from napari_spatial_embeddings.export.label_files.zarr_labels import layers_of
from napari_spatial_embeddings.files import read_labels
from strategies import any_maps, any_settings, few

WHOLE = ExportSettings(overlaps=True)


def segmented() -> Segmented:
    maps, settings = crossing()
    found = cluster(maps, settings)
    return Segmented("bars", found, ("bar",), maps, clustering=settings)


def test_the_bar_behind_is_whole(tmp_path: Path) -> None:
    found = segmented()
    assert len(found.instances) == 2
    labels = found.instances.labels
    whole = {one.label: one for one in whole_masks(found.instances, *crossing())}
    first, second = found.instances.ids.tolist()
    assert whole[first].mask.sum() == (labels == first).sum() == 5 * 31
    assert whole[second].mask.sum() == 5 * 21 > (labels == second).sum()
    coco = COCO(next(iter(export(tmp_path, found, ["coco"], settings=WHOLE))))
    areas = {one["label"]: one["area"] for one in coco.loadAnns(coco.getAnnIds())}
    assert areas == {first: 5 * 31, second: 5 * 21}
    (path,) = export(tmp_path, found, ["geojson"])
    kinds = [f["geometry"]["type"] for f in json.loads(path.read_text())["features"]]
    assert sorted(kinds) == ["MultiPolygon", "Polygon"], "without: the first owner's"


def test_layers_hold_every_object_whole(tmp_path: Path) -> None:
    found = segmented()
    (path,) = export(tmp_path, found, ["ome-zarr"], settings=WHOLE)
    layers = [read_labels(path / str(k)) for k in range(2)]
    assert sorted((one > 0).sum() for one in layers) == [5 * 21, 5 * 31]
    (again,) = export(tmp_path, found, ["ome-zarr"])
    assert again == path
    np.testing.assert_array_equal(read_labels(path), found.instances.labels)


@few
@given(any_maps(), any_settings)
def test_masks_hold_their_own_pixels_and_those_that_point_at_them(
    maps: EmbeddingMaps, settings: ClusteringSettings
) -> None:
    found = cluster(maps, settings)
    embeddings = np.moveaxis(maps.embeddings(), 0, -1)
    foreground = maps.seed.max(0) > np.float32(settings.foreground_threshold)
    masks = [*whole_masks(found, maps, settings)]
    assert [one.label for one in masks] == sorted(found.ids.tolist())
    for one in masks:
        k = int(np.flatnonzero(found.ids == one.label)[0])
        sigma = found.sigma[k] * np.float32(settings.margin_factor)
        near = squared_distance(embeddings, found.centre[k], sigma)
        limit = 2 * np.log(2)
        whole: NDArray[np.bool_] = np.zeros(maps.shape, np.bool_)
        whole[one.box] = one.mask
        own, others = found.labels == one.label, found.labels > 0
        assert whole[own].all()
        claimed = foreground & others
        assert whole[claimed & (near < 0.9999 * limit)].all()
        assert not whole[~own & ~(claimed & (near < 1.0001 * limit))].any()
    layers = layers_of(masks, maps.shape)
    for one in masks:
        held = [np.array_equal(layer[one.box] == one.label, one.mask) for layer in layers]
        assert sum(held) == 1


def test_corrected_objects_stay_as_they_are() -> None:
    found = segmented()
    locked = replace(found.instances, locked=np.ones(2, np.bool_))
    for one in whole_masks(locked, *crossing()):
        assert one.mask.sum() == (locked.labels == one.label).sum()


@pytest.mark.parametrize("key", ["roi", "geojson", "coco", "ome-zarr"])
def test_without_maps_a_sentence(tmp_path: Path, key: str) -> None:
    found = replace(segmented(), maps=None)
    with pytest.raises(InputError, match="from its maps alone, and there are none"):
        [*export(tmp_path, found, [key], settings=WHOLE)]
    assert not [*tmp_path.iterdir()]
