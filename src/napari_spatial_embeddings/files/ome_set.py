"""Images whose planes lie in several OME-TIFF files, and which of them a file belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .endings import TIFF
from .ome_xml import OmeImage, Planes, parse
from .tiff_log import quiet

if TYPE_CHECKING:
    import tifffile

NAMES = {"T": "frame", "Z": "slice", "C": "channel"}

MAX_SHOWN = 5
"""Numbers of planes that a message lists."""

MAX_FILES = 3
"""Names of files that a message lists."""


@dataclass(frozen=True, slots=True)
class OmePart:
    """The image that a file holds, or has a part in, and where each of its planes is.

    Parameters
    ----------
    image : OmeImage
    frames : tuple of ints
        Its frames that the file has a part in: files of other frames are images of their own.
    places : list of (path, page) or None
        File and page of each plane of these frames, in the order of the image's axes.
    uuids : mapping from path to str or None
        The identifiers of the files, as far as they are known.
    """

    image: OmeImage
    frames: tuple[int, ...]
    places: list[tuple[Path, int] | None]
    uuids: Mapping[Path, str | None]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of planes along the image's axes."""
        axes, shape = self.image.axes, self.image.shape
        return tuple(len(self.frames) if a == "T" else n for a, n in zip(axes, shape, strict=True))

    @property
    def files(self) -> list[Path]:
        """The files of its planes, each once."""
        return list(dict.fromkeys(place[0] for place in self.places if place))

    def gone(self) -> str:
        """Return the names of files that do not exist; empty if all do."""
        names = [file.name for file in self.files if not file.is_file()]
        return " and ".join(names[:MAX_FILES]) + " and others" * (len(names) > MAX_FILES)

    def some_frames(self) -> bool:
        """Whether it is a time series that has places for all planes of some frames."""
        after = math.prod(self.shape[self.image.axes.index("T") + 1 :])
        count = len(self.frames)
        lost = {i // after % count for i, place in enumerate(self.places) if place is None}
        return len(lost) < count

    def missing(self) -> str:
        """Return which planes have no place, such as "slices 4 to 5 of 5"; empty if all have."""
        gone = [i for i, place in enumerate(self.places) if place is None]
        if not gone:
            return ""
        if len(gone) == len(self.places):
            return "all of them"
        indices = [_unravelled(i, self.shape) for i in gone]
        for axis, name in NAMES.items():
            at = self.image.axes.index(axis)
            along = sorted({index[at] for index in indices})
            if len(gone) * self.shape[at] == len(along) * math.prod(self.shape):
                numbers = self.frames if axis == "T" else range(self.image.shape[at])
                return _listed([numbers[i] + 1 for i in along], name, self.image.shape[at])
        first = ", ".join(
            f"{NAMES[a]} {i + 1}"
            for a, i, n in zip(self.image.axes, indices[0], self.shape, strict=True)
            if n > 1
        )
        return f"{len(gone)} of {len(self.places)} planes, the first of them {first}"


@dataclass(frozen=True, slots=True)
class OmeSet:
    """A file with the OME-XML that describes it, which may lie in another one.

    Parameters
    ----------
    path : path
        The file.
    uuid : str, optional
        Its identifier.
    home : path
        The file that the OME-XML lies in.
    images : tuple of OmeImage
    modulo : str
        Axes along which more than slices, channels or frames lie.
    """

    path: Path
    uuid: str | None
    home: Path
    images: tuple[OmeImage, ...]
    modulo: str = ""

    def file_of(self, planes: Planes) -> Path:
        """Return the file that planes lie in, whether it exists or not."""
        if planes.name is None and planes.uuid is None:
            return self.home
        if self._are_here(planes):
            return self.path
        return self.path.parent / _file_name(planes.name or str(planes.uuid))

    def _are_here(self, planes: Planes) -> bool:
        everything = [p for image in self.images for p in image.planes]
        if self.home == self.path and len({(p.name, p.uuid) for p in everything}) == 1:
            return True  # one file, whatever it is called now
        if self.uuid is not None and any(p.uuid == self.uuid for p in everything):
            return planes.uuid == self.uuid
        return _file_name(planes.name or "").lower() == self.path.name.lower()

    def here(self) -> list[OmeImage]:
        """Return the images that the file has planes of."""
        return [i for i in self.images if any(self.file_of(p) == self.path for p in i.planes)]

    def shown(self) -> OmeImage | None:
        """Return the first image that some file has planes of, which need not be this one."""
        return next(
            (i for i in self.images if any(self.file_of(p).is_file() for p in i.planes)), None
        )

    def part(self, pages: int, scene: int = 0, *, cut: bool = False) -> OmePart | None:
        """Return an image that the file has planes of; None if there is none.

        Parameters
        ----------
        pages : int
            Number of pages of the file.
        scene : int
            Which one of those that it has planes of.
        cut : bool
            Whether pages are cut off: their frames are named all the same.
        """
        here = self.here()[scene:]
        if not here:
            return None
        files = {planes: self.file_of(planes) for planes in dict.fromkeys(here[0].planes)}
        return _part(here[0], files, self.path, pages, cut=cut)

    def pages_named(self, pages: int) -> int:
        """Return how many of the file's pages belong to some image."""
        numbers: set[int] = set()
        for image, planes in [(one, p) for one in self.here() for p in one.planes]:
            if self.file_of(planes) == self.path:
                left = math.prod(image.shape) - planes.first
                count = left if planes.count is None else min(left, planes.count)
                numbers.update(range(planes.page, min(pages, planes.page + count)))
        return len(numbers)

    def mates(self, pages: int) -> dict[Path, set[Path]]:
        """Return for each file those that hold planes of the same image, itself among them."""
        found: dict[Path, set[Path]] = {}
        for image in self.images:
            frames: dict[Path, set[int]] = {}
            for planes in image.planes:
                file = self.file_of(planes)
                count = planes.count or (pages if file == self.path else 1)
                frames.setdefault(file, set()).update(_frames(image, planes, count))
            at: dict[int, set[Path]] = {}
            for file, those in frames.items():
                for frame in those:
                    at.setdefault(frame, set()).add(file)
            for file, those in frames.items():
                found.setdefault(file, set().union(*(at[frame] for frame in those)))
        return found


def ome_set(path: Path, page: tifffile.TiffPage) -> OmeSet | None:
    """Return the OME-XML that describes a file; None if there is none that makes sense.

    Parameters
    ----------
    path : path
    page : TiffPage
        The first one of the file.
    """
    if not page.is_ome:
        return None
    found, home = parse(page.description, page.samplesperpixel), path
    if found is None:
        return None
    uuid = found.uuid
    if found.elsewhere is not None and not found.images:
        home = path.parent / _file_name(found.elsewhere)
        found = parse(_metadata_in(home), page.samplesperpixel) or found
    return OmeSet(path, uuid, home, found.images, found.modulo)


def images_in(path: Path) -> int:
    """Return how many images a TIFF has planes of, by its OME-XML; 0 if it has none."""
    import tifffile

    path = path.absolute()
    with suppress(Exception), quiet(), tifffile.TiffFile(path) as file:
        if (found := ome_set(path, file.pages.first)) is not None:
            return len(found.here())
    return 0


def once(paths: Iterable[Path]) -> list[Path]:
    """Leave out files whose image is that of a file before them.

    Reads the metadata of TIFFs, if there are several; what cannot be read stays.
    """
    import tifffile

    paths, kept = list(paths), list[Path]()
    mates: dict[Path, set[Path]] = {}
    covered: set[Path] = set()
    tiffs = {path.absolute() for path in paths if path.suffix.lower() in TIFF}
    for path in paths:
        whole = path.absolute()
        if whole in covered:
            continue
        kept.append(path)
        if whole in tiffs and len(tiffs) > 1 and whole not in mates:
            with suppress(Exception), quiet(), tifffile.TiffFile(whole) as file:
                if (found := ome_set(whole, file.pages.first)) is not None:
                    mates |= found.mates(len(file.pages))
        covered |= mates.get(whole, set())
    return kept


def _part(
    image: OmeImage, files: dict[Planes, Path], path: Path, pages: int, *, cut: bool
) -> OmePart:
    """Return the frames of an image that a file has planes of, with all their planes."""

    def count(planes: Planes, file: Path) -> int:
        if planes.count is not None:
            return planes.count
        return max(0, (pages if file == path else _page_count(file)) - planes.page)

    here = {p: count(p, file) for p, file in files.items() if file == path}
    there = {p: min(n, max(0, pages - p.page)) for p, n in here.items()}
    kept = there if any(there.values()) and not cut else here
    frames = sorted(set().union(*(_frames(image, p, n) for p, n in kept.items())))
    uuids = {file: planes.uuid for planes, file in files.items()}
    part = OmePart(image, tuple(frames), [], uuids)
    places: list[tuple[Path, int] | None] = [None] * math.prod(part.shape)
    at, position = image.axes.index("T"), {frame: i for i, frame in enumerate(frames)}
    for planes, file in files.items():
        for k in range(min(count(planes, file), math.prod(image.shape) - planes.first)):
            index = _unravelled(planes.first + k, image.shape)
            page = planes.page + k
            if index[at] in position and (file != path or page < pages):
                index[at] = position[index[at]]
                places[_ravelled(index, part.shape)] = file, page
    if None in places and set(files.values()) == {path} and pages >= math.prod(image.shape):
        # The planes are all there, and their places are wrong: written before a crop, for example.
        frames = list(range(image.shape[at]))
        places = [(path, page) for page in range(math.prod(image.shape))]
    return OmePart(image, tuple(frames), places, uuids)


def _frames(image: OmeImage, planes: Planes, count: int) -> set[int]:
    """Return the frames that some planes belong to."""
    last = min(planes.first + count, math.prod(image.shape))
    at = image.axes.index("T")
    return {_unravelled(number, image.shape)[at] for number in range(planes.first, last)}


def _unravelled(number: int, shape: tuple[int, ...]) -> list[int]:
    index = []
    for n in reversed(shape):
        number, i = divmod(number, n)
        index.append(i)
    return index[::-1]


def _ravelled(index: list[int], shape: tuple[int, ...]) -> int:
    number = 0
    for i, n in zip(index, shape, strict=True):
        number = number * n + i
    return number


def _page_count(path: Path) -> int:
    """Return the number of pages of a file; 1 if it cannot be opened."""
    import tifffile

    with suppress(Exception), tifffile.TiffFile(path) as file:
        return len(file.pages)
    return 1


def _metadata_in(path: Path) -> str:
    """Return the OME-XML in a TIFF, or in a file of its own; empty if there is none."""
    import tifffile

    with suppress(Exception):
        if path.suffix.lower() not in TIFF:
            return path.read_text("utf-8")
        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.description)
    return ""


def _file_name(name: str) -> str:
    """Return a name without the folders that it had on the computer where it was written."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _listed(numbers: list[int], name: str, total: int) -> str:
    if len(numbers) == 1:
        return f"{name} {numbers[0]} of {total}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{name}s {numbers[0]} to {numbers[-1]} of {total}"
    shown = ", ".join(map(str, numbers[:MAX_SHOWN])) + (" ..." if len(numbers) > MAX_SHOWN else "")
    return f"{name}s {shown} of {total}"
