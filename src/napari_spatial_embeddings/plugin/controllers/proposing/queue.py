"""Queue of what the results propose to look at next, which is filled in the background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.search import ImageToSearch, Searched

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
    again. What is searched for, and the order, are those of a subclass.

    Parameters
    ----------
    session : Session

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

    all_shown = ""
    """What is to be done once all was shown, as a sentence."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: Worker | None = None
        self._made: dict[str, _Made] = {}
        self.forget()
        for key in session.results:
            self._follow(key)
        self._connections = Connections()
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.result_changed, self._follow)

    def _searching(self, images: list[ImageToSearch]) -> Iterator[Searched[Item]]:
        """Search images; in a thread."""
        raise NotImplementedError

    def _ordered(self, every: list[Item], taken: list[Item], passed: list[Item]) -> list[Item]:
        """Return what is to come, in order, behind what was taken and without what was passed over.

        Raises
        ------
        InputError
            If that is nothing, with the reason.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Search no more."""
        self._connections.close()
        self._cancel()

    def forget(self) -> None:
        """Forget what was found, and what was passed over."""
        self._cancel()
        self.order: list[Item] = []
        self.at, self.nothing, self.progress = -1, "", (0, 0)
        self.outdated, self.first = False, ""
        self._found: dict[str, tuple[int, list[Item]]] = {}
        self._passed: list[Item] = []

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self._worker is not None

    @property
    def has_next(self) -> bool:
        """Whether there is something after what was taken last."""
        return self.at + 1 < len(self.order)

    def pass_over(self, item: Item) -> None:
        """Propose something no more, until its image has another result."""
        self._passed.append(item)

    def drop(self, at: int) -> None:
        """Remove something from the order."""
        del self.order[at]
        self.at = min(self.at, at - 1)

    def search(self, images: list[ImageToSearch]) -> None:
        """Search results, those of the first image first; the order starts with them."""
        self._cancel()
        self._found = {
            x.key: self._found[x.key]
            for x in images
            if x.key in self._found and self._found[x.key][0] == x.revision
        }
        self.order, self.at, self.nothing, self.outdated = [], -1, "", False
        self.first = images[0].key if images else ""
        new = [x for x in images if x.key not in self._found]
        self.progress = 0, len(new)
        self._worker = worker = Worker(partial(self._searching, new), self)
        worker.reported.connect(self._take)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def _take(self, searched: Searched[Item]) -> None:
        if self.sender() is not self._worker:
            return
        image, self.progress = searched.image, (searched.done, searched.total)
        if searched.problem:
            self._session.say(searched.problem, "warning")
        elif image.key in self._session.images:
            self._found[image.key] = image.revision, searched.found
        self._rank()
        self.grown.emit()

    def _rank(self) -> None:
        """Put what was found in order, behind what was taken."""
        taken = self.order[: self.at + 1]
        every = [item for _, found in self._found.values() for item in found]
        rest: list[Item] = []
        try:
            rest = self._ordered(every, taken, self._passed)
        except InputError as error:
            self.nothing = self.all_shown if self._passed else sentence(str(error))
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
        """Note that an image has another result, or none: it is to be searched again."""
        result, before = self._session.results.get(key), self._made.pop(key, None)
        now = None
        if result is not None:
            now = _Made(id(result.maps), id(result.instances), result.settings)
            self._made[key] = now
            if before is not None and before.instances == now.instances:
                return
        self._found.pop(key, None)
        if now is None or not now.same(before):
            self._passed = [item for item in self._passed if item.image != key]
            self.outdated = True
