"""Files of an OME-TIFF set: a frame is an image, whole and once; what is missing is named."""

from __future__ import annotations

import itertools
import logging
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from label_files import in_files, numbers
from napari_spatial_embeddings.files import (
    FileError,
    PixelError,
    find_images,
    pair,
    read_axes,
    read_image,
    read_labels,
    read_pixel_size,
)
from napari_spatial_embeddings.files.tiff import tiff_axes
from ome_files import ome, pixels, plane, uuid, write, write_set

SIZES = 'PhysicalSizeX="0.2" PhysicalSizeY="0.2" PhysicalSizeZ="1"'
SIZE = (1, 0.2, 0.2), "um"


def image(frames: int = 1, slices: int = 1, channels: int = 1) -> np.ndarray:
    """Return pixels (T, Z, C, Y, X), all of them different."""
    shape = (frames, slices, channels, 12, 10)
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("large", [False, True], ids=["in memory", "in the files"])
@pytest.mark.parametrize(
    ("apart", "order"), [*itertools.product(["T", "TZ", "CT", "TZC"], ["XYCZT", "XYTZC"])]
)
def test_a_frame_is_one_image(tmp_path: Path, apart: str, order: str, large: bool) -> None:
    whole = image(3, 4, 2)
    files = write_set(tmp_path / "set", whole, apart, order=order, more=SIZES)
    found = find_images([tmp_path / "set"])
    assert len(found) == len(whole)
    assert len(find_images(files[::-1])) == len(whole)
    for frame, path in enumerate(found):
        with in_files(large):
            here = read_image(path)
            np.testing.assert_array_equal(here.data, whole[frame].swapaxes(0, 1))
            np.testing.assert_array_equal(here.data[1, 1:4:2, 3:7], whole[frame, 1:4:2, 1, 3:7])
        assert (here.pixel_size, here.unit) == SIZE == read_pixel_size(path, "ZYX")
    # Whichever of its files is asked for, it is the same image.
    np.testing.assert_array_equal(read_image(files[-1]).data, whole[-1].swapaxes(0, 1))


@pytest.mark.parametrize("apart", ["T", "Z", "TZC"])
def test_axes_of_what_napari_shows(tmp_path: Path, apart: str) -> None:
    """It reads all frames of a set, whichever file is opened, and tiffs of no set as tifffile."""
    files = write_set(tmp_path, image(3, 4, 2), apart)
    axes, shape, dtype = tiff_axes(files[1])
    assert dict(zip(axes, shape, strict=True)) == {"T": 3, "Z": 4, "C": 2, "Y": 12, "X": 10}
    assert tifffile.imread(files[1]).shape == shape
    assert dtype == np.uint16
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, numbers((4, 2, 12, 10)), imagej=True, metadata={"axes": "ZCYX"})
    axes, shape, _ = tiff_axes(plain)
    assert [(a, n) for a, n in zip(axes, shape, strict=True) if n > 1] == [
        ("Z", 4), ("C", 2), ("Y", 12), ("X", 10)
    ]  # fmt: skip


def test_no_file_of_a_set_is_left_open(tmp_path: Path) -> None:
    files = write_set(tmp_path, image(slices=3), "Z", compression="zlib")
    with in_files():
        found = read_image(files[0])
        found.data[0, :, 2]
    fds = Path("/proc/self/fd")
    if fds.exists():
        held = [str(p.readlink()) for p in fds.iterdir() if p.is_symlink()]
        assert not [name for name in held if str(tmp_path) in name]
    files[2].write_bytes(files[1].read_bytes())
    with pytest.raises(FileError, match="was changed while it was in use"):
        found.data[0, 0]


def test_labels_and_their_images(tmp_path: Path) -> None:
    whole, labels = image(slices=3), image(slices=3) % 5
    images = write_set(tmp_path / "images", whole, "Z")
    write_set(tmp_path / "labels", labels, "Z")
    assert pair(tmp_path / "images", tmp_path / "labels") == [
        (images[0], tmp_path / "labels" / images[0].name)
    ]
    found = read_labels(tmp_path / "labels" / "z2.ome.tif")
    np.testing.assert_array_equal(found, labels[0, :, 0])


