"""Folders of images and labels as other programs write them: what a training makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from builders import capsules
from command_line import cells, done, pairs, save, training_set
from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.cli.train_inputs import read_annotated
from napari_spatial_embeddings.cli.train_request import AnnotatedFolders
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.dataset import TrainingSet


def folders(folder: Path, **flags: Any) -> AnnotatedFolders:
    paths = str(folder / "images"), str(folder / "labels")
    plain = AnnotatedFolders(*paths, "", "", None, "", "", False, "", ())
    return replace(plain, **flags)


def read(folder: Path, **flags: Any) -> TrainingSet:
    return read_annotated(folders(folder, **flags), None)


def volume(folder: Path, name: str, z: float | None, seed: int) -> None:
    """Write a volume of pixels of a quarter micrometre with its labels."""
    image, labels = cells((8, 24, 24), seed, (4 * (z or 0.25), 1, 1))
    scale = {"imagej": True, "resolution": (4, 4)}
    facts = {"axes": "ZYX", "spacing": z, "unit": "um"} if z else {"axes": "ZYX"}
    save(folder / f"images/{name}.tif", image, metadata=facts, **(scale if z else {}))
    save(folder / f"labels/{name}.tif", labels, metadata={"axes": "ZYX"})


def test_each_volume_keeps_its_own_distance_of_slices(tmp_path: Path) -> None:
    for seed, (name, z) in enumerate({"a": None, "b": 0.5, "c": 2.0}.items()):
        volume(tmp_path, name, z, seed)
    data = read(tmp_path)
    assert [image.spacing for image in data.images] == [(2, 1, 1), (2, 1, 1), (8, 1, 1)]
    assert (data.pixel_size, data.unit) == ((0.5, 0.25, 0.25), "um"), "of the first that has one"
    told = read(tmp_path, pixel_size=(3.0, 1.0, 1.0))
    assert [image.spacing for image in told.images] == [(3, 1, 1)] * 3
    assert (told.pixel_size, told.unit) == ((3, 1, 1), None)
    with pytest.raises(CallError, match="--pixel-size: 2 values for the 3 axes"):
        read(tmp_path, pixel_size=(1.0, 1.0))
    assert read(
        tmp_path,
        pixel_size=(),
        val_images=str(tmp_path / "images"),
        val_labels=str(tmp_path / "labels"),
    ).validation[2].spacing == (8, 1, 1)


def test_a_model_for_images_starts_one_for_volumes(tmp_path: Path, model: Path) -> None:
    for seed in range(2):
        volume(tmp_path, str(seed), 0.5, seed)
    command = "train", *pairs(tmp_path), "--model", model, "--output", tmp_path / "model", "--json"
    start, *_ = done(*command, "--crop-size", 16, "--epochs", 1).facts
    assert start["start"] == str(model)
    flat, deep = SpatialEmbeddings.load(model), SpatialEmbeddings.load(tmp_path / "model")
    assert (deep.settings.ndim, deep.settings.spacing) == (3, (2.0, 1.0, 1.0))
    assert deep.settings.width == flat.settings.width
    assert len(deep.history) < 4, "its own trainings alone"
    # A few steps have changed little of what it started with.
    own, other = (m.network.state_dict()["refine.1.conv1.weight"] for m in (flat, deep))
    np.testing.assert_allclose(other[:, :, 1], own, atol=0.05)
    assert other[:, :, [0, 2]].abs().max() < 0.05
    assert own.abs().max() > 0.1


def objects(image: TrainingImage) -> list[int]:
    """Return the sizes of the objects, from small to large."""
    return sorted(np.bincount(image.labels[image.labels > 0])[1:].tolist())


def test_masks_are_taken_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training_set(tmp_path)
    for k in range(3):  # objects that do not touch
        save(tmp_path / f"labels/{k}.tif", capsules((64, 64), k).astype(np.uint16))
    expected = [objects(image) for image in read(tmp_path).images]
    for k in range(3):
        labels = tifffile.imread(tmp_path / f"labels/{k}.tif")
        save(tmp_path / f"labels/{k}.tif", np.where(labels > 0, 255, 0).astype(np.uint8))
    assert [objects(image) for image in read(tmp_path).images] == expected
    assert "0.tif and 2 more are masks of a single value: each" in capsys.readouterr().err
    scribbled = read(tmp_path, scribbles=True).images
    assert [image.n_objects for image in scribbled] == [1, 1, 1], "one object may have many"


def test_cellpose_keeps_both_in_one_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Labels in 32 bits, as Fiji saves them, with flows beside them."""
    training_set(tmp_path)
    together = tmp_path / "together"
    for name in "01":
        image, labels = (
            tifffile.imread(tmp_path / k / f"{name}.tif") for k in ("images", "labels")
        )
        save(together / f"{name}.tif", image)
        save(together / f"{name}_masks.tif", labels.astype(np.float32))
    save(together / "1_flows.tif", image)
    both = {"images": str(together), "labels": str(together)}
    data = read(tmp_path, **both, label_suffix="_masks")
    warned = f"{together} holds 1 file without label image: 1_flows.tif; not used"
    assert caplog.messages == [warned]
    assert [image.name for image in data.images] == ["0.tif", "1.tif"]
    assert objects(data.images[1]) == objects(read(tmp_path).images[1])


def test_some_channels(tmp_path: Path) -> None:
    image, labels = cells((64, 64))
    both = np.stack([np.zeros_like(image), image])
    save(tmp_path / "images/a.tif", both, metadata={"axes": "CYX"})
    save(tmp_path / "labels/a.tif", labels)
    (found,) = read(tmp_path, channels=(1,)).images
    np.testing.assert_array_equal(found.image, both[1:])
    with pytest.raises(InputError, match="has 2 channels, none with the index 2"):
        read(tmp_path, channels=(2,))


def test_grey_of_colours(tmp_path: Path) -> None:
    image, labels = cells((64, 64))
    grey = (200 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    save(tmp_path / "images/a.tif", np.repeat(255 - grey[..., None], 3, -1), photometric="rgb")
    save(tmp_path / "labels/a.tif", labels)
    (found,) = read(tmp_path, grey="inverted").images
    np.testing.assert_array_equal(found.image, grey[None])
    assert len(read(tmp_path).images[0].image) == 3
    with pytest.raises(InputError, match="has 1 channel; expected three"):
        read(tmp_path, grey="plain", channels=(0,))
