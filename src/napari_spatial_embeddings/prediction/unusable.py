"""Images, or frames of one, that cannot be segmented, while the rest can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_spatial_embeddings.errors import Failure, InputError


class Unusable(Exception):
    """An image, or a frame of one, that cannot be segmented; the rest can."""

    def __init__(self, reason: InputError | Failure) -> None:
        super().__init__(str(reason))
        self.reason = reason


def reason_of(error: Unusable | InputError) -> InputError | Failure:
    """Return why an image is skipped."""
    return error.reason if isinstance(error, Unusable) else error


@contextmanager
def reasons() -> Iterator[None]:
    """Turn errors that make an image be skipped into `Unusable`."""
    from napari_spatial_embeddings.inference.segmentation import SKIPPED, as_reason

    try:
        yield
    except SKIPPED as error:
        raise Unusable(as_reason(error)) from error
