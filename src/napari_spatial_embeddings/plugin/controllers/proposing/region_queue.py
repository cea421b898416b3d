"""Queue of the regions to annotate next, which is filled in the background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.regions import (
    ImageToSearch,
    Searched,
    search,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion


ALL_SHOWN = "All regions were shown. Train, or predict again, for new ones."


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


class RegionQueue(QObject):
    """Searches results for regions, image by image, and keeps them in order.

    Images whose objects and annotations are as they were when they were searched are not searched
    again.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    order : list of ProposedRegion
    at : int
        Place in ``order`` of the region that was taken last; -1 before the first.
    outdated : bool
        Whether there are other results than those that were searched.
    nothing : str
        Why nothing is proposed, as a sentence; empty if something is.
    progress : (int, int)
        How many images of how many were searched.
    """

    grown = Signal()
    """Another image was searched, or the last one."""

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

    def close(self) -> None:
        """Search no more."""
        self._connections.close()
        self._cancel()

    def forget(self) -> None:
        """Forget what was found, and what was passed over."""
        self._cancel()
        self.order: list[ProposedRegion] = []
        self.at, self.nothing, self.progress = -1, "", (0, 0)
        self.outdated, self._first = False, ""
        self._found: dict[str, tuple[int, list[ProposedRegion]]] = {}
        self._passed: list[ProposedRegion] = []

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self._worker is not None

    @property
    def has_next(self) -> bool:
        """Whether there is a region after the one that was taken last."""
        return self.at + 1 < len(self.order)

    def pass_over(self, region: ProposedRegion) -> None:
        """Propose a region no more, until its image has another result."""
        self._passed.append(region)

    def drop(self, at: int) -> None:
        """Remove a region from the order."""
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
        self._first = images[0].key if images else ""
        new = [x for x in images if x.key not in self._found]
        self.progress = 0, len(new)
        self._worker = worker = Worker(partial(search, new), self)
        worker.reported.connect(self._take)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def _take(self, searched: Searched) -> None:
        if self.sender() is not self._worker:
            return
        image, self.progress = searched.image, (searched.done, searched.total)
        if searched.problem:
            self._session.say(searched.problem, "warning")
        elif image.key in self._session.images:
            self._found[image.key] = image.revision, searched.regions
        self._rank()
        self.grown.emit()

    def _rank(self) -> None:
        """Put what was found in order, behind the regions that were taken."""
        from napari_spatial_embeddings.editing.proposed_regions import IN_ALL, ranked

        taken = self.order[: self.at + 1]
        every = [region for _, regions in self._found.values() for region in regions]
        first, before = "" if taken else self._first, [*taken, *self._passed]
        rest: list[ProposedRegion] = []
        try:
            rest = ranked(every, first, before, IN_ALL - len(taken))
        except InputError as error:
            self.nothing = ALL_SHOWN if self._passed else sentence(str(error))
        self.order = [*taken, *rest]

    def _end(self, _last: Searched | None) -> None:
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
            self._passed = [region for region in self._passed if region.image != key]
            self.outdated = True