@pytest.mark.parametrize("apart", ["Z", "C"])
def test_a_missing_file_is_named(tmp_path: Path, apart: str) -> None:
    whole = image(1, 3, 3)
    files = write_set(tmp_path, whole, apart)
    files[1].unlink()
    says = rf"{files[2].name} is one of 3 files of an image, and {files[1].name} cannot be found"
    for read in (read_image, read_labels):
        with pytest.raises(FileError, match=f"{says}.*put all of them into one folder.*axes=ZYX"):
            read(files[2])
    # With axes, a file is what it holds.
    np.testing.assert_array_equal(
        read_image(files[2], "ZYX").data[0], whole[0, 2] if apart == "Z" else whole[0, :, 2]
    )
    # Another acquisition's file of that name is not the missing one.
    write(files[1], whole[0, 0], ome(pixels({}, (12, 10), [plane({}, 0)]), name="another"))
    with pytest.raises(FileError, match=f"{files[1].name} beside it is a part of another image"):
        read_image(files[2])
    write(files[1], whole[0, 0, :, :6], ome(name=files[1].name))
    with pytest.raises(FileError, match=r"one image by their metadata, and differ in size or type"):
        read_image(files[2])
    for content, says in ((b"", r"is empty"), (b"<html>", r"is damaged")):
        files[1].write_bytes(content)
        with pytest.raises(FileError, match=f"{files[1].name} {says}"):
            read_image(files[2])


def test_a_frame_alone_needs_no_other(tmp_path: Path) -> None:
    whole = image(3)
    files = write_set(tmp_path / "set", whole, "T")
    (tmp_path / "alone").mkdir()
    alone = shutil.copy(files[1], tmp_path / "alone")
    np.testing.assert_array_equal(read_image(alone).data, whole[1, 0])
    # Under another name, its identifier tells which it is.
    renamed = shutil.copy(files[2], tmp_path / "alone" / "other.ome.tif")
    np.testing.assert_array_equal(read_image(renamed).data, whole[2, 0])


def test_positions_are_images_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"pos{k}.ome.tif" for k in range(3)]
    images = [
        pixels({"Z": 2}, (12, 10), [plane({"Z": z}, z, name) for z in range(2)]) for name in names
    ]
    whole = image(3, 2)
    for k, name in enumerate(names):
        write(tmp_path / name, whole[k, :, 0], ome(*images, name=name))
    assert [path.name for path in find_images([tmp_path])] == names
    for k, name in enumerate(names):
        np.testing.assert_array_equal(read_image(tmp_path / name).data[0], whole[k, :, 0])
        assert not caplog.messages
        read_axes(tmp_path / name)
        assert ("napari may show the first image of its set" in caplog.text) == (k > 0)
        caplog.clear()
    (tmp_path / "alone").mkdir()
    alone = shutil.move(tmp_path / names[2], tmp_path / "alone")
    caplog.clear()
    read_axes(alone)
    assert not caplog.messages


@pytest.mark.parametrize("companion", ["all.companion.ome", "z0.ome.tif"])
def test_metadata_in_another_file(
    tmp_path: Path, companion: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = image(slices=3)
    planes = [plane({"Z": z}, 0, f"z{z}.ome.tif") for z in range(3)]
    element = pixels({"Z": 3}, (12, 10), planes, more=SIZES)
    for z in range(3):
        name = f"z{z}.ome.tif"
        stub = f'<BinaryOnly MetadataFile="{companion}" UUID="{uuid(companion)}"/>'
        write(
            tmp_path / name,
            whole[0, z, 0],
            ome(element if name == companion else stub, name=name),
        )
    if companion.endswith(".companion.ome"):
        (tmp_path / companion).write_text(ome(element))
        with pytest.raises(FileError, match="holds no pixels; open one of these files beside it"):
            read_image(tmp_path / companion)
    assert [path.name for path in find_images([tmp_path])] == ["z0.ome.tif"]
    found = read_image(tmp_path / "z2.ome.tif")
    np.testing.assert_array_equal(found.data[0], whole[0, :, 0])
    assert (found.pixel_size, found.unit) == SIZE
    (tmp_path / companion).unlink()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(tmp_path / "z2.ome.tif").data[0], whole[0, 2, 0])
    assert f"{companion} beside it, with its metadata, is missing" in caplog.text


