"""Results of ``predict``: what the library finds, and where it lies."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from command_line import call, cells, contents, done, refused, save
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.files import read_image, read_labels, read_maps
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

from .results import labels, untrained

NAMES = ("0", "1", "2")
MICROMETRES = {"unit": "um", "axes": "YX"}


def test_labels_are_the_models(data: Path, model: Path, predicted: Path) -> None:
    own = SpatialEmbeddings.load(model)
    for name in NAMES:
        image = tifffile.imread(data / f"images/{name}.tif")
        found = own.segment(image).labels
        assert found.max() > 3, "a test of empty images proves nothing"
        np.testing.assert_array_equal(read_labels(predicted / f"{name}.tif"), found)
    kinds = ("tif", "csv", "csv.json", "maps.zarr")
    assert {p.name for p in predicted.iterdir()} == {f"{n}.{k}" for n in NAMES for k in kinds}


def test_labels_know_their_pixel_size_and_settings(model: Path, predicted: Path) -> None:
    path = predicted / "0.tif"
    found = read_image(path)
    assert found.data.dtype == np.uint16
    assert found.pixel_size == pytest.approx((0.3, 0.3))
    assert found.unit == "um"
    with tifffile.TiffFile(path) as file:
        assert file.imagej_metadata is not None
        note = json.loads(file.imagej_metadata["Info"])
    own = SpatialEmbeddings.load(model).clustering
    digest = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    made = {"model": str(model), "model_sha256": digest, "clustering": own.model_dump()}
    assert made.items() <= note.items()


def test_prints_what_it_wrote(tmp_path: Path, data: Path, model: Path) -> None:
    command = "predict", data / "images", "--model", model, "--output", tmp_path
    lines = done(*command).out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [str(tmp_path / f"{n}.tif") for n in NAMES]
    (facts,) = done(*command, "--json").facts
    counts = [int(found.max()) for found in labels(tmp_path).values()]
    assert [w["objects"] for w in facts["written"]] == counts
    assert [f"{n} objects" in line for n, line in zip(counts, lines, strict=True)] == [True] * 3
    assert [Path(w["labels"]) for w in facts["written"]] == sorted(tmp_path.glob("*.tif"))
    assert facts["failed"] == []


def test_another_pixel_size_is_another_size_of_objects(
    tmp_path: Path, data: Path, model: Path
) -> None:
    """The model was trained at 0.3 micrometres; half of that makes objects twice as large."""
    image = np.kron(tifffile.imread(data / "images/0.tif"), np.ones((2, 2), np.uint16))
    save(
        tmp_path / "fine.tif", image, imagej=True, resolution=(1 / 0.15,) * 2, metadata=MICROMETRES
    )
    save(tmp_path / "not_given.tif", image)
    thresholds = "--seed-threshold", 0.3, "--foreground-threshold", 0.2
    command = "predict", "--model", model, "--output", tmp_path / "out", *thresholds
    found = call(*command, tmp_path / "fine.tif")
    assert found.code == 0
    assert found.err.startswith("fine: resampled by 0.5 x 0.5 before it is predicted")
    own = SpatialEmbeddings.load(model)
    given = 2 * own.settings.working_diameter
    lax = own.clustering.updated(seed_threshold=0.3, foreground_threshold=0.2)
    expected = own.segment(image, lax, PredictionSettings(object_diameter=given)).labels
    assert expected.max() > 3
    np.testing.assert_array_equal(read_labels(tmp_path / "out/fine.tif"), expected)
    # The flag counts more, and there is no warning.
    done(*command, tmp_path / "not_given.tif", "--object-diameter", given)
    np.testing.assert_array_equal(read_labels(tmp_path / "out/not_given.tif"), expected)
    size = "--pixel-size", 150, 150, "--unit", "nm"
    assert "resampled by 0.5 x 0.5" in call(*command, tmp_path / "not_given.tif", *size).err
    np.testing.assert_array_equal(read_labels(tmp_path / "out/not_given.tif"), expected)
    written = read_image(tmp_path / "out/not_given.tif")
    assert written.pixel_size == pytest.approx((150, 150))
    assert written.unit == "nm"
    done(*command, tmp_path / "fine.tif", "--object-diameter", own.settings.working_diameter)
    assert not np.array_equal(read_labels(tmp_path / "out/fine.tif"), expected)


def test_goes_on_after_a_bad_file(tmp_path: Path, data: Path, model: Path) -> None:
    image = tifffile.imread(data / "images/0.tif")
    for name in "a", "d":
        save(tmp_path / f"images/{name}.tif", image)
    (tmp_path / "images/b.tif").write_bytes(b"II*\0 and then nothing")
    save(tmp_path / "images/c.tif", np.where(image > 300, image, np.nan).astype(np.float32))
    command = "predict", tmp_path / "images", "--model", model, "--output", tmp_path / "out"
    outcome = call(*command)
    assert outcome.code == 1
    bad_b, bad_c, summary, *again = outcome.err.splitlines()
    assert str(tmp_path / "images/b.tif") in bad_b
    assert str(tmp_path / "images/c.tif") in bad_c
    assert "NaN" in bad_c
    assert summary == "2 of 4 images could not be used:"
    assert [line.strip() for line in again] == [bad_b, bad_c]
    assert set(contents(tmp_path / "out")) == {"a.tif", "d.tif"}

    (facts,) = call(*command, "--json").facts
    assert len(facts["written"]) == len(facts["failed"]) == 2


def test_one_file_by_name(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    output = tmp_path / "not" / "there" / "yet"
    done("predict", data / "images/1.tif", "--model", model, "--output", output)
    assert set(contents(output)) == {"1.tif"}
    np.testing.assert_array_equal(read_labels(output / "1.tif"), read_labels(predicted / "1.tif"))


def test_again_replaces(tmp_path: Path, data: Path, model: Path) -> None:
    command = "predict", data / "images", "--model", model, "--output", tmp_path, "--maps"
    done(*command)
    before = labels(tmp_path)
    done(*command, "--min-size", 10**6)
    assert labels(tmp_path).keys() == before.keys()
    assert not any(found.any() for found in labels(tmp_path).values())


def test_ome_tiff(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    done("predict", data / "images/0.tif", "--model", model, "--output", tmp_path, "--ome")
    (path,) = tmp_path.iterdir()
    assert path.name == "0.ome.tif"
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
    found = read_image(path)
    assert found.pixel_size == pytest.approx((0.3, 0.3))
    assert found.unit == "um"
    np.testing.assert_array_equal(found.data[0], read_labels(predicted / "0.tif"))


def test_tables_measure_the_labels(data: Path, predicted: Path) -> None:
    for name in NAMES:
        found = read_labels(predicted / f"{name}.tif")
        image = tifffile.imread(data / f"images/{name}.tif")
        with (predicted / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["label"]) for row in rows] == list(range(1, int(found.max()) + 1))
        for row in rows:
            own = found == int(row["label"])
            assert int(row["size_px"]) == own.sum()
            assert row["class"] == "object"
            assert float(row["mean_intensity_0"]) == pytest.approx(image[own].mean(), rel=1e-4)
            assert 0.3 * float(row["centre_y_px"]) == pytest.approx(
                float(row["centre_y_um"]), abs=1e-3
            )


def test_centres_in_tables_are_indices(tmp_path: Path) -> None:
    """Also if the image has no metadata on its coarser slices."""
    image, _ = cells((8, 24, 24), spacing=(2, 1, 1))
    save(tmp_path / "images/a.tif", image)
    own = untrained(tmp_path / "model", ndim=3, spacing=(2, 1, 1))
    flags = "--seed-threshold", 0.05, "--foreground-threshold", 0.05, "--min-size", 1, "--table"
    done("predict", tmp_path / "images", "--model", own, "--output", tmp_path / "out", *flags)
    with (tmp_path / "out/a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    model = SpatialEmbeddings.load(own)
    loose = model.clustering.updated(seed_threshold=0.05, foreground_threshold=0.05, min_size=1)
    centres = model.segment(image, loose).centre / (2, 1, 1)
    found = [[float(row[f"centre_{a}_px"]) for a in "zyx"] for row in rows]
    assert len(found)
    np.testing.assert_allclose(found, centres, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "channels", "axes"),
    [
        ((40, 48), 3, "YXS"),
        ((40, 48), 2, "CYX"),
        ((6, 20, 24), 1, "ZYX"),
        ((6, 20, 24), 2, "CZYX"),
        ((1, 1), 1, "YX"),
    ],
)
def test_kinds_of_images(tmp_path: Path, shape: tuple[int, ...], channels: int, axes: str) -> None:
    rng = np.random.default_rng(0)
    full = shape if channels == 1 else (channels, *shape)
    image = rng.integers(0, 1000, full).astype(np.uint16)
    stored = np.moveaxis(image, 0, -1) if axes == "YXS" else image
    options: dict[str, Any] = {"photometric": "rgb"} if axes == "YXS" else {}
    save(tmp_path / "images/a.tif", stored, metadata={"axes": axes}, **options)
    spacing = (1.0,) * len(shape)
    own = untrained(tmp_path / "m", ndim=len(shape), in_channels=channels, spacing=spacing)
    done("predict", tmp_path / "images", "--model", own, "--output", tmp_path / "out", "--ome")
    found = SpatialEmbeddings.load(own).segment(image).labels
    assert found.shape == shape
    np.testing.assert_array_equal(read_labels(tmp_path / "out/a.ome.tif").reshape(shape), found)


def test_other_formats(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    """A PNG of the same pixels has the same cells."""
    from PIL import Image

    (tmp_path / "images").mkdir()
    image = tifffile.imread(data / "images/0.tif")
    Image.fromarray(image).save(tmp_path / "images/0.png")
    done("predict", tmp_path / "images", "--model", model, "--output", tmp_path / "out")
    np.testing.assert_array_equal(
        read_labels(tmp_path / "out/0.tif"), read_labels(predicted / "0.tif")
    )


def test_prediction_flags_reach_the_network(
    tmp_path: Path, data: Path, model: Path, predicted: Path
) -> None:
    command = "predict", data / "images/0.tif", "--model", model, "--maps", "--output"
    done(*command, tmp_path / "flips", "--flips", "--panels")
    with Image.open(tmp_path / "flips" / "0.panels.png") as panels:
        assert json.loads(panels.info["Description"])["input"]["name"] == "0.tif"
        assert min(panels.size) > 1000
    done(*command, tmp_path / "tiles", "--tile", 16, "--halo", 0)
    seeds = [
        read_maps(folder / "0.maps.zarr").maps.seed
        for folder in (predicted, tmp_path / "flips", tmp_path / "tiles")
    ]
    assert not any(np.allclose(seeds[0], seed) for seed in seeds[1:])


def test_says_if_slices_lie_elsewhere(tmp_path: Path) -> None:
    image, _ = cells((6, 20, 24))
    sizes = {"PhysicalSizeZ": 3.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    save(tmp_path / "images/a.ome.tif", image, ome=True, metadata={"axes": "ZYX", **sizes})
    own = untrained(tmp_path / "model", ndim=3, spacing=(1, 1, 1))
    outcome = call("predict", tmp_path / "images", "--model", own, "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "6 x 1 x 1" in outcome.err


def test_some_channels(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    image = tifffile.imread(data / "images/0.tif")
    path = save(tmp_path / "0.tif", np.stack([image[::-1], image]), metadata={"axes": "CYX"})
    command = "predict", path, "--model", model, "--output", tmp_path / "out"
    said = refused(*command)
    assert "takes 2D images with 1 channel" in said
    assert "--channels and --grey choose what is used" in said
    assert "TYX, if its planes are frames" in said
    assert "none with the index 2" in refused(*command, "--channels", 2)
    assert "--channels" in refused(*command, "--channels", 1, 1)
    done(*command, "--channels", 1)
    found = read_labels(tmp_path / "out/0.tif")
    np.testing.assert_array_equal(found, read_labels(predicted / "0.tif"))


def test_grey_of_colours(tmp_path: Path, data: Path, model: Path) -> None:
    image = tifffile.imread(data / "images/0.tif").astype(float)
    grey = (200 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    colours = np.repeat(255 - grey[..., None], 3, -1)
    path = save(tmp_path / "0.tif", colours, photometric="rgb")
    plain = save(tmp_path / "1.tif", grey)
    command = "--model", model, "--output", tmp_path / "out"
    assert "3 channels" in refused("predict", path, *command)
    done("predict", path, *command, "--grey", "inverted")
    done("predict", plain, *command)
    found, same = (read_labels(tmp_path / "out" / name) for name in ("0.tif", "1.tif"))
    np.testing.assert_array_equal(found, same)
    assert "expected three, red, green and blue" in refused(
        "predict", plain, *command, "--grey", "plain"
    )


def test_the_size_of_objects_is_found_for_all_images_or_for_each(tmp_path: Path) -> None:
    from skimage.transform import rescale

    from napari_spatial_embeddings import samples

    drawn = samples.nuclei(1, size=96).image[0].astype(np.float32)  # 18 pixels wide
    for name, factor in (("as_they_are", 1.0), ("large", 2.5)):
        save(tmp_path / f"images/{name}.tif", rescale(drawn, factor, order=1))
    save(tmp_path / "images/none.tif", np.zeros((64, 64), np.float32))
    command = "predict", tmp_path / "images", "--model", "nuclei-2d", "--find-diameter"
    outcome = call(*command, "--output", tmp_path / "out")
    assert outcome.code == 0
    sizes = dict(line.split(": objects ") for line in outcome.err.splitlines())
    assert sizes["none"] == "not found at any size"
    wide = {name: float(sizes[name].split()[1]) for name in ("as_they_are", "large")}
    assert wide["as_they_are"] == pytest.approx(18, rel=0.35)
    assert wide["large"] == pytest.approx(45, rel=0.35)
    large = tmp_path / "images/large.tif"
    one = call(*command[:1], large, *command[2:], "--output", tmp_path / "one.tif")
    alone = float(one.err.splitlines()[0].removeprefix("large: objects about ").split()[0])
    assert alone == pytest.approx(wide["large"], rel=0.1)
    both = read_labels(tmp_path / "out/large.tif"), read_labels(tmp_path / "one.tif")
    assert len(np.unique(both[0])) == len(np.unique(both[1])) > 5
    save(tmp_path / "alike/one.tif", drawn)
    save(tmp_path / "alike/other.tif", drawn[::-1])
    alike = command[0], tmp_path / "alike", *command[2:]
    lines = call(*alike, "--output", tmp_path / "all").err.splitlines()
    assert [line.split(" pixels wide ")[1] for line in lines] == ["in all images, by 2 of them"]
    error = refused(*command, "--output", tmp_path / "x", "--object-diameter", 20)
    assert "--find-diameter: --object-diameter names one already" in error
