"""The package's two kinds of error, and the messages of errors for users."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

OUT_OF_MEMORY_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "alloc_cpu",
    "alloc_failed",  # cuBLAS, cuDNN
    "bad_alloc",
    "could not create a primitive",  # oneDNN
    "could not execute a primitive",
)
"""Texts of a `RuntimeError` that mean a lack of memory."""


class InputError(ValueError):
    """An input cannot be used. The message gives the problem, what was expected, and what to do."""


class Failure(RuntimeError):
    """The work could not be done, though nothing was wrong with the input."""


class OutOfMemory(Failure):
    """The work needs more memory than there is."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn the absence of a package that an extra brings into a sentence that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"this needs the package {error.name}, which is not installed; install it with"
            f" pip install 'napari-spatial-embeddings[{name}]'"
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the processor's or the device's memory is used up.

    torch raises a class of its own for some devices, and plain `RuntimeError` for others.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in OUT_OF_MEMORY_SIGNS)


def os_error_text(error: OSError) -> str:
    """Return the system's reason, and what to do about it where that is plain."""
    reason = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{reason} (make room there)" if full else reason


def to_message(error: BaseException) -> str:
    """Return an error as a sentence for users; an unexpected one is logged with its traceback."""
    if isinstance(error, InputError | Failure):
        return str(error)
    if is_out_of_memory(error):
        return "there is not enough memory for this; close other programs, or use smaller tiles"
    if isinstance(error, OSError):
        text = os_error_text(error)
        return f"{error.filename}: {text}" if error.filename else text
    log.error("unexpected error", exc_info=error)
    return f"unexpected error: {type(error).__name__}: {error}"
