"""Annotations, resolved into objects, background and unknown pixels.

A label image gives the pixels of each object and leaves the rest open: whether unlabelled pixels
are background, where the image is annotated completely, which labels are background, whether labels
are scribbles. `annotate` resolves all of that into one int32 array: positive for objects, 0 for
background, `IGNORE` for unknown pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.object_size import ring
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError


class AnnotationError(InputError):
    """An annotation that cannot be used; the message gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """An image and its resolved annotation.

    Parameters
    ----------
    name : str
        For messages.
    image : (C, *S), any real dtype
    labels : int32 (*S)
        Objects 1 to N, 0 background, `IGNORE` unknown.
    classes : int64 (N + 1,)
        Class index of each label.
    scribbled : bool
        Whether labels are scribbles, which cover only part of their objects.
    spacing : tuple of D floats, optional
        Size of a pixel along each axis, the finest being 1; that of the model if not known.
    whole : (C, *S') or (T, C, *S'), optional
        The image or time series that this is a part of, whose intensities normalise it; perhaps not
        in memory.
    origin : tuple of D ints, optional
        Index of its first pixel in the image that it is a part of; 0 if not given.
    proposed : bool (N + 1,), optional
        Which labels a model proposed and the user did not edit: they are trained on, and no score
        is taken of them; none if not given.
    """

    name: str
    image: NDArray[np.generic]
    labels: NDArray[np.int32]
    classes: NDArray[np.int64]
    scribbled: bool = False
    spacing: tuple[float, ...] | None = None
    whole: PixelArray | None = None
    origin: tuple[int, ...] | None = None
    proposed: NDArray[np.bool_] | None = None

    @property
    def n_drawn(self) -> int:
        """Number of annotated objects that no model proposed."""
        return self.n_objects - (0 if self.proposed is None else int(self.proposed.sum()))

    @property
    def n_objects(self) -> int:
        """Number of annotated objects."""
        return len(self.classes) - 1


@dataclass(frozen=True, slots=True)
class AnnotationSummary:
    """Counts of the images, objects, and pixels of each kind in a training set."""

    images: int
    objects: int
    object_pixels: int
    background_pixels: int
    ignored_pixels: int

    def __str__(self) -> str:
        total = max(1, self.object_pixels + self.background_pixels + self.ignored_pixels)
        return (
            f"{plural(self.objects, 'object')} in "
            f"{plural(self.images, 'image')}; pixels: "
            f"{self.object_pixels / total:.1%} object, {self.background_pixels / total:.1%} "
            f"background, {self.ignored_pixels / total:.1%} ignored"
        )


def summarise(images: list[TrainingImage]) -> AnnotationSummary:
    """Count the images, objects and pixels of a training set."""
    return AnnotationSummary(
        # Parts of an image share its name, frames of a series do not.
        len({(t.name, id(t.image if t.whole is None else t.whole)) for t in images}),
        sum(t.n_objects for t in images),
        sum(int((t.labels > 0).sum()) for t in images),
        sum(int((t.labels == 0).sum()) for t in images),
        sum(int((t.labels == IGNORE).sum()) for t in images),
    )


