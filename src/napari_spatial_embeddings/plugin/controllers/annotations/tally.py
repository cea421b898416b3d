"""Tally of what is annotated, on open images and on those of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from napari_spatial_embeddings.files.names import series_key
from napari_spatial_embeddings.plugin.state.annotation_count import (
    AnnotationCount,
    AnnotationTotals,
)
from napari_spatial_embeddings.plugin.state.open_image import Series

from .annotated_image import AnnotatedImage
from .annotation_counts import ProjectCounts

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import ImageEntry


class Tally:
    """Adds up the counts of images.

    Parameters
    ----------
    annotated : mapping of AnnotatedImage
        Those whose layers are watched, by key.
    of_project : ProjectCounts
    entries : callable
        Returns the project's images.
    """

    def __init__(
        self,
        annotated: Mapping[str, AnnotatedImage],
        of_project: ProjectCounts,
        entries: Callable[[], Sequence[ImageEntry]],
    ) -> None:
        self._annotated, self._of_project, self._entries = annotated, of_project, entries

    def count(self, key: str | None) -> AnnotationCount | None:
        """Return how much of an image is annotated, open or not; None while it is unknown."""
        if key is None:
            return None
        if key in self._annotated:
            return self._annotated[key].record.count
        known = any(entry.key == key for entry in self._entries())
        return self._of_project.counts.get(key) if known else None

    @property
    def totals(self) -> AnnotationTotals:
        """How much is annotated on all images, as far as it is counted."""
        return AnnotationTotals.of((found, self._scribbled(key)) for key, found in self.all())

    def all(self) -> Iterator[tuple[str, AnnotationCount]]:
        """Yield the key and the count of each image that is counted."""
        keys = [entry.key for entry in self._entries()]
        for key in dict.fromkeys([*keys, *self._annotated]):
            own = self._annotated.get(key)
            found = self._of_project.counts.get(key) if own is None else own.record.count
            if found is not None:
                yield key, found

    def frames(self, series: Series) -> tuple[int, int]:
        """Return on how many frames of a series something is annotated, and the objects there."""
        counts = [found for key, found in self.all() if series_key(key) == series.key and found.any]
        return len(counts), sum(found.total for found in counts)

    def _scribbled(self, key: str) -> bool:
        if key in self._annotated:
            return self._annotated[key].scribbled
        return self._of_project.scribbled.get(key, False)
