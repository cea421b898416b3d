"""Autosave: a debounced, ordered queue of writes into the project, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from qtpy.QtCore import QObject, Qt, Signal
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.errors import to_message
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

AUTOSAVE_DELAY_MS = 1500
"""Milliseconds without a change after which everything dirty is saved."""


class Autosave(QObject):
    """Saves what is dirty after a pause, so that painting never waits for the disk.

    All writes into a project go through its queue, in order, so nothing needs a lock. What is dirty
    is known by its owners: they add a source, a function that queues their writes.

    Parameters
    ----------
    session : Session
        Its settings are saved, and problems are shown by it.

    Attributes
    ----------
    problem : str
        Why the last changes could not be saved; empty if they were.
    """

    saved = Signal()
    """Everything is saved, or could not be: see ``problem``."""
    _written = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.problem, self._failed = "", False
        self._sources: list[Callable[[], None]] = []
        self._pool = ThreadPoolExecutor(1, "autosave")
        self._last: Future[None] | None = None
        self._queued = 0
        self._outcomes: list[str | None] = []
        self._written.connect(self._take_outcomes, Qt.ConnectionType.QueuedConnection)
        self._debouncer = QSignalDebouncer(parent=self)
        self._debouncer.setTimeout(AUTOSAVE_DELAY_MS)
        self._debouncer.triggered.connect(self._save)
        self._pending = False
        self._connections = Connections()
        for signal in (
            session.clustering_changed,
            session.prediction_changed,
            session.training_settings_changed,
            session.tracking_changed,
            session.device_changed,
            session.from_scratch_changed,
            session.classes_changed,
        ):
            self._connections.add(signal, self.schedule)

    def close(self) -> None:
        """Save what is pending, and take no more."""
        self.flush()
        self._pool.shutdown()
        self._connections.close()

    @property
    def busy(self) -> bool:
        """Whether something waits to be written."""
        return self._queued > 0

    @property
    def pending(self) -> bool:
        """Whether something is dirty and waits for a pause."""
        return self._pending

    # ------------------------------------------------------------------ saving

    def add_source(self, source: Callable[[], None]) -> None:
        """Call a function whenever everything dirty is saved: it queues its writes."""
        self._sources.append(source)

    def schedule(self) -> None:
        """Save after a pause: something is dirty."""
        self._pending = True
        self._debouncer.throttle()

    def write(self, work: Callable[[], object]) -> None:
        """Queue a function that writes into the project; it runs in the thread, in order."""
        self._queued += 1
        self._last = self._pool.submit(self._run, work)

    def save_now(self) -> None:
        """Save everything dirty, and wait until it is written."""
        self._save()
        self._wait()

    def flush(self) -> None:
        """Save what is pending, and wait until all that is queued is written."""
        self.save_pending()
        self._wait()

    def save_pending(self) -> None:
        """Queue what is pending without waiting for it."""
        if self._pending:
            self._save()

    def barrier(self) -> Callable[[], object]:
        """Return a function that waits, in any thread, until what is queued now is written."""
        last = self._last
        return (lambda: None) if last is None else last.result

    @contextmanager
    def errors_as_problems(self) -> Iterator[None]:
        """Treat errors raised inside as those of a failed write."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - unexpected ones are logged
            self._failed = True
            self._fail(to_message(error))

    def _save(self) -> None:
        self._debouncer.cancel()
        self._pending = self._failed = False
        for source in tuple(self._sources):
            with self.errors_as_problems():
                source()
        if (project := self._session.project) is not None:
            fields = self._session.project_fields()
            self.write(lambda: project.update(**fields))

    # --------------------------------------------------------------- the thread

    def _run(self, work: Callable[[], object]) -> None:
        problem = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - unexpected ones are logged
            problem = to_message(error)
        self._outcomes.append(problem)
        self._written.emit()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
        self._take_outcomes()

    def _take_outcomes(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        self._queued -= len(outcomes)
        problems = dict.fromkeys(problem for problem in outcomes if problem)
        for problem in problems:
            self._fail(problem)
        if outcomes and not problems and not self.busy:
            self._succeed()

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._session.say(f"not saved: {problem}", "error")
        self.saved.emit()

    def _succeed(self) -> None:
        if self.problem and not self._failed:
            self.problem = ""
            self._session.say("Everything is saved again.")
        self.saved.emit()
