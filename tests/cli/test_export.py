"""The command ``export``: label images of any origin in, files for other programs out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roifile
from PIL import Image
from pycocotools.coco import COCO

from command_line import call, cells, contents, done, refused, save
from crossing_bars import crossing
from formats_here import HERE
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.export import FORMATS as ALL
from napari_spatial_embeddings.export import Segmented
from napari_spatial_embeddings.export import export as write
from napari_spatial_embeddings.export.command import NAMES as FORMATS
from napari_spatial_embeddings.export.pictures.plane import crowded
from napari_spatial_embeddings.files import read_labels, read_objects


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two label images with their images, one of them with a table."""
    for name in ("a", "b"):
        image, found = cells((40, 50), ord(name))
        save(tmp_path / "labels" / f"{name}.tif", found)
        save(tmp_path / "images" / f"{name}.tif", image)
    ids = np.unique(read_labels(tmp_path / "labels" / "a.tif"))[1:]
    rows = [f"{i},{'long' if i % 2 else 'round'},0.{i % 9 + 1}" for i in ids]
    (tmp_path / "labels" / "a.csv").write_text("\n".join(["label,class,score", *rows]))
    return tmp_path / "labels"


def test_every_format_of_a_folder(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    images = ("--image", tmp_path / "images")
    formats = [n for n, key in FORMATS.items() if key in HERE and n != "panels"]  # that has maps
    outcome = done("export", labels, "--format", *formats, "--output", out, *images)
    kinds = [ALL[FORMATS[name]].ending for name in formats]
    endings = [*kinds, ".csv.json", ".shapes.csv.json"]
    names = {n + e for n in "ab" for e in endings if e != ".coco.json"}
    assert {path.name for path in out.iterdir()} == {*names, "instances.json"}
    assert f"{out / 'a.RoiSet.zip'}: " in outcome.out
    np.testing.assert_array_equal(read_labels(out / "a.tif"), read_labels(labels / "a.tif"))
    assert "mean_intensity_0" in (out / "b.csv").read_text()
    assert (out / "a.csv").read_text().startswith("label,class,score,size_px,")


def test_a_table_is_completed(labels: Path, tmp_path: Path) -> None:
    """What it has stays where it is; measurements come after it, also of high labels."""
    found = read_labels(labels / "a.tif").astype(np.int32)
    save(labels / "a.tif", found * 50_000)
    ids = np.unique(found)[1:]
    rows = [f"{50_000 * i},{'long' if i % 2 else 'round'},,0.5" for i in ids]
    (labels / "a.csv").write_text("\n".join(["label,class,size_px,score", *rows]))
    images = ("--image", tmp_path / "images" / "a.tif")
    out = tmp_path / "out"
    done("export", labels / "a.tif", "--format", "table", "--output", out, *images)
    table = read_objects(out / "a.csv")
    assert [*table][:4] == ["label", "class", "size_px", "score"]
    assert table["label"] == [50_000 * i for i in ids]
    assert table["size_px"] == [(found == i).sum() for i in ids]
    assert table.keys() >= {"perimeter_px", "solidity", "neighbours", "std_intensity_0"}


def test_classes_and_scores_come_from_the_table(labels: Path, tmp_path: Path) -> None:
    done("export", labels, "--format", "roi", "geojson", "coco", "--output", tmp_path / "out")
    rois = roifile.roiread(tmp_path / "out" / "a.RoiSet.zip")
    assert isinstance(rois, list)
    assert {roi.name.split("-")[1] for roi in rois} == {"long", "round"}
    assert all(0 < roi.properties["score"] < 1 for roi in rois)
    features = json.loads((tmp_path / "out" / "b.geojson").read_text())["features"]
    assert all("classification" not in one["properties"] for one in features)
    coco = json.loads((tmp_path / "out" / "instances.json").read_text())
    # Those of the second image have no class.
    assert [one["name"] for one in coco["categories"]] == ["long", "round", "object"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_coco_of_a_folder_is_one_file(labels: Path, tmp_path: Path) -> None:
    save(labels / "c.tif", np.ones((9, 9), np.float32) / 3)
    stack = np.stack([read_labels(labels / "b.tif")] * 3)
    save(labels / "d.ome.tif", stack, ome=True, metadata={"axes": "TYX"})
    outcome = call("export", labels, "--format", "coco", "--output", tmp_path / "out")
    assert outcome.code == 1, "there is one that cannot be used"
    assert [*contents(tmp_path / "out")] == ["instances.json"]
    coco = COCO(tmp_path / "out" / "instances.json")
    found = {name: read_labels(labels / f"{name}.tif") for name in "ab"}
    images = [(one["file_name"], one.get("frame")) for one in coco.loadImgs(coco.getImgIds())]
    assert images == [("a", None), ("b", None), *(("d", t) for t in range(3))]
    for number, (name, _) in enumerate(images, 1):
        back = np.zeros((40, 50), int)
        for one in coco.loadAnns(coco.getAnnIds(number)):
            back[coco.annToMask(one) > 0] = one["label"]
            known = coco.loadCats(one["category_id"])[0]["name"]
            assert known == ("object" if name != "a" else "long" if one["label"] % 2 else "round")
        np.testing.assert_array_equal(back, found["a" if name == "a" else "b"])
    assert refused("export", labels / "c.tif", "--format", "coco", "--output", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_one_that_fails_does_not_stop_the_rest(labels: Path, tmp_path: Path) -> None:
    save(labels / "a.tif", np.ones((9, 9), np.float32) / 3)
    flags = "--format", "geojson", "--output", tmp_path / "out"
    outcome = call("export", labels, *flags)
    assert outcome.code == 1
    assert "not whole" in outcome.err
    assert outcome.err.rstrip().splitlines()[-1].startswith("  ")
    assert [*contents(tmp_path / "out")] == ["b.geojson"]
    facts = json.loads(call("export", labels, *flags, "--json").out)
    assert (len(facts["written"]), len(facts["failed"])) == (1, 1)
    assert "not whole" in refused("export", labels / "a.tif", *flags)


def test_what_is_there_stays(labels: Path, tmp_path: Path) -> None:
    """The labels themselves, and files of others."""
    before = contents(tmp_path)
    (tmp_path / "labels" / "a.geojson").write_text("{}")
    flags = "--output", labels
    assert "the image itself" in refused("export", labels / "b.tif", "--format", "tiff", *flags)
    assert "not written by this program" in refused(
        "export", labels / "a.tif", "--format", "geojson", *flags
    )
    (tmp_path / "labels" / "a.geojson").unlink()
    assert contents(tmp_path) == before


def test_calls_that_make_no_sense(labels: Path, tmp_path: Path) -> None:
    flags = "--format", "roi", "--output", tmp_path / "out"
    image = tmp_path / "images" / "a.tif"
    assert "one image for 2" in refused("export", labels, *flags, "--image", image)
    (tmp_path / "images" / "b.tif").rename(tmp_path / "images" / "c.tif")
    text = refused("export", labels, *flags, "--image", tmp_path / "images")
    assert "no image named as b.tif" in text
    save(image, np.zeros((3, 3), np.uint8))
    text = refused("export", labels / "a.tif", *flags, "--image", image)
    assert "must cover the same pixels" in text
    assert "both become" in refused("export", labels / "a.tif", image, *flags)
    assert not (tmp_path / "out").exists()


def test_names_of_formats_are_those_of_the_window() -> None:
    assert set(FORMATS.values()) == ALL.keys() - {"maps"}


@pytest.mark.parametrize("shape", [(3, 40, 50), (2, 5, 20, 30)], ids=["TYX", "TZYX"])
def test_frames_of_a_series(shape: tuple[int, ...], tmp_path: Path) -> None:
    frames = np.stack([cells(shape[1:], t)[1] for t in range(shape[0])])
    axes = "TYX" if len(shape) == 3 else "TZYX"
    path = save(tmp_path / "movie.ome.tif", frames, ome=True, metadata={"axes": axes})
    rows = [f"{t},{i},0.{t + 1}" for t in range(shape[0]) for i in np.unique(frames[t])[1:]]
    (tmp_path / "movie.csv").write_text("\n".join(["frame,label,score", *rows]))
    out = tmp_path / "out"
    done("export", path, "--format", "roi", "geojson", "coco", "--output", out)
    rois = roifile.roiread(out / "movie.RoiSet.zip")
    assert isinstance(rois, list)
    for roi in rois:
        t = int(roi.name.split("-t")[1].split("-")[0])
        assert roi.properties["score"] == pytest.approx(t / 10)
        if axes == "TYX":  # by the plane alone: what ImageJ finds in a plain stack
            assert (roi.position, roi.z_position, roi.t_position) == (t, 0, 0)
        else:
            z = int(roi.name.split("-z")[1])
            assert (roi.position, roi.z_position, roi.t_position) == (0, z, t)
    back = np.zeros_like(frames)
    features = json.loads((out / "movie.geojson").read_text())["features"]
    for one in features:
        plane, geometry = one["geometry"]["plane"], one["geometry"]
        at = (plane["t"], plane["z"]) if axes == "TZYX" else (plane["t"],)
        several = geometry["type"] == "MultiPolygon"
        pieces = geometry["coordinates"] if several else [geometry["coordinates"]]
        rings = [np.array(ring) for piece in pieces for ring in piece]
        back[at][filled(rings, shape[-2:])] = int(one["properties"]["name"])
    np.testing.assert_array_equal(back, frames)
    assert len({one["id"] for one in features}) == len(features)
    coco = json.loads((out / "movie.coco.json").read_text())
    assert len(coco["images"]) == np.prod(shape[:-2])
    text = refused("export", path, "--format", "png", "--output", out)
    assert "cannot hold a time series; those can: roi, geojson, coco, shapes, objects" in text
    assert "; or --frame takes one of its frames" in text
    done("export", path, "--format", "svg", "--output", out, "--frame", 1)
    svg = (out / "movie, frame 1.overlay.svg").read_text()
    shown = frames[1] if axes == "TYX" else frames[1][crowded(frames[1])]
    assert {*re.findall('"object-([0-9]+)"', svg)} == {str(n) for n in np.unique(shown) if n}
    text = refused("export", path, "--format", "svg", "--output", out, "--frame", shape[0])
    assert f"movie has {shape[0]} frames, counted from 0, so there is no {shape[0]}" in text


def test_pictures_of_a_volume_show_one_slice(tmp_path: Path) -> None:
    image, found = cells((6, 30, 40))
    labels = save(tmp_path / "v.tif", found, metadata={"axes": "ZYX"})
    flags = "--format", "picture", "svg", "--output", tmp_path / "out"
    outcome = done("export", labels, *flags)
    assert outcome.out.count(f", slice {crowded(found)} of 0 to 5") == 2
    facts = json.loads(done("export", labels, *flags, "--slice", 4, "--ids", "--json").out)
    assert [one["slice"] for one in facts["written"]] == [4, 4]
    svg = (tmp_path / "out" / "v.overlay.svg").read_text()
    ids = {str(n) for n in np.unique(found[4]) if n}
    assert {*re.findall('"object-([0-9]+)"', svg)} == ids
    assert {*re.findall(">([0-9]+)</text>", svg)} == ids
    assert "has 6 slices, counted from 0" in refused("export", labels, *flags, "--slice", 6)
    flat = save(tmp_path / "flat.tif", found[2])
    assert "no volume; leave --slice out" in refused("export", flat, *flags, "--slice", 1)
    assert "no time series; leave --frame out" in refused("export", flat, *flags, "--frame", 1)
    assert image.shape == found.shape


def test_panels_come_from_the_maps_beside(tmp_path: Path) -> None:
    maps, settings = crossing()
    given = Segmented("bars", cluster(maps, settings), ("bar",), maps)
    [*write(tmp_path / "results", given, ["labels", "maps"])]
    image = save(tmp_path / "images" / "bars.tif", maps.seed[0])
    labels = tmp_path / "results" / "bars.tif"
    flags = "--format", "panels", "--output", tmp_path / "out"
    assert "name it with --image" in refused("export", labels, *flags)
    done("export", labels, *flags, "--image", image)
    with Image.open(tmp_path / "out" / "bars.panels.png") as shown:
        assert min(shown.size) > 1000
    (tmp_path / "results" / "bars.maps.zarr").rename(tmp_path / "elsewhere.zarr")
    assert "the command line with --maps" in refused("export", labels, *flags, "--image", image)


def test_overlaps_come_from_the_maps_beside(tmp_path: Path) -> None:
    """As ``predict --maps --table`` leaves them; corrected objects stay as they are."""
    maps, settings = crossing()
    found = cluster(maps, settings)
    given = Segmented("bars", found, ("bar",), maps, about={"clustering": settings.model_dump()})
    [*write(tmp_path / "results", given, ["labels", "objects", "maps"])]
    out, labels = tmp_path / "out", tmp_path / "results" / "bars.tif"
    flags = "--format", "coco", "--output", out

    def areas() -> list[int]:
        facts = json.loads((out / "bars.coco.json").read_text())
        return sorted(one["area"] for one in facts["annotations"])

    done("export", labels, *flags)
    assert areas() == [5 * 16, 5 * 31]
    done("export", labels, *flags, "--overlaps")
    assert areas() == [5 * 21, 5 * 31]
    changed = read_labels(labels).astype(np.int32)
    front, behind = found.ids.tolist()
    changed[0, 13], changed[10, 0] = 0, 0  # a pixel is erased of each
    corrected = replace(given, instances=replace(found, labels=changed))
    [*write(tmp_path / "results", corrected, ["labels"])]
    done("export", labels, *flags, "--overlaps")
    assert areas() == sorted(int((changed == k).sum()) for k in (front, behind))
    (tmp_path / "results" / "bars.maps.zarr").rename(tmp_path / "elsewhere.zarr")
    assert "predict it again with --maps" in refused("export", labels, *flags, "--overlaps")
