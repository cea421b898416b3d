"""Search of all images that have a result, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.files.regions import Region

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class ImageToSearch:
    """An image, or a frame of a time series, in which something is to be proposed.

    Parameters
    ----------
    key, series : str
        Of the image and of its series; the same where it is no frame.
    frame : int
    result : Segmentation
    revision : int
        Of the annotation.
    annotation : int32 (*S), optional
        May change meanwhile.
    regions : sequence of Region
        Complete ones.
    """

    key: str
    series: str
    frame: int
    result: Segmentation
    revision: int
    annotation: NDArray[np.int32] | None
    regions: Sequence[Region]


@dataclass(frozen=True, slots=True, eq=False)
class Searched(Generic[Item]):
    """What was found in one image.

    Parameters
    ----------
    done, total : int
        Images.
    image : ImageToSearch
    found : list
    problem : str
        Why the image could not be searched; empty if it could.
    """

    done: int
    total: int
    image: ImageToSearch
    found: list[Item]
    problem: str = ""


def search(
    images: Sequence[ImageToSearch], find: Callable[[ImageToSearch], list[Item]]
) -> Iterator[Searched[Item]]:
    """Yield what is found in images, one image after the other.

    One that cannot be searched, such as a frame whose maps are gone from the disk, is passed over.
    """
    for k, image in enumerate(images, 1):
        found: list[Item] = []
        problem = ""
        try:
            found = find(image)
        except (InputError, OSError) as error:
            problem = to_message(error)
        yield Searched(k, len(images), image, found, problem)
