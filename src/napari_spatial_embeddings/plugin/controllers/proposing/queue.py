"""Queue of what the results propose to look at next, which is filled in the background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.search import ImageToSearch, Searched, search

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings


class OfImage(Protocol):
    """What is proposed: something of an image."""

    @property
    def image(self) -> str:
        """Key of the image."""


Item = TypeVar("Item", bound=OfImage)


@dataclass(frozen=True, slots=True)
class _Made:
    """How a result was made. The maps of a frame may go to a file; its objects stay."""

    maps: int
    instances: int
    settings: ClusteringSettings

    def same(self, other: _Made | None) -> bool:
        """Return whether it differs from another one by corrections at most."""
        if other is None or self.settings != other.settings:
            return False
        return self.maps == other.maps or self.instances == other.instances


class ProposalQueue(QObject, Generic[Item]):
    """Searches results, image by image, and keeps what is found in order.

    Images whose objects and annotations are as they were when they were searched are not searched
    again.

    Parameters
    ----------
    session : Session
    find : callable
        Returns what is found in an image; called in a thread.
    rank : callable
        Gets all that was found, what was taken, what was passed over, and the key of the image that
        comes first; returns what is to come, in order. If that is nothing, it raises an InputError
        with the reason.
    all_shown : str
        What is to be done once all was shown, as a sentence.

    Attributes
    ----------
    order : list
    at : int
        Place in ``order`` of what was taken last; -1 before the first.
    outdated : bool
        Whether there are other results than those that were searched.
    nothing : str
        Why nothing is proposed, as a sentence; empty if something is.
    progress : (int, int)
        How many images of how many were searched.
    """

    grown = Signal()
    """Another image was searched, or the last one."""

    def __init__(
        self,
        session: Session,
        find: Callable[[ImageToSearch], list[Item]],
        rank: Callable[[list[Item], list[Item], list[Item], str], list[Item]],
        all_shown: str,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._find, self._ranked, self._all_shown = session, find, rank, all_shown
        self._worker: Worker | None = None
        self._made: dict[str, _Made] = {}
        self._changes = Counter[str]()
        self.forget()
        for key in session.results:
            self._follow(key)
        self._connections = Connections()
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.result_changed, self._follow)

    def close(self) -> None:
        """Search no more."""
        self._connections.close()
        self._cancel()

    def forget(self) -> None:
        """Forget what was found, and what was passed over."""
        self._cancel()
        self.order: list[Item] = []
        self.at, self.nothing, self.progress = -1, "", (0, 0)
        self.outdated, self._first = False, ""
        self._asked: dict[str, tuple[int, int]] = {}
        self._found: dict[str, tuple[tuple[int, int], list[Item]]] = {}
        self._passed: list[Item] = []

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self._worker is not None

    def pass_over(self, item: Item) -> None:
        """Propose something no more, until its image has another result."""
        self._passed.append(item)

    def propose_again(self, item: Item) -> None:
        """Propose something that was passed over."""
        self._passed = [one for one in self._passed if one is not item]

    def search(self, images: list[ImageToSearch]) -> None:
        """Search results, those of the first image first; the order starts with them."""
        self._cancel()
        # Objects that are corrected while an image is searched are others than were searched.
        self._asked = {x.key: (x.revision, self._changes[x.key]) for x in images}
        self._found = {k: x for k, x in self._found.items() if x[0] == self._asked.get(k)}
        self.order, self.at, self.nothing, self.outdated = [], -1, "", False
        self._first = images[0].key if images else ""
        new = [x for x in images if x.key not in self._found]
        self.progress = 0, len(new)
        self._worker = worker = Worker(partial(search, new, self._find), self)
        worker.reported.connect(self._take)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def _take(self, searched: Searched[Item]) -> None:
        if self.sender() is not self._worker:
            return
        key, self.progress = searched.image.key, (searched.done, searched.total)
        if searched.problem:
            self._session.say(searched.problem, "warning")
        elif key in self._asked:
            self._found[key] = self._asked[key], searched.found
        self._rank()
        self.grown.emit()

    def _rank(self) -> None:
        """Put what was found in order, behind what was taken."""
        taken = self.order[: self.at + 1]
        every = [item for _, found in self._found.values() for item in found]
        rest: list[Item] = []
        try:
            rest = self._ranked(every, taken, self._passed, self._first)
        except InputError as error:
            self.nothing = self._all_shown if self._passed else sentence(str(error))
        self.order = [*taken, *rest]

    def _end(self, _last: object) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self._rank()
            self.grown.emit()

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker, self.nothing = None, problem
            self._session.say(problem, "error")
            self.grown.emit()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def _follow_project(self) -> None:
        if not self._session.results:  # which stay where the project is a new one
            self.forget()

    def _follow(self, key: str) -> None:
        """Note that an image has other objects, or none: it is to be searched again."""
        result, before = self._session.results.get(key), self._made.pop(key, None)
        now = None
        if result is not None:
            now = _Made(id(result.maps), id(result.instances), result.settings)
            self._made[key] = now
        if now is not None and before is not None and now.instances == before.instances:
            return
        self._changes[key] += 1
        if now is None or not now.same(before):
            self._asked.pop(key, None)
            self._found.pop(key, None)
            self._passed = [item for item in self._passed if item.image != key]
            self.outdated = True
