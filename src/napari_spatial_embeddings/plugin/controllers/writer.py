"""One thread that writes the project, so that painting never waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from qtpy.QtCore import QObject, Qt, Signal

from napari_spatial_embeddings.errors import to_message


class Writer(QObject):
    """Does what is queued in a thread, in order.

    All that changes a project goes through here, so nothing needs a lock. What goes wrong becomes a
    sentence, told in the main thread.
    """

    done = Signal()
    """Nothing waits to be written any more."""
    refused = Signal(str)
    _ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "writer")
        self._last: Future[None] | None = None
        self._waiting = 0
        self._endings: list[str | None] = []
        self._ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether something waits to be written."""
        return self._waiting > 0

    def write(self, work: Callable[[], object]) -> None:
        """Queue some writing."""
        self._waiting += 1
        self._last = self._pool.submit(self._run, work)

    def wait(self) -> None:
        """Wait until all that was queued is written, or refused."""
        if self._last is not None:
            self._last.result()
        self._tell()

    def close(self) -> None:
        """Write what is queued, and take no more."""
        self.wait()
        self._pool.shutdown()

    def _run(self, work: Callable[[], object]) -> None:
        problem = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - `to_message` logs it
            problem = to_message(error)
        self._endings.append(problem)
        self._ended.emit()

    def _tell(self) -> None:
        endings, self._endings = self._endings, []
        self._waiting -= len(endings)
        problems = dict.fromkeys(problem for problem in endings if problem)
        for problem in problems:
            self.refused.emit(problem)
        if endings and not problems and not self.busy:
            self.done.emit()