@pytest.mark.parametrize(
    ("counts", "there", "says"),
    [
        ({"Z": 5}, [{"Z": z} for z in range(3)], r"5 planes, and it lacks slices 4 to 5 of 5"),
        ({"Z": 5}, [{"Z": z} for z in (0, 2, 4)], r"5 planes, and it lacks slices 2, 4 of 5"),
        ({"C": 3}, [{"C": 0}, {"C": 2}], r"3 planes, and it lacks channel 2 of 3"),
        (
            {"Z": 2, "C": 2},
            [{"Z": 0}, {"Z": 0, "C": 1}, {"Z": 1}],
            r"lacks 1 of 4 planes, the first of them slice 2, channel 2",
        ),
    ],
)
@pytest.mark.parametrize("claimed", [False, True])
def test_an_acquisition_that_ended_early(
    tmp_path: Path,
    counts: dict[str, int],
    there: list[dict[str, int]],
    says: str,
    claimed: bool,
) -> None:
    """No plane that was never taken is read as black."""
    planes = [plane(index, page) for page, index in enumerate(there)]
    if claimed:  # the planes are listed all the same, with pages that do not exist
        named = itertools.product(*([(a, i) for i in range(n)] for a, n in counts.items()))
        planes += [
            plane(index, page)
            for page, index in enumerate((dict(i) for i in named), 10)
            if {a: i for a, i in index.items() if i}
            not in [{a: i for a, i in known.items() if i} for known in there]
        ]
    array = numbers((len(there), 12, 10))
    path = write(tmp_path / "a.ome.tif", array, ome(pixels(counts, (12, 10), planes)))
    for read in (read_image, read_labels):
        with pytest.raises(FileError, match=f"ends early.*{says}.*set axes=ZYX"):
            read(path)
    np.testing.assert_array_equal(read_image(path, "ZYX").data[0], array)
    # napari shows the file, with black in it.
    with pytest.raises(PixelError, match=f"a.ome.tif lacks {says.partition('lacks ')[2]}: napari"):
        read_axes(path)


@pytest.mark.parametrize(
    ("xml", "pages"),
    [
        (ome(pixels({"Z": 5}, (20, 30), [plane({"Z": z}, z) for z in range(5)])), 1),
        (ome(pixels({"Z": 5}, (20, 30), [plane({"Z": z}, z) for z in range(5)])), 3),
        # Cropped, and the places of the planes are those before.
        (ome(pixels({"Z": 2}, (12, 10), [plane({"Z": z + 3}, z) for z in range(2)])), 2),
        # Renamed: it names one file, by another name than its own.
        (ome(pixels({"Z": 2}, (12, 10), [plane({"Z": z}, z, "old.tif") for z in range(2)])), 2),
        (ome(pixels({"Z": 3}, (12, 10), [])), 3),
        (ome(pixels({"Z": 3}, (12, 10), ["<TiffData/>"])), 3),
        (ome(pixels({"Z": 3}, (12, 10), ['<TiffData IFD="0" PlaneCount="3"/>'])), 3),
        (ome(pixels({"Z": 3}, (12, 10), [])).replace("<Pixels", "<Pixel"), 3),
        (ome(pixels({"Z": 3}, (12, 10), [])).replace("XYCZT", "XYZ"), 3),
    ],
)
def test_metadata_of_another_image_do_no_harm(tmp_path: Path, xml: str, pages: int) -> None:
    array = numbers((pages, 12, 10))
    path = write(tmp_path / "a.ome.tif", array, xml)
    np.testing.assert_array_equal(read_image(path).data, array[None] if pages > 1 else array)


