"""COCO's JSON of objects: polygons, or run-length codes where holes do not let polygons do.

COCO counts from the corners of pixels, as `core.outlines` does; along the edges of pixels, polygons
have an object's area even where nothing is filled. It knows images alone: each slice
of a volume is one, and so is each frame.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.export.places import SOFTWARE, check_folder, check_place
from napari_spatial_embeddings.export.record import record
from napari_spatial_embeddings.export.segmented import Results, Segmented, shape_of
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import atomic_file

from .described import EVERY, Described, Steps, described

UNKNOWN_CLASS = "object"
"""Category of objects whose class is unknown: COCO has none without."""

SET = "instances.json"
"""Name of the file of several images."""


def write_coco(path: Path, found: Results, settings: ExportSettings) -> Steps:
    """Write the outlines of all objects as COCO's JSON, whole or not at all; yield now and then.

    Raises
    ------
    InputError, Failure
        If whole outlines are wanted and cannot be had, or the file cannot be written.
    """
    with coco_writer(path, found.noted()) as file:
        yield from file.add(found, settings)


@contextmanager
def coco_writer(path: Path, made: Mapping[str, Any]) -> Iterator[CocoFile]:
    """Yield a file of COCO to which images are added; it is there when all are.

    Parameters
    ----------
    path : path
    made : mapping
        How the objects were made; see `export.record`.

    Raises
    ------
    FileError, Failure
        If it cannot be written.
    """
    with writing(path), atomic_file(path) as stream:
        file = CocoFile(stream, made)
        yield file
        file.close()


class CocoSet:
    """One file of several images, `SET`, which is there when this is left as a context.

    There is none if nothing was added. What cannot be added leaves nothing in it.

    Parameters
    ----------
    folder : path
    settings : ExportSettings
    """

    def __init__(self, folder: str | Path, settings: ExportSettings = ExportSettings()) -> None:
        self.path, self._settings = Path(folder) / SET, settings
        self._file: CocoFile | None = None
        self._open = ExitStack()

    @property
    def begun(self) -> bool:
        """Whether an image was added, or begun."""
        return self._file is not None

    def __enter__(self) -> CocoSet:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def add(self, found: Results) -> Steps:
        """Write the objects of an image or a series, all or none; yield now and then.

        Raises
        ------
        InputError
            If whole outlines are wanted and cannot be had.
        FileError, Failure
            If the file cannot be written, or one of another origin is there.
        """
        if self._file is None:
            check_folder(self.path.parent)
            check_place(self.path)
            self._file = self._open.enter_context(coco_writer(self.path, record({})))
        yield from self._file.add(found, self._settings, found.noted())


class CocoFile:
    """The JSON of some images, which is written as they are added.

    The annotations come first, one after another, as those of many objects need not be in memory.
    """

    def __init__(self, stream: BinaryIO, made: Mapping[str, Any]) -> None:
        self._stream = stream
        self._images: list[dict[str, Any]] = []
        self._categories: dict[str, int] = {}
        self._count = 0
        info = {"description": f"objects found by {SOFTWARE}", KEY: dict(made)}
        head = json.dumps({"info": info, "licenses": []}, allow_nan=False)
        stream.write(f'{head[:-1]}, "annotations": ['.encode())

    def add(
        self, found: Results, settings: ExportSettings, made: Mapping[str, Any] | None = None
    ) -> Steps:
        """Write the objects of an image or a series, all or none; yield now and then.

        Parameters
        ----------
        found : Segmented or SegmentedSeries
        settings : ExportSettings
        made : mapping, optional
            How its objects were made, if that is another way than the file's.
        """
        place, count, before = self._stream.tell(), self._count, len(self._images)
        for name in found.classes:
            self._category(name)
        shape, start = shape_of(found), found.start if isinstance(found, Segmented) else ()
        try:
            for k, one in enumerate(described(found, settings, edges=True)):
                entry = _annotation(one, shape, start)
                entry["image_id"] += before
                entry["category_id"] = self._category(one.class_name or UNKNOWN_CLASS)
                comma = "," if self._count else ""
                self._count += 1
                text = json.dumps({"id": self._count, **entry}, allow_nan=False)
                self._stream.write(f"{comma}\n{text}".encode())
                if k % EVERY == 0:
                    yield one.share
        except BaseException:
            self._stream.truncate(self._stream.seek(place))
            self._count = count
            raise
        for image in list(_images(found, self._images)):
            self._images.append({**image, KEY: dict(made)} if made else image)

    def close(self) -> None:
        """Write what is known when all images were added."""
        categories = [
            {"id": number, "name": name, "supercategory": "object"}
            for name, number in (self._categories or {UNKNOWN_CLASS: 1}).items()
        ]
        tail = json.dumps({"images": self._images, "categories": categories}, allow_nan=False)
        self._stream.write(f"\n], {tail[1:]}\n".encode())

    def _category(self, name: str) -> int:
        return self._categories.setdefault(name, len(self._categories) + 1)


def _images(found: Results, before: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each plane as an image, the slices of a frame one after another.

    It is called as the file, unless one of those before is from another folder.
    """
    name = found.source.name if found.source else found.name
    if any(image["file_name"] == name for image in before):
        name = found.name
    shape, number = shape_of(found), len(before)
    for t in range(1 if isinstance(found, Segmented) else found.frames):
        for z in range(shape[0] if len(shape) == 3 else 1):
            number += 1
            image = {"id": number, "file_name": name, "width": shape[-1], "height": shape[-2]}
            frame = {} if isinstance(found, Segmented) else {"frame": t}
            yield {**image, **frame, **({"slice": z} if len(shape) == 3 else {})}


