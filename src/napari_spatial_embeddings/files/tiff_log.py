"""Messages of tifffile while it reads, kept out of the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_MESSAGES = 1000
"""Messages after which reading is aborted: damaged files may hold endless pages."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the messages of this thread out of the log: the pixels themselves are checked.

    Raises
    ------
    ValueError
        If there is no end of them.
    """
    here, count = threading.get_ident(), 0

    def collect(record: logging.LogRecord) -> bool:
        nonlocal count
        if record.thread != here:
            return True
        count += 1
        if count > MAX_MESSAGES:
            raise ValueError("its pages lead nowhere")
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield
    finally:
        logger.removeFilter(collect)
