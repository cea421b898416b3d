"""Results of the frames of time series: maps in half precision, read when used, and objects.

Half precision keeps offsets to 1/2048 of their length, and seed values to 1/4096. So some pixels at
the rim of objects, and the order of objects that are equally sure, may come out otherwise than from
the maps as they were predicted. The objects themselves are stored as they are.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float
from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.files.errors import reading, writing
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.system.atomic import atomic_file

from .sources import fingerprint

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.inference.segmentation import Segmentation

SCHEMA = 1

RECENT = 3
"""Frames whose maps stay in memory after they were read."""

MAPS, OBJECTS = ".maps.npz", ".objects.npz"

NAMES = ("offsets", "sigma", "seed")

TINY = np.finfo(np.float16).tiny

Arrays = tuple[Float, Float, Float]


class _Recent:
    """The maps that were read last."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, Arrays] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> Arrays:
        """Return the maps of a file, in single precision."""
        with self._lock:
            if path not in self._known:
                with _opened(path) as file:
                    offsets, sigma, seed = (file[name].astype(np.float32) for name in NAMES)
                self._known[path] = offsets, sigma, seed
            self._known.move_to_end(path)
            while len(self._known) > RECENT:
                self._known.popitem(last=False)
            return self._known[path]

    def forget(self, path: Path) -> None:
        """Read a file again when it is wanted next."""
        with self._lock:
            self._known.pop(path, None)


