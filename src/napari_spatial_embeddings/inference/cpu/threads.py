"""Threads that work on a tile each.

torch's own threads share each layer, and wait for each other after it; the loops between layers,
reading and writing have none. With a tile for each thread, none waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import torch

from napari_spatial_embeddings.core.threads import in_order

Result = TypeVar("Result")


MOST = 8
"""Tiles that are under way at once, at most: each takes some 250 MB."""


def threads_for(device: torch.device) -> int:
    """Return how many tiles are worth being under way: on a processor, one for each thread."""
    return min(MOST, torch.get_num_threads()) if device.type == "cpu" else 1


class TileThreads:
    """Some threads, among which torch's are divided; or the calling one alone.

    Parameters
    ----------
    count : int
        1 for the calling one, whatever torch has there.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = None if count == 1 else _single_threads(count)

    def submit(self, work: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have something done."""
        if self._pool is not None:
            return self._pool.submit(work, *arguments)
        future = Future[Result]()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Result], *arguments: Iterable[Any]) -> Iterator[Result]:
        """Yield ``map(work, *arguments)`` in order; few arguments are taken before their turn."""
        if self._pool is None:
            yield from map(work, *arguments)
        else:
            yield from in_order(self._pool, self.count, work, *arguments)

    def __enter__(self) -> TileThreads:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is under way; what was not begun is left."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _single_threads(count: int) -> ThreadPoolExecutor:
    own, ready = torch.get_num_threads(), Barrier(count + 1)
    pool = ThreadPoolExecutor(count, "tile")

    def settle() -> None:
        torch.get_num_threads()  # at the first call in a thread, torch takes the process's number
        torch.set_num_threads(max(1, own // count))
        ready.wait()

    for _ in range(count):
        pool.submit(settle)
    ready.wait()
    torch.set_num_threads(own)  # what threads that start later take
    return pool
