"""Connection to workers: processes of this machine, or those of a scheduler."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError, extra

from .dask_workers import DaskWorkers
from .forking import ENVIRONMENT, METHOD, prepare

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

EXTRA = "cluster"

CONNECT_SECONDS = 20
"""Time in which a scheduler has to answer."""

LOST_WORKER_TIMEOUT = "1 day"
"""Time that a local worker has to start again, for Dask's cluster.

By default that is 15 seconds, which are not enough on a busy machine; the cluster then gives the
worker up for good, without a word of it.
"""

QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.tick.interval": "500ms",
}
"""What Dask is not to look at, or less often: that took up to 4 % of a core in each process."""

RESTART_SECONDS = 600.0
"""Time for the first of the local workers to start again, if all of them ended."""


@contextmanager
def local_workers(count: int, model: Callable[[], SpatialEmbeddings]) -> Iterator[DaskWorkers]:
    """Yield workers on this machine, of one thread each, which end with this process.

    Parameters
    ----------
    count : int
    model : callable
        As of `DaskWorkers`.

    Raises
    ------
    InputError
        If Dask is not installed.
    """
    with extra(EXTRA):
        import dask.config
        from distributed import Client, LocalCluster, WorkerPlugin

    class Quiet(WorkerPlugin):
        """Ctrl+C in a terminal is meant for this process, which cancels tasks, and ends workers."""

        def setup(self, worker: object) -> None:  # noqa: ARG002 - distributed calls it so
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            logging.getLogger("distributed").setLevel(logging.ERROR)

    prepare()
    how = {
        "distributed.worker.multiprocessing-method": METHOD,
        **QUIET,
        "distributed.deploy.lost-worker-timeout": LOST_WORKER_TIMEOUT,
    }
    with dask.config.set(how):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where the dashboard's port is taken, another is used
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address="127.0.0.1:8787",
                env=ENVIRONMENT,
            )
        try:
            with Client(cluster) as client:
                client.register_plugin(Quiet())
                workers = DaskWorkers(client, model, RESTART_SECONDS)
                try:
                    yield workers
                finally:
                    workers.stop()
        finally:
            # Closing fails where a worker is being restarted; they all end with this process.
            with suppress(AssertionError, OSError, TimeoutError):
                cluster.close(timeout=10)


@contextmanager
def workers_of(address: str, model: Callable[[], SpatialEmbeddings]) -> Iterator[DaskWorkers]:
    """Yield the workers of a scheduler, which go on when this process ends.

    Parameters
    ----------
    address : str
        Such as "tcp://192.0.2.1:8786", or the path of the scheduler's file.
    model : callable
        As of `DaskWorkers`.

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers.
    """
    with extra(EXTRA):
        from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"no scheduler answers at {address}; start one with 'dask scheduler', or check the"
            " address"
        ) from error
    with client:
        workers = DaskWorkers(client, model)
        try:
            yield workers
        finally:
            workers.stop()
