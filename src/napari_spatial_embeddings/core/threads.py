"""Threads that share a pass over many pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_order(
    pool: Executor, count: int, work: Callable[..., Result], *arguments: Iterable[Any]
) -> Iterator[Result]:
    """Yield ``map(work, *arguments)``, of which ``count`` calls more are under way in a pool."""
    ahead = deque[Future[Result]]()
    for one in zip(*arguments, strict=True):
        ahead.append(pool.submit(work, *one))
        if len(ahead) > count:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


class ThreadTeam:
    """Some threads of a pool, and the calling one.

    Parameters
    ----------
    threads : int
        Number of threads, the calling one included.
    pool : ThreadPoolExecutor
    """

    def __init__(self, threads: int, pool: ThreadPoolExecutor) -> None:
        self._threads, self._pool = threads, pool

    def blocks(self, n: int, least: int) -> list[slice]:
        """Divide 0 to n into blocks of ``least`` items or more, at most one for each thread."""
        count = max(1, min(self._threads, n // least))
        return [slice(a, b) for a, b in pairwise(n * k // count for k in range(count + 1))]

    def map(self, work: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
        """Return ``[*map(work, *arguments)]``, each call in a thread of its own.

        The calling thread does the first one itself: waking another costs a millisecond.
        """
        first, *others = zip(*arguments, strict=True)
        jobs = [self._pool.submit(work, *job) for job in others]
        return [work(*first), *(job.result() for job in jobs)]