def test_more_than_slices_along_an_axis(tmp_path: Path) -> None:
    modulo = (
        '<StructuredAnnotations><XMLAnnotation ID="Annotation:0"><Value><Modulo>'
        '<ModuloAlongZ Type="angle" Start="0" End="1"/></Modulo></Value></XMLAnnotation>'
        "</StructuredAnnotations>"
    )
    planes = [plane({"Z": z}, z) for z in range(6)]
    xml = ome(pixels({"Z": 6}, (12, 10), planes), modulo)
    path = write(tmp_path / "a.ome.tif", numbers((6, 12, 10)), xml)
    with pytest.raises(FileError, match="more than slices along their axis"):
        read_image(path)
    assert read_image(path, "ZYX").shape == (6, 12, 10)


def test_a_crop_keeps_what_its_pages_are(tmp_path: Path) -> None:
    planes = [plane({"Z": i // 2, "C": i % 2}, i) for i in range(6)]
    xml = ome(pixels({"Z": 3, "C": 2}, (50, 60), planes))
    array = numbers((6, 12, 10))
    path = write(tmp_path / "a.ome.tif", array, xml)
    np.testing.assert_array_equal(read_image(path).data, array.reshape(3, 2, 12, 10).swapaxes(0, 1))
    # Of fewer pages, it is unknown which planes they are.
    write(path, array[:4], xml)
    with pytest.raises(FileError, match=r"holds 4 planes, .* of 3 slices x 2 channels.*unknown"):
        read_image(path)


def test_no_page_is_named(tmp_path: Path) -> None:
    xml = ome(pixels({"Z": 2}, (12, 10), [plane({"Z": z}, 7 + z) for z in range(2)]))
    path = write(tmp_path / "a.ome.tif", numbers((12, 10)), xml)
    with pytest.raises(FileError, match=r"names? 2 planes, and it lacks all of them"):
        read_image(path)


def test_pages_that_no_image_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = numbers((5, 12, 10))
    xml = ome(pixels({"Z": 2}, (12, 10), [plane({"Z": z}, z) for z in range(2)]))
    path = write(tmp_path / "a.ome.tif", array, xml)
    np.testing.assert_array_equal(read_image(path).data[0], array[:2])
    assert "has 5 pages, and its metadata name 2, which are read" in caplog.text


def test_planes_in_another_order(tmp_path: Path) -> None:
    array = numbers((4, 12, 10))
    xml = ome(pixels({"Z": 4}, (12, 10), [plane({"Z": 3 - z}, z) for z in range(4)]))
    path = write(tmp_path / "a.ome.tif", array, xml, compression="zlib")
    for large in (False, True):
        with in_files(large):
            np.testing.assert_array_equal(read_image(path).data[0], array[::-1])


def test_colours_are_one_plane(tmp_path: Path) -> None:
    array = numbers((3, 12, 10, 3), "uint8")
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, array, photometric="rgb", metadata={"axes": "ZYXS"})
    np.testing.assert_array_equal(read_image(path).data, np.moveaxis(array, -1, 0))


def test_a_folder_without_sets_is_as_it_was(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", "d.ome.tif"):
        tifffile.imwrite(tmp_path / name, numbers((12, 10)))
    (tmp_path / "c.tif").write_bytes(b"no image")
    found = [path.name for path in find_images([tmp_path])]
    assert found == ["a.tif", "b.tif", "c.tif", "d.ome.tif"]


def test_a_description_that_was_cut_off(tmp_path: Path) -> None:
    """Some programs write it last; without it, nobody knows which plane is which."""
    array = numbers((6, 12, 10))
    planes = [plane({"Z": k // 2, "C": k % 2}, k) for k in range(6)]
    xml = ome(pixels({"Z": 3, "C": 2}, (12, 10), planes)).encode()
    path = write(tmp_path / "a.ome.tif", array, xml.decode())
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags["ImageDescription"].offset
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, at + 8, len(content))
    path.write_bytes(content + xml + b"\0")
    np.testing.assert_array_equal(read_image(path).data, array.reshape(3, 2, 12, 10).swapaxes(0, 1))
    for left in (2, 40, len(xml) + 1):
        path.write_bytes((content + xml + b"\0")[:-left])
        with pytest.raises(FileError, match=r"ends early: the description is missing .* 6 planes"):
            read_image(path)
        np.testing.assert_array_equal(read_image(path, "ZYX").data[0], array)
