"""The meaning of a layer's axes, from all that is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from napari.layers._source import layer_source
from PIL import Image as Picture

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import FileError, PixelError, read_image, read_labels
from napari_spatial_embeddings.plugin.layers.axes import (
    are_guessed,
    axes_error,
    is_grey,
    leave_out_transparency,
    likeliest_axes,
    meanings,
    order_labels,
    possible_axes,
    ranked_axes,
    space_last,
)
from napari_spatial_embeddings.plugin.layers.image import image_data

NONE = ("",) * 5


def layer_of(shape: tuple[int, ...], **how: Any) -> Image:
    return Image(np.zeros(shape, np.uint8), contrast_limits=(0, 200), **how)


@pytest.mark.parametrize(
    ("shape", "names", "likeliest", "among"),
    [
        ((40, 50), "", "YX", ()),
        ((3, 40, 50), "", "CYX", ("ZYX", "TYX")),
        ((12, 40, 50), "", "ZYX", ("CYX", "TYX")),
        ((40, 50, 3), "", "YXC", ("ZYX", "CYX")),
        ((1, 40, 50), "", "CYX", ("ZYX",)),
        ((40, 50, 1), "", "YXC", ("ZYX",)),
        ((9, 40, 50, 1), "", "ZYXC", ()),
        ((2, 9, 40, 50), "", "CZYX", ("ZCYX", "TZYX")),
        ((9, 2, 40, 50), "", "ZCYX", ("CZYX", "TCYX")),
        ((9, 40, 50, 3), "", "ZYXC", ("CZYX",)),
        ((1, 9, 40, 50), "", "CZYX", ()),
        ((1, 1, 9, 1, 40, 50), "", "", ()),
        ((9, 1, 2, 40, 50), "", "ZTCYX", ("CTZYX",)),
        ((9, 40, 50), "T--", "TYX", ("ZYX", "CYX")),
        ((9, 40, 50), "C--", "CYX", ("ZYX",)),
        ((4, 40, 50), "Z--", "ZYX", ("CYX",)),
        ((1, 40, 50), "Z--", "CYX", ("ZYX",)),
        ((1, 40, 50), "T--", "CYX", ("ZYX",)),
        ((9, 2, 40, 50), "TZ--", "TZYX", ()),
        ((9, 2, 40, 50), "CZ--", "CZYX", ()),
        ((9, 2, 40, 50), "CT--", "CTYX", ()),
        ((40, 9, 50), "YCX", "YCX", ()),
        ((9, 2, 4, 40, 50), "CZ---", "CZTYX", ()),
        ((40, 50, 9), "XYZ", "XYZ", ()),
        ((40, 50, 9), "YXZ", "YXZ", ()),
        ((40, 50), "XY", "XY", ()),
        ((2, 40, 50), "CXY", "CXY", ()),
        ((40, 50, 9), "X--", "ZYX", ()),
    ],
)
def test_names_count_more_than_lengths_and_lengths_of_one_little(
    shape: tuple[int, ...], names: str, likeliest: str, among: tuple[str, ...]
) -> None:
    letters = [name.strip("-") for name in names] or [""] * len(shape)
    found = ranked_axes(shape, letters, rgb=False)
    assert next(iter(found), "") == likeliest
    assert set(among) <= set(found)


def test_channels_in_colours_are_no_volume() -> None:
    assert ranked_axes((2, 40, 50, 3), ("C", "", "", ""), rgb=True) == []
    assert ranked_axes((1, 40, 50, 3), ("C", "", "", ""), rgb=True)
    layer = layer_of((2, 40, 50, 3), rgb=True, axis_labels=("c", "y", "x"))
    assert "split it with Split Stack" in axes_error(layer, next(iter(possible_axes(layer)), ""))


def test_labels_and_units_of_time_name_axes() -> None:
    seconds = layer_of((6, 40, 50), units=("second", "um", "um"))
    labelled = layer_of((6, 40, 50), axis_labels=("Time", "row", "col"))
    for layer in (seconds, labelled):
        axes = possible_axes(layer)[0]
        assert axes == "TYX"
        assert not are_guessed(layer, axes)
        image = image_data([layer], axes)
        assert (image.axes, image.frames, image.shape) == ("TCYX", 6, (40, 50))
    # napari shows the last axes as height and width, whatever they are called.
    assert possible_axes(layer_of((40, 50, 60), axis_labels=("x", "y", "z")))[0] == "ZYX"
    assert possible_axes(layer_of((3, 40, 50), axis_labels=("z", "z", "z")))[0] == "CYX"
    assert are_guessed(layer_of((6, 40, 50)), "ZYX")
    assert not are_guessed(layer_of((6, 40, 50), axis_labels=("z", "y", "x")), "ZYX")
    assert not are_guessed(layer_of((40, 50)), "YX")


ALPHA = {"photometric": "minisblack", "extrasamples": ["unassalpha"]}


def open_file(path: Path, pixels: np.ndarray | None = None) -> Image:
    with layer_source(path=str(path)):
        return Image(tifffile.imread(path) if pixels is None else pixels, contrast_limits=(0, 200))


@pytest.mark.parametrize(
    ("shape", "how"),
    [
        ((9, 2, 32, 40), {"imagej": True, "metadata": {"axes": "ZCYX"}}),
        ((2, 9, 32, 40), {"imagej": True, "metadata": {"axes": "CZYX"}}),  # is stored as ZCYX
        ((2, 32, 40), {"imagej": True, "metadata": {"axes": "ZYX"}}),
        ((9, 32, 40), {"imagej": True, "metadata": {"axes": "CYX"}}),
        ((3, 32, 40), {"photometric": "minisblack"}),  # names nothing
        ((32, 40), {}),
        ((1, 9, 1, 32, 40), {"ome": True, "metadata": {"axes": "TZCYX"}}),
        ((1, 1, 2, 32, 40), {"ome": True, "metadata": {"axes": "TZCYX"}}),
        ((32, 40, 3), {"photometric": "rgb"}),
        ((32, 40, 3), {"metadata": {"axes": "YXC"}, "photometric": "minisblack"}),
        *(((32, 40, 9)[: len(a)], {"metadata": {"axes": a}}) for a in ("XYZ", "YXZ", "ZXY", "XY")),
        ((2, 32, 40), {"metadata": {"axes": "CXY"}}),
        ((32, 40, 2), {"planarconfig": "contig", **ALPHA}),
        ((2, 32, 40), {"planarconfig": "separate", **ALPHA}),
        ((6, 32, 40, 2), {"planarconfig": "contig", **ALPHA}),
        ((4, 32, 40), {"photometric": "rgb", "planarconfig": "separate", "extrasamples": [2]}),
        ((32, 40, 2), {"planarconfig": "contig", "extrasamples": [0]}),
    ],
)
def test_the_window_takes_a_file_for_what_the_command_line_does(
    shape: tuple[int, ...], how: dict[str, Any], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, shape, np.uint8)
    if how.get("imagej") and how["metadata"]["axes"] == "CZYX":
        pixels, how = np.moveaxis(pixels, 0, 1), {"imagej": True, "metadata": {"axes": "ZCYX"}}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
    layer, read = open_file(tmp_path / "a.tif"), read_image(tmp_path / "a.tif")
    leave_out_transparency(layer)
    axes = possible_axes(layer)[0]
    seen = image_data([layer], axes)
    assert seen.axes == read.axes
    assert np.array_equal(np.asarray(seen.data), np.asarray(read.data))
    moved = space_last(layer, axes)
    assert np.array_equal(np.asarray(image_data([layer], moved).data), np.asarray(read.data))
    assert layer.rgb or moved.endswith("YX")


@pytest.mark.parametrize("shape", [(9, 2, 32, 40), (4, 3, 9, 32, 40), (6, 32, 40, 2)])
def test_axes_that_the_command_line_does_not_guess_are_to_be_chosen(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    tifffile.imwrite(
        path := tmp_path / "a.tif", np.zeros(shape, np.uint8), photometric="minisblack"
    )
    with pytest.raises(FileError, match="its axes are unknown"):
        read_image(path)
    layer = open_file(path)
    assert likeliest_axes(layer) == ""
    assert "axes without names: choose what they mean" in axes_error(layer, "")
    for axes in possible_axes(layer):
        assert axes_error(layer, axes) == ""
    names = tuple("tczyx"[-len(shape) :])
    layer.axis_labels = names
    assert likeliest_axes(layer) == "".join(names).upper()
    layer.axis_labels = ("", *names[1:])  # a single one is guessed there, too
    assert likeliest_axes(layer)


def test_a_file_that_is_no_whole_image_is_used_nowhere(tmp_path: Path) -> None:
    """Though napari shows what there is of it; a copy of the layer is what the user wants."""
    rng = np.random.default_rng(0)
    tifffile.imwrite(cut := tmp_path / "cut.tif", rng.integers(0, 200, (64, 64), np.uint8))
    Picture.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(half := tmp_path / "a.jpg")
    for path in (cut, half):
        path.write_bytes(path.read_bytes()[:-1500])
    Picture.new("CMYK", (64, 64)).save(ink := tmp_path / "ink.jpg")
    for path in (cut, half, ink):
        with pytest.raises(PixelError) as refused:
            read_image(path)
        rgb = path is not cut
        layer = open_file(path, np.zeros((64, 64, 3)[: 2 + rgb], np.uint8))
        with pytest.raises(InputError) as said:
            image_data([layer], possible_axes(layer)[0])
        assert (
            str(said.value) == f"{refused.value}, or duplicate the layer to use it as it is shown"
        )
        with layer_source(parent=layer):  # as napari duplicates layers
            copy = Image(layer.data)
        assert image_data([copy], possible_axes(copy)[0]).shape == (64, 64)
    with layer_source(path=str(cut)):
        labels = Labels(np.zeros((64, 64), np.int32))
    with pytest.raises(InputError, match="is truncated"):
        order_labels(labels)


@pytest.mark.parametrize("kind", ["LA", "RGBA", "RGB", "L"])
def test_transparency_of_a_png_is_no_channel(kind: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (32, 40, len(kind)), np.uint8).squeeze()
    Picture.fromarray(pixels, kind).save(path := tmp_path / "a.png")
    layer = open_file(path, pixels)
    assert leave_out_transparency(layer) == (kind == "LA")
    assert not leave_out_transparency(layer)
    axes = possible_axes(layer)[0]
    read = read_image(path)
    assert np.array_equal(np.asarray(image_data([layer], axes).data), np.asarray(read.data))
    assert not is_grey(layer)


def test_grey_values_that_napari_makes_colours_of_are_grey(tmp_path: Path) -> None:
    """As it does of 16 bits with transparency."""
    grey = np.random.default_rng(0).integers(0, 200, (32, 40, 2), np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(grey))
    layer = open_file(tmp_path / "a.png", np.repeat(grey[..., :1], 4, -1).astype(np.uint8))
    assert is_grey(layer)
    assert image_data([layer], "YXC", "grey").channels == read_image(tmp_path / "a.png").channels


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_an_animation_is_a_time_series(ending: str, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 200, (4, 32, 40), np.uint8)
    first, *others = map(Picture.fromarray, frames)
    first.save(path := tmp_path / f"a.{ending}", save_all=True, append_images=others)
    shown = frames if ending == "png" else np.repeat(frames[..., None], 3, -1)
    layer = open_file(path, shown)
    axes = possible_axes(layer)[0]
    assert axes[:3] == "TYX"
    assert not are_guessed(layer, axes)
    assert image_data([layer], axes).frames == 4
    if ending == "png":
        with pytest.raises(FileError, match="time series of 4 frames; save each frame"):
            read_image(path)
        first.save(path)
        assert read_image(path).data.shape == (1, 32, 40)


def test_what_was_cut_out_of_a_file_is_not_named_by_it(tmp_path: Path) -> None:
    movie = np.zeros((6, 32, 40), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", movie, imagej=True, metadata={"axes": "TYX"})
    layer = open_file(tmp_path / "a.tif")
    assert possible_axes(layer)[0] == "TYX"
    layer.data = layer.data[:4, 3:]
    assert possible_axes(layer)[0] == "CYX"
    (tmp_path / "a.tif").unlink()
    assert possible_axes(layer)


def test_spatial_axes_are_put_last_with_all_that_belongs_to_them() -> None:
    source = np.random.default_rng(0).integers(0, 200, (5, 2, 20, 30), np.uint8)
    layer = layer_of(
        source.shape,
        scale=(3, 1, 0.5, 0.25),
        translate=(7, 0, 8, 9),
        units=("um", "pixel", "um", "um"),
    )
    layer.data = source
    corner = layer.data_to_world((1, 0, 2, 3))
    assert space_last(layer, "ZCYX") == "CZYX"
    assert np.shares_memory(layer.data, source)
    assert np.array_equal(layer.data, np.moveaxis(source, 1, 0))
    assert np.allclose(layer.data_to_world((0, 1, 2, 3)), np.array(corner)[[1, 0, 2, 3]])
    assert [str(u) for u in layer.units] == ["pixel", "micrometer", "micrometer", "micrometer"]
    assert layer.axis_labels == ("c", "z", "y", "x")
    assert space_last(layer, "CZYX") == "CZYX"
    levels = Image(
        [np.zeros((40, 60, 2), np.uint8), np.zeros((20, 30, 2), np.uint8)],
        multiscale=True,
        contrast_limits=(0, 200),
    )
    assert space_last(levels, "YXC") == "CYX"
    assert [level.shape for level in levels.data] == [(2, 40, 60), (2, 20, 30)]


@pytest.mark.parametrize("axes", ["XYZ", "ZYX", "YXZ", None])
def test_labels_are_put_in_the_order_of_their_file(axes: str | None, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 9, (16, 16, 16), np.uint16)
    facts = {} if axes is None else {"axes": axes}
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=facts, photometric="minisblack")
    with layer_source(path=str(tmp_path / "a.tif")):
        layer = Labels(pixels)
    order_labels(layer)
    order_labels(layer)
    assert np.array_equal(layer.data, read_labels(tmp_path / "a.tif"))


def test_grey_values_are_made_of_colours_without_reading_them() -> None:
    colours = np.zeros((30, 40, 4), np.uint8)
    colours[..., 1] = 200
    colours[..., 3] = 255
    layer = Image(colours, rgb=True)
    assert list(meanings(layer).values()) == ["colours (RGB)", "grey", "grey, inverted"]
    grey = image_data([layer], "YXC", "grey")
    assert (grey.channels, grey.data.dtype.name) == (1, "uint8")
    assert np.unique(np.asarray(grey.data)).tolist() == [143]
    inverted = image_data([layer], "YXC", "inverted")
    assert np.asarray(inverted.data[0, 3:5, 7]).tolist() == [112, 112]
    bright = Image(np.ones((30, 40, 3), np.float32), rgb=True)
    assert np.allclose(np.asarray(image_data([bright], "YXC", "inverted").data), 0, atol=1e-6)
