"""Lists of the files in folders, and pairs of them by name."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_spatial_embeddings.core.text import plural

from .endings import IMAGES, ZARR
from .errors import FileError, log
from .ome_zarr import METADATA, is_zarr

LABELS = "labels"
"""Folder in an OME-Zarr image that does not hold its pixels."""

COPIES = (".labels16.png", ".labels.zarr")
"""Endings of label images that an export writes beside others of the same objects."""

EXPORTED = (
    *COPIES,
    ".labels.npy",
    "_seg.npy",
    ".RoiSet.zip",
    ".geojson",
    ".coco.json",
    ".shapes.csv",
)
"""Endings of what an export writes of the objects of an image, but for plain labels."""

SEPARATORS = "_-. "
"""What parts a suffix from the name before it."""

MAX_NAMES_SHOWN = 3
"""Number of names that a message lists."""


def stem(path: str | Path) -> str:
    """Return a file's name without its endings: "a.ome.tif" and "a.png" are both "a".

    Accents are one letter with the one below them, as which macOS stores two.
    """
    return unicodedata.normalize("NFC", without_endings(path))


def without_endings(path: str | Path) -> str:
    """Return a file's name without its endings, letter by letter as it is stored."""
    name = Path(path).name
    for ending in EXPORTED:
        if name.endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    for ending in (*IMAGES, ".csv", ".json"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
            break
    for kind in (".ome", ".maps"):
        if name.lower().endswith(kind) and len(name) > len(kind):
            name = name[: -len(kind)]
    return name


def find_images(paths: Iterable[str | Path], pattern: str = "*") -> list[Path]:
    """List image files.

    Parameters
    ----------
    paths : paths
        Files, OME-Zarr folders, and folders of these; in a folder, other and hidden files are
        skipped, and so are saved maps, pictures of results, and the folders in it. Of OME-TIFF
        files that hold parts of one image, the first one stands for all.
    pattern : str
        What the paths in folders look like: "*_dapi.tif", or "**/*.tif" for those in the folders in
        them as well.

    Returns
    -------
    list of paths
        In the given order, a folder's by name; each once.

    Raises
    ------
    FileError
        If one does not exist, a folder has no image, or none is given.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise FileError(f"there is no file or folder {path}")
        inside = images_in_folder(path, pattern) if _is_folder(path) else [path]
        found.update(dict.fromkeys(inside))
    if not found:
        raise FileError("no image is given")
    from .ome_set import once  # only where files are looked for: not when a window opens

    return once(found)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two sets of files that are paired by name.

    Parameters
    ----------
    path : path
        A folder or a file.
    suffix : str
        End of the names before their endings, such as "_masks", which is no part of what must
        agree. Only files that have it are looked at.
    what : str
        One of its files, for messages.
    flag : str
        The command line's for the suffix, for messages; empty if there is none.
    """

    path: Path
    suffix: str = ""
    what: str = "label image"
    flag: str = "--label-suffix"

    @classmethod
    def of_images(cls, path: str | Path) -> Side:
        """Return a side of images, whose names have no suffix."""
        return cls(Path(path), what="image", flag="")


def pair(images: str | Path | Side, labels: str | Path | Side) -> list[tuple[Path, Path]]:
    """Pair images with label images of the same name, whatever their endings.

    Parameters
    ----------
    images, labels : path or Side
        Two folders, or two files, which need not have the same name; or one folder that holds both,
        with a suffix. There, files without a partner are left out with a warning, since such
        folders hold other results as well.

    Raises
    ------
    FileError
        If either has names that the other has not, or a name twice, or both are the same.
    """
    one = images if isinstance(images, Side) else Side.of_images(images)
    other = labels if isinstance(labels, Side) else Side(Path(labels))
    here, there = find_images([one.path]), find_images([other.path])
    if not _is_folder(one.path) and not _is_folder(other.path):
        _check_apart(here[0], there[0])
        return [(here[0], there[0])]
    together = one.path.samefile(other.path)
    hint = _likely_suffix(here, there, other.flag) or _likely_suffix(there, here, one.flag)
    if together and one.suffix == other.suffix:
        raise FileError(
            f"{one.path} is given for both: each file would be its own {other.what}; give another"
            f" folder, or what the names of one kind end with: {hint or f'{other.flag} _masks'}"
        )
    suffixes = (one.suffix, other.suffix) if together else ()
    left, right = _by_stem(here, one, suffixes), _by_stem(there, other, suffixes)
    found = [(left[name], right[name]) for name in left if name in right]
    unpaired = []
    for own, its, what in ((left, right, other.what), (right, left, one.what)):
        if names := [own[name].name for name in own if name not in its]:
            unpaired.append(f"{plural(len(names), 'file')} without {what}: {_listed(names)}")
    if unpaired and together and found:
        log.warning("%s holds %s; not used", one.path, "; ".join(unpaired))
    elif unpaired:
        hint = "" if one.suffix or other.suffix else hint
        hint = hint or _different_ends((left, one), (right, other))
        hint = f" or a suffix: {hint}" if hint else ""
        raise FileError(
            f"{one.path} and {other.path} do not fit together: {'; '.join(unpaired)}; names must"
            f" agree but for their endings{hint}"
        )
    for image, label in found:
        _check_apart(image, label)
    return found


def _check_apart(one: Path, other: Path) -> None:
    if one.samefile(other):
        raise FileError(f"{one} and {other} are the same file; expected one of each kind")


def _likely_suffix(plain: list[Path], longer: list[Path], flag: str) -> str:
    """Return the flag with what most names of some files have after that of another file."""
    known = set(map(stem, plain)) if flag else ()
    ends = Counter(
        name[i:]
        for name in map(stem, longer)
        for i in range(1, len(name))
        if name[i] in SEPARATORS and name[:i] in known
    )
    return f"{flag} {ends.most_common(1)[0][0]}" if ends else ""


def _different_ends(*sides: tuple[dict[str, Path], Side]) -> str:
    """Return the flags with what all names of each side end with, if they agree but for that."""
    flags, plain = [], []
    for files, side in sides:
        first = min(files, key=len)
        ends = (first[i:] for i in range(1, len(first)) if first[i] in SEPARATORS)
        common = (end for end in ends if all(name.endswith(end) for name in files))
        end = next(common, "") if side.flag and not side.suffix else ""
        plain.append({name.removesuffix(end) for name in files})
        flags += [side.flag, end] if end else []
    return " ".join(flags) if len(flags) and plain[0] == plain[1] else ""


def find_regions(folder: str | Path) -> dict[str, Path]:
    """List the files of regions in a folder, masks and CSV tables, by the name of their image.

    Raises
    ------
    FileError
        If the folder does not exist or holds none, or two for one image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(f"there is no folder {folder}")
    return _by_stem(_in_folder(folder, (*IMAGES, ".csv")), Side(folder))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def images_in_folder(folder: Path, pattern: str = "*") -> list[Path]:
    """List the image files of a folder by their names alone; parameters as of `find_images`."""
    return _in_folder(folder, IMAGES, pattern)


def _in_folder(folder: Path, endings: tuple[str, ...], pattern: str = "*") -> list[Path]:
    try:
        matching = sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:  # an empty one, or an absolute path
        raise FileError(
            f"'{pattern}' is no pattern for the files in a folder ({error}); expected one such as"
            " *.tif, or **/*.tif"
        ) from error
    found = [
        path
        for path in matching
        if path.suffix.lower() in endings
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not any(p.suffix.lower() in ZARR for p in path.relative_to(folder).parents)
        and not path.name.lower().endswith((".maps.zarr", ".overlay.png", ".panels.png"))
        and (path.is_dir() == (path.suffix.lower() in ZARR))
    ]
    if not found:
        like = "" if pattern == "*" else f" like {pattern}"
        raise FileError(f"{folder} holds no file of a known kind ({', '.join(endings)}){like}")
    copies = [path for path in found if path.name.endswith(COPIES)]
    if copies:
        others = {path.parent / stem(path) for path in found if path not in copies}
        found = [p for p in found if p not in copies or p.parent / stem(p) not in others]
    return found


def _by_stem(paths: list[Path], side: Side, suffixes: tuple[str, ...] = ()) -> dict[str, Path]:
    """Return files by their names without a side's suffix, the longest that fits."""
    named: dict[str, Path] = {}
    for path in paths:
        whole = stem(path)
        fits = [s for s in (side.suffix, *suffixes) if whole.endswith(s) and len(whole) > len(s)]
        if max(fits, key=len, default=None) != side.suffix:
            continue
        other = named.setdefault(whole.removesuffix(side.suffix), path)
        if other is not path:
            raise FileError(
                f"{side.path} holds both {other.name} and {path.name}: one name stands for one"
                " image"
            )
    if not named:
        raise FileError(f"{side.path} holds no file whose name ends with '{side.suffix}'")
    return named


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMES_SHOWN
    return ", ".join(names[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def state_of(path: str | Path) -> str:
    """Return where a file lies, its size, and when it was changed.

    Of a folder of Zarr, those of all files that hold pixels, but for its labels; nothing is read.
    """
    path = Path(path).resolve()
    count = size = changed = 0
    for file in _files(path):
        facts = file.stat()
        count, size, changed = count + 1, size + facts.st_size, max(changed, facts.st_mtime_ns)
    return f"{path}: {count} files, {size} bytes, {changed} ns"


def _files(path: Path) -> Iterator[os.DirEntry[str] | Path]:
    if not path.is_dir():
        yield path
        return
    with os.scandir(path) as found:
        for entry in found:
            if entry.is_dir():
                if entry.name != LABELS:
                    yield from _files(Path(entry.path))
            elif entry.name not in METADATA:
                yield entry
