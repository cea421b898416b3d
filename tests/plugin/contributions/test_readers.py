"""The reader of images in Zarr and TIFF: napari asks which one to use, and offers this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Layer
from napari.plugins import _initialize_plugins

from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export import CocoSet, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.image_labels import write_image_labels
from napari_spatial_embeddings.files import stored
from napari_spatial_embeddings.plugin.contributions.readers import reader
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from small_models import model_of

LENGTHS = {"t": 3, "c": 2, "z": 5, "y": 30, "x": 40}
KINDS = {"t": "time", "c": "channel"}


def write(path: Path, axes: str) -> np.ndarray:
    """Write random pixels as OME-Zarr 0.4, slices 2 and pixels 0.5 micrometers apart."""
    shape = tuple(LENGTHS[a] for a in axes)
    pixels = np.random.default_rng(0).integers(0, 99, shape).astype(np.uint16)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=pixels)
    named = [{"name": a, "type": KINDS.get(a, "space"), "unit": "micrometer"} for a in axes]
    scale: dict[str, Any] = {
        "type": "scale",
        "scale": [0.5 if a in "yx" else 2.0 for a in axes],
    }
    dataset: Any = {"path": "0", "coordinateTransformations": [scale]}
    facts: Any = {"multiscales": [{"version": "0.4", "axes": named, "datasets": [dataset]}]}
    group.attrs.update(facts)
    return pixels


@pytest.mark.parametrize("axes", ["yx", "cyx", "zyx", "xyz", "czyx"])
def test_axes_and_pixel_size(axes: str, tmp_path: Path) -> None:
    pixels = write(tmp_path / "a.zarr", axes)
    read = reader(str(tmp_path / "a.zarr"))
    assert read is not None
    ((data, options, kind),) = read(str(tmp_path / "a.zarr"))
    layer = Layer.create(data, options, kind)
    shown = "".join(a for a in "czyx" if a in axes)
    assert layer.axis_labels == tuple(shown)
    assert np.array_equal(layer.data, pixels.transpose([axes.index(a) for a in shown]))
    assert layer.scale.tolist() == [{"c": 1, "z": 2}.get(a, 0.5) for a in shown]
    assert str(layer.units[-1]) == "micrometer"
    assert tag_of(layer) is None, "it is the user's own"


def test_a_large_image_is_shown_as_a_pyramid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(image_data, "MAX_PIXELS", 1000)
    pixels = write(tmp_path / "a.zarr", "cyx")
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    group.create_array("1", data=pixels[:, ::2, ::2])
    facts: Any = group.attrs["multiscales"]
    facts[0]["datasets"].append({**facts[0]["datasets"][0], "path": "1"})
    group.attrs["multiscales"] = facts
    read = reader(str(tmp_path / "a.zarr"))
    assert read is not None
    ((data, options, kind),) = read(str(tmp_path / "a.zarr"))
    layer = Layer.create(data, options, kind)
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(2, 30, 40), (2, 15, 20)]
    np.testing.assert_array_equal(layer.data[0], pixels)


@pytest.mark.parametrize("kind", ["OME-Zarr", "OME-TIFF"])
def test_time_series(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a.zarr" if kind == "OME-Zarr" else "a.ome.tif")
    pixels = write(tmp_path / "a.zarr", "tyx")
    if kind == "OME-TIFF":
        tifffile.imwrite(path, pixels, metadata={"axes": "TYX"}, photometric="minisblack")
    read = reader(str(path))
    assert read is not None
    ((data, options, _),) = read(str(path))
    assert options["axis_labels"] == ("t", "y", "x")
    np.testing.assert_array_equal(data, pixels)


def coco(path: Path, names: str) -> Path:
    """Write a file of COCO: an object with a hole, and the place of which differs by image."""
    with CocoSet(path.parent) as several:
        for k, name in enumerate(names):
            labels = np.zeros((20, 30), np.int32)
            labels[k : k + 8, 3:12] = 5
            labels[k + 2, 6] = 0
            for _ in several.add(segmented_labels(name, labels)):
                pass
    return (path.parent / "instances.json").rename(path)


def test_objects_of_coco(
    tmp_path: Path, model: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the image that is open, holes and all; other JSON is left to others."""
    monkeypatch.setattr(napari, "current_viewer", lambda: model)
    path = coco(tmp_path / "instances_train.json", "ab")
    read = reader(str(path))
    assert read is not None
    with pytest.raises(InputError, match="open the one that you want"):
        read(str(path))
    model.add_image(np.zeros((20, 30)), name="b", scale=(0.5, 0.5))
    ((data, options, kind),) = read(str(path))
    assert (kind, options["features"]["label"], options["scale"]) == ("shapes", [5], (0.5, 0.5))
    expected = np.zeros((20, 30), bool)
    expected[1:9, 3:12] = True
    expected[3, 6] = False
    (corners,) = data
    np.testing.assert_array_equal(filled([corners[:, ::-1] + 0.5], (20, 30)), expected)
    for name in ("instances.json", "my_annotations.json", "a.coco.json"):
        (tmp_path / name).write_text('{"key": [1, 2]}')
        assert reader(str(tmp_path / name)) is None
    (tmp_path / "a.zip").write_bytes(b"PK and no more")
    assert reader(str(tmp_path / "a.zip")) is None


