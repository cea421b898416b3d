"""Queue of the objects to review."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.tasks.proposing.objects import objects_of_image
from napari_spatial_embeddings.plugin.tasks.proposing.search import (
    ImageToSearch,
    Searched,
    search,
)

from .queue import ProposalQueue

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.reviewing import ObjectToReview


class ObjectQueue(ProposalQueue["ObjectToReview"]):
    """Keeps the objects to review in order: image by image, the least sure first.

    The image that the search started with comes first, then the others as they were given.
    """

    all_shown = "All objects were reviewed, but for those that you passed over."

    def _searching(self, images: list[ImageToSearch]) -> Iterator[Searched[ObjectToReview]]:
        return search(images, objects_of_image)

    def _ordered(
        self,
        every: list[ObjectToReview],
        taken: list[ObjectToReview],
        passed: list[ObjectToReview],
    ) -> list[ObjectToReview]:
        done = {(one.image, one.label) for one in (*taken, *passed)}
        rest = [one for one in every if (one.image, one.label) not in done]
        if not rest:
            raise InputError(
                "there is nothing to review: all objects are locked, or none was found"
            )
        own = [one for one in rest if one.image == self.first]
        return own + [one for one in rest if one.image != self.first]
