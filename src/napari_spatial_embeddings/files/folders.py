"""Lists of the files in folders, and pairs of them by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_spatial_embeddings.core.text import plural

from .endings import IMAGES, ZARR
from .errors import FileError
from .ome_set import once
from .ome_zarr import is_zarr

MAX_NAMES_SHOWN = 3
"""Number of names that a message lists."""


def stem(path: str | Path) -> str:
    """Return a file's name without its endings: "a.ome.tif" and "a.png" are both "a"."""
    name = Path(path).name
    for ending in (*IMAGES, ".csv", ".json"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
            break
    for kind in (".ome", ".maps"):
        if name.lower().endswith(kind) and len(name) > len(kind):
            name = name[: -len(kind)]
    return name


def find_images(paths: Iterable[str | Path]) -> list[Path]:
    """List image files.

    Parameters
    ----------
    paths : paths
        Files, OME-Zarr folders, and folders of these; in a folder, other and hidden files are
        skipped, and so are saved maps, overlays, and the folders in it. Of OME-TIFF files that
        hold parts of one image, the first one stands for all.

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
        found.update(dict.fromkeys(_in_folder(path, IMAGES) if _is_folder(path) else [path]))
    if not found:
        raise FileError("no image is given")
    return once(found)


def pair(images: str | Path, labels: str | Path) -> list[tuple[Path, Path]]:
    """Pair images with label images of the same name, whatever their endings.

    Parameters
    ----------
    images, labels : path
        Two folders, or two files, which need not have the same name.

    Raises
    ------
    FileError
        If either has names that the other has not, or a name twice.
    """
    images, labels = Path(images), Path(labels)
    here, there = find_images([images]), find_images([labels])
    if not _is_folder(images) and not _is_folder(labels):
        return [(here[0], there[0])]
    left, right = _by_stem(here, images), _by_stem(there, labels)
    unpaired = []
    for one, other, what in ((left, right, "label image"), (right, left, "image")):
        names = [one[name].name for name in one if name not in other]
        if names:
            unpaired.append(f"{plural(len(names), 'file')} without {what}: {_listed(names)}")
    if unpaired:
        raise FileError(
            f"{images} and {labels} do not fit together: {'; '.join(unpaired)}; names must agree"
            " but for their endings"
        )
    return [(left[name], right[name]) for name in left]


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
    return _by_stem(_in_folder(folder, (*IMAGES, ".csv")), folder)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def _in_folder(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings
        and not path.name.startswith(".")
        and not path.name.lower().endswith((".maps.zarr", ".overlay.png"))
        and (path.is_dir() == (path.suffix.lower() in ZARR))
    )
    if not found:
        raise FileError(f"{folder} holds no file of a known kind ({', '.join(endings)})")
    return found


def _by_stem(paths: list[Path], folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in paths:
        other = named.setdefault(stem(path), path)
        if other is not path:
            raise FileError(
                f"{folder} holds both {other.name} and {path.name}: one name stands for one image"
            )
    return named


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMES_SHOWN
    return ", ".join(names[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
