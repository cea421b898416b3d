"""Workers of Dask, on this machine or on others, that do pieces of work.

A worker loads the model once, opens what it works on, such as an image, once as well, and does one
task after another of it. How it opens them comes with each task, so that a worker that was
restarted goes on like the others. What is read and written are files that all of them see, by the
same paths.
"""

from __future__ import annotations

import math
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import Failure, OutOfMemory

from .worker import COMPILES, Opener, do

if TYPE_CHECKING:
    from distributed import Client, Future

    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

PATIENCE = 1.0
"""Seconds after which `DaskWorkers.next` returns without a task that is done."""

LOST_SECONDS = 0.1
"""Seconds after which a result that was lost is looked for again."""

COUNT_SECONDS = 5.0
"""Seconds after which the workers are counted again."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A task that ended.

    Parameters
    ----------
    task : object
    result : object
        What became of it.
    error : Exception, optional
        That it raised; `OutOfMemory` if several workers in turn ended while they had it.
    """

    task: Any
    result: Any = None
    error: BaseException | None = None


class DaskWorkers:
    """The workers of a scheduler, and the tasks that they have.

    Parameters
    ----------
    client : distributed.Client
        Connected: see `connecting`.
    model : callable
        Loads the model; it can be pickled, such as a partial function with an absolute path.
    patience : float
        Seconds without any worker after which none is waited for.
    """

    def __init__(
        self,
        client: Client,
        model: Callable[[], SpatialEmbeddings],
        patience: float = math.inf,
    ) -> None:
        self._client, self._model, self._patience = client, model, patience
        self._name = uuid.uuid4().hex
        self._done: queue.SimpleQueue[tuple[Any, Future[Any]]] = queue.SimpleQueue()
        self._futures: set[Future[Any]] = set()
        self._threads, self._counted, self._seen = 0, -COUNT_SECONDS, time.monotonic()
        with _answering():
            client.subscribe_topic(COMPILES, _notice)

    @property
    def dashboard(self) -> str:
        """Address of a page that shows what the workers do; empty if there is none."""
        services = self._client.scheduler_info()["services"]
        return str(self._client.dashboard_link) if "dashboard" in services else ""

    @property
    def threads(self) -> int:
        """Number of threads of all workers, counted every few seconds."""
        self._count()
        return self._threads

    @property
    def at_once(self) -> int:
        """Two tasks for each thread, so that none waits for this process."""
        return max(2, 2 * self.threads)

    @property
    def under_way(self) -> int:
        """Number of tasks that have not ended."""
        return len(self._futures)

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._counted < COUNT_SECONDS:
            return
        with _answering():
            self._threads = sum(self._client.nthreads().values())
        self._counted = now
        if self._threads:
            self._seen = now
        elif now - self._seen > self._patience:
            raise Failure(NONE_LEFT)

    def stop(self) -> None:
        """Cancel the tasks that are under way."""
        self._done = queue.SimpleQueue()
        with suppress(Failure), _answering():
            for future in self._futures:
                future.cancel()
        self._futures.clear()

    def submit(self, opener: Opener, name: str, task: Any, kind: str, priority: int = 0) -> None:
        """Have a task done.

        Parameters
        ----------
        opener : Opener
        name : str
            Of what it opens: a worker that has it open already goes on with it.
        task : object
            For its `Work.do`; it can be pickled.
        kind : str
            Such as "tile", for messages and for the dashboard.
        priority : int
            Higher ones come first.
        """
        with _answering():
            future = self._client.submit(
                do,
                (self._name, self._model),
                (name, opener),
                task,
                key=f"{kind}-{uuid.uuid4().hex}",
                priority=priority,
            )
        self._futures.add(future)
        done = self._done
        future.add_done_callback(lambda future: done.put((task, future)))

    def next(self) -> Finished | None:
        """Wait for a task that ends, for a second at most.

        Raises
        ------
        Failure
            If the scheduler does not answer any more, or no worker comes back.
        """
        self._count()
        try:
            task, future = self._done.get(timeout=PATIENCE)
        except queue.Empty:
            return None
        if future.status in ("pending", "lost"):
            # Its worker ended before its result was fetched; the scheduler has it done again.
            time.sleep(LOST_SECONDS)
            self._done.put((task, future))
            return None
        self._futures.discard(future)
        if future.status == "finished":
            with _answering():  # what a task raises has another status
                return Finished(task, future.result())
        if future.status != "error":
            raise Failure(GONE)
        error = future.exception()
        assert error is not None
        if type(error).__name__ == "KilledWorker":
            kind = str(future.key).partition("-")[0]
            short = OutOfMemory(
                f"some workers ended again and again at the same {kind}, perhaps for lack of"
                " memory; use fewer of them on a machine, or smaller tiles"
            )
            short.__cause__, error = error, short
        return Finished(task, error=error)


def _notice(_event: object) -> None:
    """Report in this process that a worker compiles."""
    from napari_spatial_embeddings.core.compiled import notice

    notice()


NONE_LEFT = (
    "no worker is left: all of them ended, and none could be started again; free some memory, and"
    " the same command goes on from what is done"
)

GONE = (
    "the scheduler does not answer any more; start it and its workers again, and the same command"
    " goes on from what is done"
)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the errors of a connection that is lost into a sentence."""
    from distributed import client

    closed = getattr(client, "ClosedClientError", OSError)  # new versions have it
    try:
        yield
    except (OSError, TimeoutError, closed) as error:
        raise Failure(GONE) from error
