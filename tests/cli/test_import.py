"""The command ``import``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from command_line import call, contents, refused, save
from napari_spatial_embeddings.cli import build_parser
from napari_spatial_embeddings.cli.train_inputs import read_annotated
from napari_spatial_embeddings.cli.train_request import TrainRequest
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.files import read_classes, read_labels
from napari_spatial_embeddings.training.annotation import summarise
from outlined import Labels, contours, feature, objects, polygon, roi, write_json, write_rois


def cells(seed: int = 0) -> Labels:
    labels = np.zeros((40, 48), np.int32)
    rng = np.random.default_rng(seed)
    for n, (y, x) in enumerate(np.ndindex(4, 5), 1):
        top, left = 10 * y + rng.integers(0, 3), 9 * x + rng.integers(0, 3)
        labels[top : top + 5, left : left + 6] = n
    return labels


def images(folder: Path, *names: str, shape: tuple[int, ...] = (40, 48)) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        save(folder / name, rng.integers(0, 255, shape).astype(np.uint8))
    return folder


def rois(path: Path, labels: Labels, **place: int) -> Path:
    masks = objects(labels).items()
    return write_rois(path, [roi(contours(m), f"c{n}", {"label": n}, **place) for n, m in masks])


def geojson(path: Path, labels: Labels, **properties: object) -> Path:
    features = [
        feature({"type": "Polygon", "coordinates": polygon(contours(mask))}, label=n, **properties)
        for n, mask in objects(labels).items()
    ]
    return write_json(path, {"type": "FeatureCollection", "features": features})


def test_each_format_becomes_labels(tmp_path: Path) -> None:
    like = images(tmp_path / "images", "a.tif", "b.tif", "c.tif", "d.tif")
    rois(tmp_path / "a_RoiSet.zip", cells())
    geojson(tmp_path / "b.geojson", cells(), classification={"name": "round"})
    facts = np.array({"masks": cells().astype(np.uint16)}, dtype=object)
    np.save(tmp_path / "c_seg.npy", facts, allow_pickle=True)
    Image.fromarray(cells().astype(np.uint16)).save(tmp_path / "d_masks.png")
    files = [tmp_path / n for n in ("a_RoiSet.zip", "b.geojson", "c_seg.npy", "d_masks.png")]
    done = call("import", *files, "--like", like, "--output", tmp_path / "labels")
    assert done.code == 0
    for name in "abcd":
        labels = read_labels(tmp_path / "labels" / f"{name}.tif")
        np.testing.assert_array_equal(labels, cells())
        assert labels.dtype == np.uint16
        assert f"{name}.tif: 20 objects" in done.out
    classes = read_classes(tmp_path / "labels" / "classes.csv")
    assert classes == {"b": dict.fromkeys(range(1, 21), "round")}
    assert f"--labels {tmp_path / 'labels'} --classes" in done.out


def test_training_reads_the_labels(tmp_path: Path) -> None:
    """Whole and partial ones, with the flags that the last line names, and without others."""
    like = images(tmp_path / "images", "a.tif", "b.tif")
    files = [geojson(tmp_path / f"{n}.geojson", cells(), classification=n) for n in "ab"]
    for flags in ((), ("--partial",)):
        folder = tmp_path / f"labels{len(flags)}"
        done = call("import", *files, "--like", like, "--output", folder, *flags)
        assert done.code == 0
        words = done.out.splitlines()[-1].partition("with ")[2].split()
        call_of_train = ["train", "--images", str(like), *words, "--output", str(tmp_path / "m")]
        request = TrainRequest.of(build_parser().parse_args(call_of_train))
        found = read_annotated(request.folders, None)
        assert found.classes == ("a", "b")
        summary = summarise(found.images)
        assert summary.objects == 40
        assert bool(summary.ignored_pixels) == bool(flags)
        assert summary.background_pixels
    assert (read_labels(tmp_path / "labels1" / "a.tif") == IGNORE).any()


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    like = images(tmp_path / "images", "a.tif", "b.tif", "c.tif")
    rois(tmp_path / "a.zip", cells())
    (tmp_path / "b.geojson").write_text('{"type": "Feat')
    Image.fromarray(cells().astype(np.uint16)[:9]).save(tmp_path / "c_masks.png")
    files = [tmp_path / n for n in ("b.geojson", "c_masks.png", "a.zip")]
    done = call("import", *files, "--like", like, "--output", tmp_path / "out")
    assert done.code == 1
    assert contents(tmp_path / "out").keys() == {"a.tif"}
    last = done.err.splitlines()[-3:]
    assert "2 files could not be used" in last[0]
    assert "b.geojson, line 1 is no JSON" in last[1]
    assert "has the shape (9, 48), c (40, 48) (Y, X)" in last[2]


def test_what_is_there_stays(tmp_path: Path) -> None:
    like = images(tmp_path / "images", "a.tif")
    path = rois(tmp_path / "a.zip", cells())
    out = tmp_path / "out"
    out.mkdir()
    save(out / "a.tif", cells())
    before = contents(out)
    assert "was not written by this program" in refused(
        "import", path, "--like", like, "--output", out, code=2
    )
    assert contents(out) == before
    (out / "a.tif").unlink()
    (out / "classes.csv").write_text("something else")
    assert "classes.csv" in refused("import", path, "--like", like, "--output", out, code=2)
    (out / "classes.csv").write_text("image,label,class\nother,1,x\n")
    path = geojson(tmp_path / "a.geojson", cells(), classification="y")
    for _ in range(2):
        assert call("import", path, "--like", like, "--output", out).code == 0
    classes = read_classes(out / "classes.csv")
    assert classes["other"] == {1: "x"}
    assert classes["a"][20] == "y"


def test_calls_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    like = images(tmp_path / "images", "a.tif", "b.tif")
    save(tmp_path / "images" / "a.png", np.zeros((4, 4), np.uint8))
    path = rois(tmp_path / "a.zip", cells())
    for arguments, says in (
        (("import", path, "--like", like, "--output", tmp_path / "o"), "both become a.tif"),
        (("import", path, "--like", like / "a.tif", "--output", like), "holds a.tif, an image"),
        (("import", path, "--output", tmp_path / "o"), "--like"),
        (
            ("import", path, "--like", tmp_path / "gone", "--output", tmp_path / "o"),
            "no file or folder",
        ),
        (
            ("import", path, "--like", like / "b.tif", like / "c.tif", "--output", tmp_path / "o"),
            "c.tif",
        ),
    ):
        assert says in refused(*arguments, code=2)
    assert not (tmp_path / "o").exists()


def test_a_coco_file_and_a_summary(tmp_path: Path) -> None:
    like = images(tmp_path / "images", "a.tif", "b.tif", "c.tif")
    entries, pictures = [], []
    for n, name in enumerate("ab", 1):
        pictures.append({"id": n, "file_name": f"{name}.tif", "height": 40, "width": 48})
        for k, mask in objects(cells(n)).items():
            rings = [ring.ravel().tolist() for ring in contours(mask)]
            one = {"id": 100 * n + k, "image_id": n, "category_id": k % 2 + 1}
            entries.append({**one, "segmentation": rings})
    kinds = [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    facts = {"images": pictures, "annotations": entries, "categories": kinds}
    path = write_json(tmp_path / "all.json", facts)
    done = call("import", path, "--like", like, "--output", tmp_path / "o", "--json")
    assert done.code == 0
    summary = json.loads(done.out)
    assert [one["objects"] for one in summary["written"]] == [20, 20]
    assert not summary["failed"]
    assert "1 image without annotations: c.tif" in done.err
    for n, name in enumerate("ab", 1):
        np.testing.assert_array_equal(read_labels(tmp_path / "o" / f"{name}.tif"), cells(n))
    assert set(read_classes(tmp_path / "o" / "classes.csv")["a"].values()) == {"x", "y"}


def test_volumes_and_series(tmp_path: Path) -> None:
    like = tmp_path / "images"
    like.mkdir()
    stack = np.zeros((3, 40, 48), np.uint8)
    stack[:, ::2] = 9
    for axes in ("ZYX", "TYX"):
        path = like / f"{axes}.tif"
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": axes})
        two = rois(tmp_path / f"{axes}.zip", cells(), position=2)
        out = tmp_path / axes
        done = call("import", two, "--like", path, "--output", out, "--partial")
        assert done.code == 0, done.err
        with tifffile.TiffFile(out / f"{axes}.tif") as file:
            assert file.series[0].axes == axes
            labels = file.asarray()
        np.testing.assert_array_equal(np.maximum(labels[1], 0), cells())
        assert (labels[0] <= 0).all()
        assert ((labels == IGNORE).any((1, 2)) == [axes == "ZYX", True, axes == "ZYX"]).all()


@pytest.mark.parametrize(
    "kind", ["roi", "geojson", "coco", "seg", "png", "npy", "ome-zarr", "ome-tiff"]
)
def test_what_export_writes_comes_back(tmp_path: Path, kind: str) -> None:
    """With its labels and classes, its holes and pieces."""
    labels = cells()
    labels[labels == 3] = 300
    labels[2:4, 2:4] = 0
    labels[30:33, 40:46] = 7
    like = images(tmp_path / "images", "a.tif")
    save(tmp_path / "labels" / "a.tif", labels)
    rows = [f"{n},{'x' if n % 2 else 'y'}" for n in np.unique(labels) if n]
    (tmp_path / "labels" / "a.csv").write_text("\n".join(["label,class", *rows]))
    exported = tmp_path / "exported"
    assert call("export", tmp_path / "labels", "--format", kind, "--output", exported).code == 0
    out = tmp_path / "out"
    done = call("import", exported, "--like", like, "--output", out)
    assert done.code == 0, done.err
    if kind == "seg":  # Cellpose counts without gaps
        labels = np.searchsorted(np.unique(labels), labels).astype(np.int32)
    np.testing.assert_array_equal(read_labels(out / "a.tif"), labels)
    if kind in ("roi", "geojson", "coco"):
        classes = read_classes(out / "classes.csv")["a"]
        assert classes == {int(n): "x" if n % 2 else "y" for n in np.unique(labels) if n}


@pytest.mark.parametrize("kind", ["roi", "geojson", "coco"])
@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_slices_and_frames_come_back(tmp_path: Path, kind: str, axes: str) -> None:
    labels = np.stack([cells(), cells() * 0, cells()]).astype(np.uint16)
    labels[2][labels[2] > 10] = 0
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        data = labels if folder == "labels" else labels * 3
        tifffile.imwrite(tmp_path / folder / "a.tif", data, imagej=True, metadata={"axes": axes})
    exported, out = tmp_path / "exported", tmp_path / "out"
    assert call("export", tmp_path / "labels", "--format", kind, "--output", exported).code == 0
    done = call("import", exported, "--like", tmp_path / "images", "--output", out)
    assert done.code == 0, done.err
    np.testing.assert_array_equal(tifffile.imread(out / "a.tif"), labels)
