"""Error of files, and context managers that turn other errors into it."""

from __future__ import annotations

import errno
import logging
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatial_embeddings.errors import Failure, InputError, os_error_text

log = logging.getLogger(__package__)
"""Log of what users should know about files that are used all the same, in sentences."""

UNSUPPORTED = re.compile(
    r"not supported|not available|unknown codec|no zarr data type|is not a known|requires the",
    re.IGNORECASE,
)
"""Messages of decoders that an intact file may cause."""


NO_MORE = {errno.ENOSPC, errno.EIO, errno.EDQUOT}
"""Errors of the system after which no other file can be written: a full or broken disk, a quota."""


class FileError(InputError):
    """A file that cannot be read, used or written; the message gives the reason and what to do."""


class PixelError(FileError):
    """A file whose pixels are no image: some are missing, or they are colours of print."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error of a decoder into a `FileError` that names the file."""
    try:
        if not path.exists():
            raise FileError(f"there is no file {path}")
        if path.is_file() and not path.stat().st_size:
            raise FileError(f"{path} is empty (0 bytes); copy or export it again")
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise FileError(
            f"{path} needs more memory than there is ({error}): it is too large, or damaged"
        ) from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged data makes decoders raise nearly anything
        if isinstance(error, struct.error) or "corrupted IFD" in str(error):
            raise FileError(
                f"{path} is truncated or damaged: it ends amid its metadata; copy or export it"
                " again"
            ) from error
        if isinstance(error, ImportError) or UNSUPPORTED.search(str(error)):
            raise FileError(
                f"{path} is stored in a way that cannot be read here ({_first_line(error)}); export"
                " it again with integers or floats, uncompressed or compressed by Deflate"
            ) from error
        raise FileError(
            f"{path} is damaged, or not of the kind that its name implies ({_first_line(error)});"
            " copy or export it again"
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of a file, and turn errors of the system into sentences.

    What other files would meet as well, as a full disk, is a `Failure`, the rest a `FileError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        kind = Failure if error.errno in NO_MORE else FileError
        raise kind(f"{path} cannot be written: {os_error_text(error)}") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    says_something = lines and any(map(str.isalpha, lines[0]))
    return lines[0][:200] if says_something else type(error).__name__
