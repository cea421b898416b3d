"""The command line: files, the same functions as everywhere, files.

Only what a command needs is imported, when it needs it: ``--help`` loads neither torch nor Qt.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.system.malloc import keep_freed_memory

from .flags import with_suffixes
from .parser import build_parser

__all__ = ["build_parser", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 if it failed, or 2 if the call was wrong."""
    try:
        words = sys.argv[1:] if arguments is None else arguments
        options = build_parser().parse_args(list(with_suffixes(words)))
        keep_freed_memory(alone=True)
        run: Callable[[argparse.Namespace], int] = options.run
        code = run(options)
        sys.stdout.flush()
        return code
    except InputError as error:
        # What the system refused, such as space on a disk, is no fault of the call.
        return _complain(error, 1 if isinstance(error.__cause__, OSError) else 2)
    except Failure as error:
        return _complain(error, 1)
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough; the rest goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        reason = error.strerror or error
        return _complain(f"{error.filename}: {reason}" if error.filename else reason, 1)
    except MemoryError as error:
        return _complain(f"out of memory: {error}", 1)
    except KeyboardInterrupt:
        return _complain("stopped", 1)
    finally:
        if arguments is None:
            # Else Python looks through all that was imported as it ends: most of a second.
            gc.freeze()


def _complain(error: object, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {error}\n")
    return code
