"""A damaged file is a sentence, and never read in part."""

from __future__ import annotations

import json
import logging
import re
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import ome_files
from label_files import TIFFS, in_files, numbers, tiff
from napari_spatial_embeddings.files import FileError, read_image, read_labels
from napari_spatial_embeddings.files.stored import size_in_bytes


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no image at all")
    (tmp_path / "a.xyz").write_text("something else")
    np.save(tmp_path / "a.npy", np.zeros((6, 5)))
    for name, says in (
        ("missing.tif", "there is no file"),
        ("empty.tif", "is empty"),
        ("text.tif", "is damaged, or not of the kind that its name implies"),
        ("a.xyz", "of the type '.xyz'; expected TIFF, PNG, JPEG or OME-Zarr"),
        ("a.npy", "OME-Zarr: convert it, in Python with tifffile.imwrite"),
        ("", "is a folder; expected"),
    ):
        with pytest.raises(FileError, match=says):
            read_image(tmp_path / name)
        with pytest.raises(FileError, match=says):
            read_labels(tmp_path / name)


def pixels_or_sentence(path: Path, *, large: bool) -> NDArray[Any] | str:
    """Read an image, or as much of it as is not huge, or return what is wrong with it."""
    try:
        with in_files(large):
            data = read_image(path).data
            return np.asarray(data if size_in_bytes(data) < 2**20 else data[(0,) * data.ndim])
    except FileError as error:
        return str(error)


either = pytest.mark.parametrize("large", [False, True], ids=["in memory", "in the file"])


