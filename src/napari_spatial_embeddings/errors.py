"""The two kinds of errors that are sentences for people, never tracebacks."""

import errno
import logging

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
"""What errors say that are a lack of memory in disguise."""


class InputError(ValueError):
    """What was given cannot be used. The message says what was wrong, expected, and what to do."""


class Failure(RuntimeError):
    """The work could not be done, though nothing was wrong with what was given."""


class OutOfMemory(Failure):
    """The work needs more memory than there is."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the processor's or the device's memory is used up.

    torch raises a class of its own for some devices, and plain `RuntimeError` for others.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in OUT_OF_MEMORY_SIGNS)


def refusal(error: OSError) -> str:
    """Return what the system says to a file, and what to do where it is plain."""
    reason = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{reason} (make room there)" if full else reason


def explained(error: BaseException) -> str:
    """Return an error as a sentence for people; what nobody foresaw goes to the log as well."""
    if isinstance(error, InputError | Failure):
        return str(error)
    if is_out_of_memory(error):
        return "there is not enough memory for this; close other programs, or use smaller tiles"
    if isinstance(error, OSError):
        return f"{error.filename}: {refusal(error)}" if error.filename else refusal(error)
    log.error("unforeseen", exc_info=error)
    return f"something unforeseen went wrong: {type(error).__name__}: {error}"