def annotate(
    image: NDArray[np.generic],
    labels: NDArray[np.generic],
    *,
    name: str = "image",
    unlabelled: Literal["background", "ignore"] = "background",
    region: NDArray[np.bool_] | None = None,
    classes: Mapping[int, str] | None = None,
    class_names: tuple[str, ...] = ("object",),
    scribbled: bool = False,
    spacing: tuple[float, ...] | None = None,
    proposed: Collection[int] = (),
) -> TrainingImage:
    """Resolve an annotation.

    Parameters
    ----------
    image : (C, *S)
        Channels first, real numbers.
    labels : integers (*S), any integer type
        0 is unlabelled; negative values are `IGNORE`; each other value is one object, in one
        piece or several.
    unlabelled : {"background", "ignore"}
        What unlabelled pixels are. With "ignore", they are background inside ``region``; without
        a region, in a thin ring around each object, unless the labels are scribbles.
    region : bool (*S), optional
        Where every object is labelled: unlabelled pixels in it are background. Outside, they are
        unknown even if ``unlabelled`` is "background".
    classes : mapping, optional
        Class name of each label, `BACKGROUND` for labels that are not objects. Labels that are
        not listed have the first class.
    class_names : tuple of str
        The model's classes.
    scribbled : bool
        Labels are scribbles, which cover only part of their objects: unlabelled pixels are unknown,
        except inside ``region``.
    spacing : tuple of floats, optional
        Size of a pixel along each axis in pixels of the finest; 1 if not given.
    proposed : collection of ints
        Labels that a model proposed and the user did not edit.

    Raises
    ------
    AnnotationError
        If shapes differ, labels are no integers, the image is not finite, a class is unknown, or
        nothing is annotated.
    """
    check_labels(name, image, labels, region)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise AnnotationError(
            f"{name}: the image holds NaN or infinite values; replace them before training"
        )
    numbers = labels.astype(np.int64)
    not_objects = [k for k, v in (classes or {}).items() if v == BACKGROUND]
    background = np.isin(numbers, not_objects)
    inside = (numbers > 0) & ~background
    ids, dense = np.unique(numbers[inside], return_inverse=True)
    out = np.full(numbers.shape, IGNORE, np.int32)
    out[inside] = dense + 1
    if region is not None:
        background |= region & (numbers == 0)
    elif scribbled:
        pass
    elif unlabelled == "background":
        background |= numbers == 0
    elif len(ids):
        background |= (numbers == 0) & ring(out, spacing or (1.0,) * numbers.ndim)
    out[background] = 0
    if (out == IGNORE).all():
        raise nothing_annotated(name)
    known = _classes(name, ids, classes, class_names)
    marked = np.append(False, np.isin(ids, list(proposed))) if proposed else None
    return TrainingImage(name, image, out, known, scribbled, spacing, proposed=marked)


def nothing_annotated(name: str) -> AnnotationError:
    """Return the error about an image without annotations."""
    return AnnotationError(
        f"{name}: nothing is annotated; annotate some objects, or mark a region without any"
    )


def check_labels(
    name: str,
    image: PixelArray,
    labels: NDArray[np.generic],
    region: NDArray[np.bool_] | None,
) -> None:
    """Refuse labels that are none of an image, whose pixels are not read.

    Raises
    ------
    AnnotationError
    """
    if labels.dtype.kind not in "iu":
        hint = "colours" if labels.ndim > image.ndim - 1 else f"values of type {labels.dtype}"
        raise AnnotationError(
            f"{name}: the labels hold {hint}; expected whole numbers (an integer type), one per"
            " object and 0 for background"
        )
    for what, array in (("labels have", labels), ("region has", region)):
        if array is not None and array.shape != image.shape[1:]:
            raise AnnotationError(
                f"{name}: the {what} shape {array.shape}, the image {image.shape[1:]};"
                " they must cover the same pixels"
            )
    if labels.dtype.kind == "u" and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise AnnotationError(f"{name}: the labels hold ids above {np.iinfo(np.int64).max}")


def surroundings(image: TrainingImage, around: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the window of an image that contains all known pixels, and some around them."""
    known = ndi.find_objects((image.labels != IGNORE).astype(np.int8))
    if not known:
        return (slice(0, 0),) * image.labels.ndim
    return tuple(
        slice(max(0, s.start - a), min(n, s.stop + a))
        for s, a, n in zip(known[0], around, image.labels.shape, strict=True)
    )


def _classes(
    name: str,
    ids: NDArray[np.int64],
    classes: Mapping[int, str] | None,
    names: tuple[str, ...],
) -> NDArray[np.int64]:
    out = np.zeros(len(ids) + 1, np.int64)
    for k, label in enumerate(ids, 1):
        given = (classes or {}).get(int(label), names[0])
        if given not in names:
            raise AnnotationError(
                f"{name}: label {label} has the class '{given}'; the model knows"
                f" {', '.join(names)} (and '{BACKGROUND}' for labels that are not objects)"
            )
        out[k] = names.index(given)
    return out
