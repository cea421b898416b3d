"""Messages of a log, passed on from any thread to the main one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QObject, Qt, Signal


class LogMessages(QObject):
    """Passes on what is logged as a warning, in the main thread.

    Parameters
    ----------
    logger : Logger
        It and those below it are followed, until `close`.
    """

    warned = Signal(str)
    _logged = Signal(str)

    def __init__(self, logger: logging.Logger, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._logger, self._handler = logger, _Handler(self._logged.emit)
        self._logged.connect(self.warned, Qt.ConnectionType.QueuedConnection)
        logger.addHandler(self._handler)

    def close(self) -> None:
        """Follow the log no longer."""
        self._logger.removeHandler(self._handler)


class _Handler(logging.Handler):
    def __init__(self, pass_on: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._pass_on = pass_on

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(RuntimeError):  # the window is gone
            self._pass_on(record.getMessage())