def _annotation(one: Described, shape: Sequence[int], start: tuple[int, ...]) -> dict[str, Any]:
    """Return an object as an annotation of its plane; ``shape`` is that of the image.

    Planes are counted from 1, as the first one's number.
    """
    first = np.array(start[:-3:-1] or (0, 0))  # x, y: COCO has no larger image
    rings = [ring - first for ring in one.rings]
    corners = np.concatenate(rings)
    low = np.floor(corners.min(0)).astype(int)
    high = np.ceil(corners.max(0)).astype(int)
    mask = filled(rings, (high - low)[::-1].tolist(), low[::-1].tolist())
    if all(len(piece) == 1 for piece in one.outline.pieces):
        segmentation: Any = [ring.ravel().astype(np.int64).tolist() for ring in rings]
    else:
        segmentation = {"counts": _runs(mask, low, shape[-2:]), "size": list(shape[-2:])}
    z = 0 if one.z is None else one.z - (start[0] if start else 0)
    slices = shape[0] if len(shape) == 3 else 1
    annotation = {
        "image_id": (one.t or 0) * slices + z + 1,
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "iscrowd": 0,
        "label": one.label,
    }
    if one.score is not None and math.isfinite(one.score):
        annotation["score"] = one.score
    return annotation


def _runs(mask: NDArray[np.bool_], low: NDArray[np.integer], shape: Sequence[int]) -> list[int]:
    """Return the lengths of runs down the columns of an image, of background first.

    Parameters
    ----------
    mask : bool (h, w)
        Of the object in its box.
    low : x, y
        The box's first pixel.
    shape : Y, X
        Of the image.
    """
    padded = np.pad(mask, ((1, 1), (0, 0))).T  # no run goes on from one column to the next
    column, changed = np.nonzero(padded[:, 1:] != padded[:, :-1])
    edges = (column + int(low[0])) * shape[0] + changed + int(low[1])
    # Runs that go on in the next column end where they start again.
    same = np.flatnonzero(edges[1:-1:2] == edges[2::2])
    edges = np.delete(edges, np.concatenate([2 * same + 1, 2 * same + 2]))
    runs: list[int] = np.diff(edges, prepend=0, append=shape[0] * shape[1]).tolist()
    return runs