def test_what_napari_itself_makes_of_our_labels(tmp_path: Path) -> None:
    """As the table of `docs/formats.md` has it; this plugin opens what napari does not."""
    _initialize_plugins()  # as a window does
    own, labels = ViewerModel(), np.kron(np.arange(12).reshape(3, 4), np.ones((9, 9), int))
    size: dict[str, Any] = {"pixel_size": (0.5, 0.5), "unit": "um"}
    for top, ending, kind in (
        (1, ".tif", "image"),
        (70_000, ".tif", "labels"),
        (1, ".labels.npy", "labels"),
        (1, ".labels.zarr", "image"),
    ):
        found = segmented_labels(f"cells{top}", labels * top, **size)
        key = {".tif": "labels", ".labels.npy": "npy"}.get(ending, "ome-zarr")
        (path,) = export(tmp_path, found, [key])
        (layer,) = own.open(str(path), plugin="napari")
        assert (layer._type_string, layer.scale.tolist()) == (kind, [1, 1])
        if ending == ".labels.npy":
            continue
        read = reader(str(path))
        assert read is not None
        ((data, options, ours),) = read(str(path))
        assert (ours, options["scale"]) == ("labels", (0.5, 0.5))
        np.testing.assert_array_equal(data, labels * top)

    write(image := tmp_path / "image.zarr", "yx")
    assert own.open(str(image), plugin="napari")
    write_image_labels(image, "nuclei", np.ones((30, 40), np.int32), {})
    with pytest.raises(ValueError, match="No arrays found"):
        own.open(str(image), plugin="napari")
    read = reader(str(image))
    assert read is not None
    assert read(str(image))[0][0].shape == (30, 40)


def test_a_stack_is_left_to_others(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{n}.ome.tif") for n in "ab"]
    assert reader(paths) is None
    assert reader(paths[:1]) is not None


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"II*\0 and nothing more")
    read = reader(str(tmp_path / "a.svs"))
    assert read is not None
    with pytest.raises(InputError, match=r"a\.svs"):
        read(str(tmp_path / "a.svs"))
    assert reader(str(tmp_path)) is None, "it is no Zarr"


def test_a_model_has_nothing_to_show_without_a_window(tmp_path: Path) -> None:
    folder = str(model_of().save(tmp_path / "mine"))
    read = reader(folder)
    assert read is not None
    with pytest.raises(InputError, match=r"mine is a model, and nothing to look at; .* import"):
        read(folder)