@either
@settings(max_examples=60)
@given(kind=st.sampled_from([*TIFFS]), left=st.floats(0, 0.99))
def test_a_truncated_tiff_is_never_read_in_part(
    tmp_path_factory: pytest.TempPathFactory, large: bool, kind: str, left: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "truncated.tif"
    array = numbers((5, 24, 32))
    content = tiff(path, array, **TIFFS[kind]).read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    found = pixels_or_sentence(path, large=large)
    if isinstance(found, str):
        assert str(path) in found
    else:  # only what follows the pixels was cut off
        np.testing.assert_array_equal(found, array[None])


SERIES: dict[str, dict[str, Any]] = {
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "imagej TZYX": {"imagej": True, "metadata": {"axes": "TZYX"}},
    "ome": {"compression": "zlib", "metadata": {"axes": "TYX"}},
    "ome CTYX": {"tile": (16, 16), "metadata": {"axes": "CTYX"}},
    "ome TCYX": {"tile": (16, 16), "metadata": {"axes": "TCYX"}},
    "shaped": {"compression": "zlib", "metadata": {"axes": "TYX"}},
    "contiguous": {"metadata": {"axes": "TYX"}},
}
"""Options of `tiff` for series of six frames, whose pages are laid out in different ways."""


def written(path: Path, array: NDArray[Any], kind: str) -> Path:
    """Write a series; with an OME-XML in front of the pixels, as microscopes do."""
    options = SERIES[kind]
    if not kind.startswith("ome"):
        return tiff(path, array, **options)
    names = options["metadata"]["axes"].removesuffix("YX")
    planes = np.ndindex(array.shape[:-2])
    places = [ome_files.plane(dict(zip(names, at, strict=True)), k) for k, at in enumerate(planes)]
    order = "XY" + "".join(a for a in "ZCT" if a not in names) + names[::-1]
    counts = dict(zip(names, array.shape, strict=False))
    xml = ome_files.ome(ome_files.pixels(counts, array.shape[-2:], places, order))
    pages = array.reshape(-1, *array.shape[-2:])
    return ome_files.write(path, pages, xml, **{**options, "metadata": None})


@either
@pytest.mark.parametrize("kind", SERIES)
def test_of_a_truncated_series_the_frames_that_are_there_are_used(
    tmp_path: Path, large: bool, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    axes = SERIES[kind]["metadata"]["axes"]
    array = numbers(tuple({"T": 6, "Z": 2, "C": 2, "Y": 24, "X": 32}[a] for a in axes))
    content = written(tmp_path / "a.tif", array, kind).read_bytes()
    path, found, used = tmp_path / "b.tif", list[int](), 0
    expected = np.moveaxis(array, axes.index("T"), 0)
    expected = expected if "C" in axes else expected[:, None]
    for end in np.linspace(0.05, 0.999, 25):
        path.write_bytes(content[: int(end * len(content))])
        caplog.clear()
        try:
            with in_files(large):
                image = read_image(path, time=True)
        except FileError as error:
            assert str(path) in str(error)  # noqa: PT017
            continue
        assert image.frames == 6
        there = []
        for t in range(6):
            try:
                pixels = np.asarray(image.frame(t).data[()])
            except FileError as error:
                assert f"not all pixels of frame {t} are there; copy" in str(error)  # noqa: PT017
            else:
                np.testing.assert_array_equal(pixels, expected[t])
                there.append(t)
        assert there
        lost = f"{6 - len(there)} of its 6 frames are not there as a whole"
        assert (lost in caplog.text) == (len(there) < 6)
        used += len(there) < 6
        found.append(len(there))
    assert found == sorted(found), "the longer the file, the more"
    assert used > 5


def test_labels_of_a_truncated_series_are_refused(tmp_path: Path) -> None:
    content = tiff(tmp_path / "a.tif", numbers((6, 24, 32)), **SERIES["imagej"]).read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match=r"a\.tif (ends early|is truncated)"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("packed", [{}, {"compression": "zlib", "tile": (16, 16)}])
def test_an_ome_tiff_that_lost_its_description_is_read_as_the_sentence_states(
    tmp_path: Path, packed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The description lies at its end: which plane is which is unknown, and those are intact."""
    array, path = numbers((6, 32, 48)), tmp_path / "a.ome.tif"
    tifffile.imwrite(path, array, metadata={"axes": "TYX"}, ome=True, **packed)
    content, used = path.read_bytes(), set()
    for size in np.linspace(5000, len(content) - 1, 25).astype(int).tolist():
        path.write_bytes(content[:size])
        with pytest.raises(FileError) as refused:
            read_image(path, time=True)
        caplog.clear()
        if not re.search("(truncated|ends early).*set axes=", str(refused.value)):
            continue  # cut amid the tags of a page: tifffile opens none of them
        if "axes=ZYX" not in str(refused.value):
            np.testing.assert_array_equal(read_image(path, "YX").data[0], array[0])
            used.add(1)
            continue
        found = None
        with suppress(FileError):  # where it ends amid the tags of a page
            found = read_image(path, "TYX", time=True)
        if found is None:
            continue
        count = found.frames or 1
        np.testing.assert_array_equal(np.asarray(found.data).reshape(-1, 32, 48), array[:count])
        np.testing.assert_array_equal(read_image(path, "ZYX").data[0], array[:count])
        assert count == 6 or any(text in caplog.text for text in ("are used", "is used"))
        used.add(count)
    assert used >= ({1, 6} if not packed else {2, 3, 4, 5, 6})


@either
@settings(max_examples=60)
@given(kind=st.sampled_from(["png", *TIFFS]), seed=st.integers(0, 2**32 - 1))
def test_damage_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, large: bool, kind: str, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{'png' if kind == 'png' else 'tif'}"
    array = numbers((5, 24, 32))
    if kind == "png":
        path.write_bytes(imagecodecs.png_encode(array[0]))
    else:
        tiff(path, array, **TIFFS[kind])
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    # Half of the hits go where a damaged byte does most: the header and the tags.
    where = np.concatenate([rng.integers(0, 300, 3), rng.integers(0, len(content), 3)])
    content[where % len(content)] = rng.integers(0, 256, len(where))
    path.write_bytes(content.tobytes())
    found = pixels_or_sentence(path, large=large)
    assert not isinstance(found, str) or "\n" not in found


@either
def test_damage_is_not_also_logged(
    tmp_path: Path, large: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiff(tmp_path / "a.tif", numbers((5, 24, 32)), compression="zlib")
    path.write_bytes(path.read_bytes()[:-300])
    with caplog.at_level(logging.DEBUG):
        assert "is truncated" in pixels_or_sentence(path, large=large)
    assert not [r for r in caplog.records if r.name == "tifffile"]


def test_pages_that_lead_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for page in numbers((3, 6, 5)):
            writer.write(page, contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages.first.offset, file.pages.next_page_offset
    assert last is not None
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, last, first)
    path.write_bytes(content)
    with pytest.raises(FileError, match="its pages break off"):
        read_image(path)


def test_a_second_image_is_mentioned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(numbers((6, 5)))
        file.write(numbers((3, 4)))
    assert read_image(tmp_path / "a.tif").data.shape == (1, 6, 5)
    assert "holds 2 images; the first is read" in caplog.text


def test_a_header_that_lies_about_its_size(tmp_path: Path) -> None:
    """An image that claims to be huge is an error, not an attempt to make room for it."""
    path = tiff(tmp_path / "a.tif", numbers((6, 5)), metadata=None)
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        places = [tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
        kind = "<H" if tags["ImageWidth"].dtype == 3 else "<I"
    content = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into(kind, content, place, 60_000)
    path.write_bytes(content)
    with pytest.raises(FileError):
        read_image(path)


def test_an_intact_file_that_cannot_be_decoded_is_not_called_damaged(tmp_path: Path) -> None:
    """Its compression, or the type of its values, is one that nobody reads here."""
    path = tiff(tmp_path / "a.tif", numbers((6, 5)), metadata=None)
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags["Compression"].valueoffset
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, at, 34661)  # JBIG
    path.write_bytes(content)
    zarr.create_array(tmp_path / "a.zarr", data=numbers((6, 5)), zarr_format=3)
    facts = json.loads((tmp_path / "a.zarr/zarr.json").read_text())
    facts["codecs"][-1] = {"name": "other", "configuration": {}}
    (tmp_path / "a.zarr/zarr.json").write_text(json.dumps(facts))
    for name in (path, tmp_path / "a.zarr"):
        with pytest.raises(FileError, match="stored in a way that cannot be read here"):
            read_image(name)


def test_a_list_of_pages_that_breaks_off(tmp_path: Path) -> None:
    """ImageJ writes it after the pixels."""
    path = tmp_path / "a.tif"
    array = numbers((5, 24, 32))
    content = tiff(path, array, imagej=True).read_bytes()
    for end in range(len(content) - 1200, len(content) - 50, 41):
        path.write_bytes(content[:end])
        with pytest.raises(FileError, match=r"is truncated"):
            read_image(path)


@pytest.mark.parametrize(
    ("own", "other", "kind"),
    [("png", "tif", "PNG"), ("tif", "jpg", "TIFF"), ("jpg", "png", "JPEG")],
)
def test_a_wrong_ending_is_told(tmp_path: Path, own: str, other: str, kind: str) -> None:
    Image.fromarray(numbers((6, 5), "uint8")).save(tmp_path / f"a.{own}")
    path = (tmp_path / f"a.{own}").rename(tmp_path / f"a.{other}")
    with pytest.raises(FileError, match=f"is a {kind} by its content; rename it, to a.{own}"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.zip", "a.zarr.zip", "a.ozx", "a.zarr"])
def test_what_is_packed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(FileError, match=r"is packed; unpack it"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_colours_of_print(tmp_path: Path, ending: str) -> None:
    Image.fromarray(numbers((6, 5, 3), "uint8")).convert("CMYK").save(tmp_path / f"a.{ending}")
    with pytest.raises(FileError, match=r"colours of print \(CMYK\); expected grey or RGB"):
        read_image(tmp_path / f"a.{ending}")