class StoredMaps(EmbeddingMaps):
    """Maps that are in a file, in half precision, and read when they are used.

    Parameters
    ----------
    path : path
    shape : tuple of D ints
    spacing : tuple of D floats
    recent : _Recent
        Keeps what was read last.
    """

    __slots__ = ("_recent", "_spatial", "path")

    def __init__(
        self, path: Path, shape: tuple[int, ...], spacing: tuple[float, ...], recent: _Recent
    ) -> None:
        own = {"path": path, "_spatial": shape, "_recent": recent, "spacing": spacing}
        for name, value in own.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        spatial: tuple[int, ...] = self._spatial  # type: ignore[attr-defined]
        return spatial

    @property
    def offsets(self) -> Float:
        """See `EmbeddingMaps`."""
        return self._read()[0]

    @property
    def sigma(self) -> Float:
        """See `EmbeddingMaps`."""
        return self._read()[1]

    @property
    def seed(self) -> Float:
        """See `EmbeddingMaps`."""
        return self._read()[2]

    def _read(self) -> Arrays:
        arrays: Arrays = self._recent.read(self.path)  # type: ignore[attr-defined]
        return arrays


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A result that was stored.

    Parameters
    ----------
    result : Segmentation
    complete : bool
        Whether the whole frame was predicted.
    """

    result: Segmentation
    complete: bool


class FrameResults:
    """A folder with the results of frames, two files each, named by the frame's key.

    Parameters
    ----------
    folder : path
        Made when something is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._recent = folder, _Recent()

    def write(
        self, key: str, result: Segmentation, image: PixelArray, complete: bool, limit: int
    ) -> list[str]:
        """Store a result; of what is more than a number of bytes, the oldest is removed.

        Parameters
        ----------
        key : str
        result : Segmentation
        image : (C, *S)
            The frame, of which a fingerprint is stored.
        complete : bool
        limit : int
            Bytes of all maps in the folder.

        Returns
        -------
        list of str
            Keys of the frames whose results were removed.

        Raises
        ------
        FileError, Failure
            If there is no room on the disk, or the system refuses.
        """
        path, maps = self.folder / f"{key}{MAPS}", result.maps
        halves = {name: np.asarray(getattr(maps, name)).astype(np.float16) for name in NAMES}
        halves["sigma"] = np.maximum(halves["sigma"], TINY)
        self.folder.mkdir(parents=True, exist_ok=True)
        size = sum(half.nbytes for half in halves.values())
        if shutil.disk_usage(self.folder).free < 4 * size:
            raise Failure("the disk is nearly full: maps of frames are not kept any more")
        (self.folder / f"{key}{OBJECTS}").unlink(missing_ok=True)  # until both are there
        facts = {"fingerprint": fingerprint(image), "complete": complete}
        with writing(path), atomic_file(path) as file:
            np.savez(file, **halves, facts=_packed(facts))  # type: ignore[arg-type]
        self._recent.forget(path)
        self.write_objects(key, result)
        return self._prune(limit, key)

    def write_objects(self, key: str, result: Segmentation) -> None:
        """Store the objects of a result whose maps are stored; nothing if they are not."""
        path, found = self.folder / f"{key}{OBJECTS}", result.instances
        if not (self.folder / f"{key}{MAPS}").exists():
            return
        facts = {
            "schema": SCHEMA,
            "settings": result.settings.model_dump(mode="json"),
            "classes": result.classes,
            "model": result.model,
            "card": result.card,
            "spacing": result.maps.spacing,
            "prediction": result.prediction and result.prediction.model_dump(mode="json"),
        }
        columns = {field.name: getattr(found, field.name) for field in fields(Instances)}
        with writing(path), atomic_file(path) as file:
            np.savez_compressed(file, **columns, facts=_packed(facts))

    def stored(self, key: str, result: Segmentation) -> Segmentation:
        """Return a result with the maps that are stored, in place of those in memory."""
        from napari_spatial_embeddings.core.clustering import Clustering

        path = self.folder / f"{key}{MAPS}"
        maps = StoredMaps(path, result.maps.shape, result.maps.spacing, self._recent)
        clustering = Clustering(maps, corrections=result.corrections)
        return replace(result, maps=maps, clustering=clustering)

    def keys(self) -> list[str]:
        """Return the keys of the frames whose results are stored."""
        found = sorted(self.folder.glob(f"*{OBJECTS}")) if self.folder.is_dir() else []
        return [path.name.removesuffix(OBJECTS) for path in found]

    def read(
        self, key: str, image: PixelArray, corrections: Corrections | None
    ) -> StoredFrame | None:
        """Return what was stored of a frame; None if it had other pixels, or was another size.

        Parameters
        ----------
        key : str
        image : (C, *S)
        corrections : Corrections, optional
            Of the frame. If its objects are not those that were stored with them, they are found
            again.

        Raises
        ------
        FileError
            If a file is damaged.
        """
        from napari_spatial_embeddings.core.clustering import Clustering
        from napari_spatial_embeddings.inference.segmentation import Segmentation, reclustered

        objects, path = self.folder / f"{key}{OBJECTS}", self.folder / f"{key}{MAPS}"
        if not (objects.exists() and path.exists()):
            return None
        with _opened(path) as file:
            about = _unpacked(file["facts"])
        if about["fingerprint"] != fingerprint(image):
            return None
        with _opened(objects) as file:
            facts = _unpacked(file["facts"])
            found = Instances(**{field.name: file[field.name] for field in fields(Instances)})
            settings = ClusteringSettings.model_validate(facts["settings"])
            card = facts["card"]
            card = ModelCard.checked(facts["model"], card).facts() if card else {}
            how = facts.get("prediction")  # of older versions, none
            prediction = None if how is None else PredictionSettings.model_validate(how)
        maps = StoredMaps(path, image.shape[1:], tuple(facts["spacing"]), self._recent)
        if found.labels.shape != maps.shape:
            return None
        result = Segmentation(
            maps,
            Clustering(maps, corrections=corrections),
            found,
            settings,
            corrections,
            tuple(facts["classes"]),
            facts["model"],
            card,
            prediction=prediction,
        )
        if not _agree(found, corrections):
            uncorrected = replace(result, clustering=Clustering(maps), corrections=None)
            result = reclustered(uncorrected, settings, corrections or Corrections.none(maps.shape))
        return StoredFrame(result, bool(about["complete"]))

    def _prune(self, limit: int, but: str) -> list[str]:
        """Remove the oldest maps of what is more than a number of bytes."""
        paths = {path: path.stat() for path in self.folder.glob(f"*{MAPS}")}
        size, removed = sum(stat.st_size for stat in paths.values()), []
        for path in sorted(paths, key=lambda path: paths[path].st_mtime_ns):
            key = path.name.removesuffix(MAPS)
            if size <= limit:
                break
            if key != but:
                size -= paths[path].st_size
                self.remove(key)
                removed.append(key)
        return removed

    def remove(self, key: str) -> None:
        """Remove the result of a frame."""
        for ending in (OBJECTS, MAPS):
            path = self.folder / f"{key}{ending}"
            with writing(path):
                path.unlink(missing_ok=True)


def _agree(found: Instances, corrections: Corrections | None) -> bool:
    """Return whether the objects were found with these corrections."""
    locked = set(found.ids[found.locked].tolist())
    if corrections is None:
        return not locked
    held = corrections.labels != 0
    return locked == set(corrections.ids.tolist()) and np.array_equal(
        found.labels[held], np.maximum(corrections.labels[held], 0)
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield the arrays of a file; NumPy leaves a damaged one open that it opened itself."""
    with reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


def _packed(facts: dict[str, Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> dict[str, Any]:
    facts = json.loads(packed.tobytes().decode())
    if not isinstance(facts, dict):
        raise ValueError("no facts")
    return facts
