"""Endings of the names of image files, and the first bytes of such files."""

from __future__ import annotations

from pathlib import Path

from .errors import FileError

TIFF = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk", ".svs")
PNG = (".png",)
JPEG = (".jpg", ".jpeg")
ZARR = (".zarr",)
MICROSCOPES = (".czi", ".lif", ".nd2")
IMAGES = (*TIFF, *PNG, *JPEG, *ZARR, *MICROSCOPES)

PACKED = (".zip", ".ozx", ".zarr")
"""Those of files, not folders, that hold an image which is not read in there."""

FIRST_BYTES = {
    b"II*\0": ("TIFF", TIFF),
    b"MM\0*": ("TIFF", TIFF),
    b"II+\0": ("TIFF", TIFF),
    b"MM\0+": ("TIFF", TIFF),
    b"\x89PNG": ("PNG", PNG),
    b"\xff\xd8\xff": ("JPEG", JPEG),
}


def check_kind(path: Path) -> None:
    """Refuse a file with the ending of another kind than its own.

    Raises
    ------
    FileError
    """
    if path.suffix.lower() not in (*TIFF, *PNG, *JPEG):
        return
    with path.open("rb") as file:
        first = file.read(4)
    for its, (kind, endings) in FIRST_BYTES.items():
        if first.startswith(its) and path.suffix.lower() not in endings:
            name = path.with_suffix(endings[0]).name
            raise FileError(f"{path} is a {kind} by its content; rename it, to {name}")
