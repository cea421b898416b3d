"""Course of a segmentation by blocks: what is done, what is under way, and what comes next."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.text import plural

from .block_work import BlockWork, Done, Task
from .found_blocks import FoundBlocks, Outcome
from .map_tiles import Tile
from .places import Place


@dataclass(frozen=True, slots=True)
class BlockReport:
    """Progress of `segment_blocks`.

    Parameters
    ----------
    done, total : int
        Blocks that are segmented.
    tiles, all_tiles : int
        Tiles that are predicted, or known to be empty; the total counts each once.
    skipped : int
        Those that are known to be empty.
    objects : int
        Found so far.
    message : str
        One sentence.
    seconds_left : float, optional
        None before the first block.
    seconds : float
        Since the first task of this run.
    disk : int
        Bytes that `segment_blocks` needs in its folder at most, estimated from what it has written.
    memory, gpu_memory : int
        The most bytes that a process has held so far, of those that did the work, and of its GPU; 0
        without one.
    resumed : int
        Blocks that an earlier run had done.
    changed : tuple of str
        What has changed since an earlier run, of which nothing is used therefore.
    widened : int
        Blocks whose halo had to grow.
    narrow : int
        Blocks of whose halo even the widest is narrower than objects there would have it.
    cut : tuple of tuples of D ints
        The centre's pixel of each object that no halo holds; its shape is not to be relied on.
    block : int, optional
        The one that has just been done.
    so_far : FoundBlocks, optional
        The objects of the blocks that are done.
    found : FoundBlocks, optional
        All objects; with the last report, unless it was cancelled.
    """

    done: int
    total: int
    tiles: int
    skipped: int
    all_tiles: int
    objects: int
    message: str
    seconds_left: float | None = None
    disk: int = 0
    memory: int = 0
    gpu_memory: int = 0
    resumed: int = 0
    changed: tuple[str, ...] = ()
    widened: int = 0
    narrow: int = 0
    cut: tuple[tuple[int, ...], ...] = ()
    block: int | None = None
    so_far: FoundBlocks | None = None
    found: FoundBlocks | None = None
    seconds: float = 0.0


class BlockRun:
    """A segmentation under way: what is done, and what is under way.

    Parameters
    ----------
    work : BlockWork
    place : Place
    changed : tuple of str
        As in `BlockReport`.
    """

    def __init__(self, work: BlockWork, place: Place, changed: tuple[str, ...]) -> None:
        self._work, self._place = work, place
        self._blocks, self._found = work.blocks, work.found
        earlier = work.found.read()
        self._left = [k for k in range(len(work.blocks)) if k not in earlier]
        self._predicted = work.tiles.known()
        self._active: dict[int, _Block] = {}
        self._under_way = 0
        self._users: Counter[Tile] = Counter()
        for k in self._left:
            self._users.update(work.tiles_of(k, work.halo))
        for tile in self._predicted - self._users.keys():
            self._forget(tile)
        self._most_tiles = self._tiles_of_two_rows()
        tiles_left = len(self._users.keys() - self._predicted)
        count = work.tiles.count
        self._speed = _Speed(work.tiles.sizes())
        self._report = BlockReport(
            len(earlier),
            len(self._blocks),
            count - tiles_left,
            0,
            count,
            len(self._found),
            "",
            so_far=self._found,
        )
        self._say("resumed" if earlier else "started", resumed=len(earlier), changed=changed)
        for outcome in earlier.values():
            self._add(outcome)

    def _tiles_of_two_rows(self) -> int:
        """Return how many tiles are kept at once, about: those of two rows of blocks."""
        row = len(self._blocks) // self._blocks.counts[0]
        two = range(min(2 * row, len(self._blocks)))
        return len({t for k in two for t in self._work.tiles_of(k, self._work.halo)})

    def reports(
        self,
        order: Sequence[int] | None,
        clustering: ClusteringSettings,
        cancelled: Callable[[], bool],
    ) -> Iterator[BlockReport]:
        """Yield the reports of `segment_blocks`."""
        left = set(self._left)
        waiting = deque(k for k in order or self._left if k in left)
        if self._report.resumed:
            yield self._report
        while waiting or self._active:
            while waiting and self._under_way < self._place.at_once:
                k = waiting.popleft()
                self._active[k] = _Block(
                    self._work.halo, set(self._work.tiles_of(k, self._work.halo))
                )
                self._ask_for(k)
            done = self._place.next()
            if done is not None:
                self._take(done)
                yield self._report
            if cancelled():
                if done is None:
                    yield self._report
                return
        for _ in self._found.resolve(clustering):
            if cancelled():
                yield self._report
                return
        self._say("found all objects", objects=len(self._found), found=self._found)
        yield self._report

    # --------------------------------------------------------------- tasks

    def _submit(self, task: Task) -> None:
        self._under_way += 1
        self._place.submit(task)

    def _ask_for(self, k: int) -> None:
        """Have the tiles predicted that a block lacks, or, if none, its objects found."""
        block = self._active[k]
        block.lacks = block.tiles - self._predicted
        asked = {
            tile for other in self._active.values() if other is not block for tile in other.lacks
        }
        for tile in sorted(block.lacks - asked):
            self._submit(Task(tile=tile))
        if not block.lacks:
            self._submit(Task(block=k, halo=block.halo))

    def _take(self, done: Done) -> None:
        self._under_way -= 1
        self._speed.add(done)
        memory = max(self._report.memory, done.memory)
        gpu_memory = max(self._report.gpu_memory, done.gpu_memory)
        self._report = replace(self._report, memory=memory, gpu_memory=gpu_memory, block=None)
        if done.task.tile is not None:
            self._take_tile(done.task.tile, done)
        elif done.task.block is not None:
            self._take_block(done.task.block, done.outcome)

    def _take_tile(self, tile: Tile, done: Done) -> None:
        assert done.tile is not None
        self._predicted.add(tile)
        report = self._report
        skipped = report.skipped + done.tile.skipped
        self._say("predicting", tiles=report.tiles + 1, skipped=skipped)
        for k, block in self._active.items():
            if tile in block.lacks:
                block.lacks.remove(tile)
                if not block.lacks:
                    self._submit(Task(block=k, halo=block.halo))

    def _take_block(self, k: int, outcome: Outcome | None) -> None:
        block, work = self._active[k], self._work
        if outcome is None:
            block.halo = tuple(
                min(most, 2 * h) for most, h in zip(work.widest, block.halo, strict=True)
            )
            more = set(work.tiles_of(k, block.halo)) - block.tiles
            self._users.update(more)
            block.tiles |= more
            self._ask_for(k)
            return
        del self._active[k]
        self._found.add(k, outcome)
        for tile in block.tiles:
            self._users[tile] -= 1
            if not self._users[tile]:
                self._forget(tile)
        self._add(outcome)
        done = self._report.done + 1
        disk = (
            self._most_tiles * self._speed.bytes_per_tile
            + self._found.bytes * len(self._blocks) // done
        )
        tiles_left = max(0, self._report.all_tiles - self._report.tiles)
        self._say(
            "found objects",
            done=done,
            block=k,
            objects=len(self._found),
            seconds_left=self._speed.seconds(tiles_left, len(self._blocks) - done),
            seconds=self._speed.elapsed,
            disk=disk,
        )

    def _forget(self, tile: Tile) -> None:
        self._predicted.discard(tile)
        self._work.tiles.forget(tile)

    # ------------------------------------------------------------- reports

    def _add(self, outcome: Outcome) -> None:
        report = self._report
        self._report = replace(
            report,
            widened=report.widened + outcome.widened,
            narrow=report.narrow + outcome.narrow,
            cut=tuple(sorted({*report.cut, *outcome.cut})),
        )

    def _say(self, text: str, **changes: object) -> None:
        report = replace(self._report, **changes)  # type: ignore[arg-type]
        message = f"{text}: {report.done} of {plural(report.total, 'block')}"
        self._report = replace(report, message=message)


@dataclass
class _Block:
    """A block under way: its halo, the tiles that it needs, and those that it still lacks."""

    halo: tuple[int, ...]
    tiles: set[Tile]
    lacks: set[Tile] = field(default_factory=set)


class _Speed:
    """What tiles and blocks took so far, wherever they were done.

    Parameters
    ----------
    sizes : sequence of int
        Of the files of tiles that an earlier run has left.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._start: float | None = None  # of the first task
        self._tiles, self._blocks = [0, 0.0], [0, 0.0]
        self._sizes = list(sizes)

    def add(self, done: Done) -> None:
        """Count a task that has just been done."""
        if self._start is None:
            self._start = time.perf_counter() - done.seconds
        if done.tile is not None:
            self._sizes.append(done.tile.size)
        kind = self._tiles if done.tile is not None else self._blocks
        kind[0] += 1
        kind[1] += done.seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the first task."""
        return 0.0 if self._start is None else time.perf_counter() - self._start

    @property
    def bytes_per_tile(self) -> int:
        """Size of a tile's file, the mean."""
        return sum(self._sizes) // max(1, len(self._sizes))

    def seconds(self, tiles: int, blocks: int) -> float:
        """Return how long some more tiles and blocks take, with as much done at once as so far."""
        spent = self._tiles[1] + self._blocks[1]
        pairs = ((tiles, self._tiles), (blocks, self._blocks))
        left = sum(more * seconds / max(1, count) for more, (count, seconds) in pairs)
        return left * self.elapsed / max(spent, 1e-9)
