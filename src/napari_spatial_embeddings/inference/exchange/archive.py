"""Folders and zips of an export, written whole or not at all, and zips checked before unpacking."""

from __future__ import annotations

import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelError
from napari_spatial_embeddings.system.atomic import atomic_file, write_atomically

MOST_BYTES = 2 << 30
"""Bytes of all files of a zip, unpacked, at most."""

MOST_FILES = 1000
CHUNK = 1 << 20
ZIP = ".zip"


def write_files(files: Mapping[str, bytes], output: Path) -> None:
    """Write files into a new folder or, where its name ends with ``.zip``, a new zip.

    The same files make the same zip, byte for byte.

    Raises
    ------
    InputError
        If there is something of that name.
    OSError
        If the system refuses.
    """
    if output.exists() or output.is_symlink():
        raise InputError(f"{output} exists already: choose another name, or delete it first")
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix.lower() == ZIP:
        with atomic_file(output) as file, zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)  # of 1980
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, content)
        return
    with staged(output) as part:
        for name, content in files.items():
            write_atomically(part / name, content)
        part.rename(output)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a new folder to fill and rename; if it was not renamed, it is removed.

    Raises
    ------
    OSError
        If the system refuses.
    """
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip of which all entries are harmless.

    Raises
    ------
    ModelError
        If it is no zip, damaged, encrypted or too large, or if an entry is a link, leaves its
        folder, or is there twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check(path, archive.infolist())
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ModelError(f"{path} is no zip, or is damaged: {error}; ask for it again") from error


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_FILES:
        raise ModelError(f"{path} holds {len(entries)} files; a model has at most {MOST_FILES}")
    seen = set[str]()
    for entry in entries:
        name = entry.orig_filename
        where = PurePosixPath(name)
        inside = not where.is_absolute() and ".." not in where.parts and "\0" not in name
        if not inside or "\\" in name or PureWindowsPath(name).drive:
            problem = "lies outside the folder that it would be unpacked into"
        elif stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = "is a link or a device and no file"
        elif entry.flag_bits & 1:
            problem = "is encrypted"
        elif str(where).lower() in seen:
            problem = "is there twice"
        else:
            seen.add(str(where).lower())
            continue
        raise ModelError(f"{path}: '{name}' {problem}; nothing was unpacked")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise ModelError(
            f"{path} would take {total >> 20} MB unpacked; a model takes at most"
            f" {MOST_BYTES >> 20} MB"
        )


def find_entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    """Return a file of a zip that lies at its top, or in the one folder that all is in."""
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    tops = {PurePosixPath(entry.filename).parts[0] for entry in files}
    for entry in files:
        parts = PurePosixPath(entry.filename).parts
        if parts[-1] == name and (len(parts) == 1 or (len(parts) == 2 and len(tops) == 1)):
            return entry
    return None


def unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Unpack one file of an `opened` zip.

    Raises
    ------
    ModelError
        If it holds more or less than its entry states, or is damaged.
    """
    count = 0
    with archive.open(entry) as source, target.open("xb") as file:
        while block := source.read(CHUNK):
            count += len(block)
            if count > entry.file_size:
                break
            file.write(block)
    if count != entry.file_size:
        raise ModelError(
            f"{archive.filename}: '{entry.filename}' should have {entry.file_size} bytes and has"
            f" {'more' if count > entry.file_size else count}; ask for it again"
        )
