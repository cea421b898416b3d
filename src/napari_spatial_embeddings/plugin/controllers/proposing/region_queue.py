"""Queue of the regions to annotate next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_spatial_embeddings.plugin.tasks.proposing.regions import regions_of_image
from napari_spatial_embeddings.plugin.tasks.proposing.search import (
    ImageToSearch,
    Searched,
    search,
)

from .queue import ProposalQueue

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion


class RegionQueue(ProposalQueue["ProposedRegion"]):
    """Keeps the regions in which annotation is expected to help most in order: diverse ones."""

    all_shown = "All regions were shown. Train, or predict again, for new ones."

    def _searching(self, images: list[ImageToSearch]) -> Iterator[Searched[ProposedRegion]]:
        return search(images, regions_of_image)

    def _ordered(
        self,
        every: list[ProposedRegion],
        taken: list[ProposedRegion],
        passed: list[ProposedRegion],
    ) -> list[ProposedRegion]:
        from napari_spatial_embeddings.editing.proposed_regions import IN_ALL, ranked

        first = "" if taken else self.first
        return ranked(every, first, [*taken, *passed], IN_ALL - len(taken))
