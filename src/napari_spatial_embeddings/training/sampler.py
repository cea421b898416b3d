"""Batches of augmented crops: every batch is a function of (seed, step) alone.

So a resumed training sees the same crops as an uninterrupted one, and a thread can make batches
ahead without an effect on the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import LossSettings, ModelSettings
from napari_spatial_embeddings.core.loss import Targets, targets
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.object_size import typical_diameter

from .annotation import TrainingImage
from .augmentation import elastic_deformation, random_transform, vary_intensity

Float = NDArray[np.float32]

USUAL_SCALE, MIN_DIAMETER = 1.4, 8.0
"""Factor by which every crop may be shrunk; beyond it, only down to objects of this diameter."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Input of a training step, or a part of its crops.

    Parameters
    ----------
    image : float32 (B, C, *crop)
    labels : int32 (B, *crop)
    target : Targets
        The labels in the form that the loss takes.
    """

    image: Float
    labels: NDArray[np.int32]
    target: Targets


@dataclass(frozen=True)
class Sampler:
    """Draws augmented crops from a training set.

    Parameters
    ----------
    images : list of TrainingImage
        With images already normalised, float32.
    model, loss : settings
    augment : bool
    seed : int
    scale : float
        Largest factor by which augmented crops are magnified or shrunk.
    invert : float
        Share of the augmented crops whose contrast is inverted.
    """

    images: list[TrainingImage]
    model: ModelSettings
    loss: LossSettings
    augment: bool
    seed: int
    scale: float = 1.4
    invert: float = 0.0

    @cached_property
    def _objects(self) -> list[list[tuple[slice, ...]]]:
        return [
            [box for box in ndi.find_objects(np.maximum(t.labels, 0)) if box is not None]
            for t in self.images
        ]

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        # The square root: crowded images come more often, but do not crowd out the others.
        weight = np.sqrt([max(1, len(boxes)) for boxes in self._objects])
        return np.asarray(weight / weight.sum())

    @cached_property
    def _zooms(self) -> list[tuple[float, float]]:
        """Lowest and highest magnification of each image: small objects are not shrunk further."""
        out = []
        for image in self.images:
            diameter = self.model.working_diameter
            if image.n_objects and not image.scribbled:
                diameter = typical_diameter([image.labels], self.model.spacing)
            usual = min(self.scale, USUAL_SCALE)
            out.append((1 / np.clip(diameter / MIN_DIAMETER, usual, self.scale), self.scale))
        return out

    def batch(self, step: int, size: int, crop: tuple[int, ...], centred: float) -> Batch:
        """Return the batch of a step.

        Parameters
        ----------
        step : int
        size : int
            Number of crops.
        crop : tuple of D ints, pixels
        centred : float
            Share of the crops that have an object in the middle; the others lie anywhere.
        """
        (whole,) = self.parts(step, size, crop, centred, 1)
        return whole

    def parts(
        self, step: int, size: int, crop: tuple[int, ...], centred: float, count: int
    ) -> list[Batch]:
        """Return the batch of a step, as `batch`, in ``count`` parts of about the same size."""
        rng = np.random.default_rng([self.seed, step])
        images, labels, classes, scribbled = [], [], [], []
        for _ in range(size):
            index = int(rng.choice(len(self.images), p=self._probabilities))
            chosen = self.images[index]
            boxes = self._objects[index]
            if boxes and rng.random() < centred:
                box = boxes[rng.integers(len(boxes))]
                at = [rng.uniform(s.start, s.stop) for s in box]
            else:
                at = [rng.uniform(0, n) for n in chosen.labels.shape]
            image, label = self._crop(rng, chosen, at, crop, self._zooms[index])
            images.append(image)
            labels.append(label)
            classes.append(chosen.classes)
            scribbled.append(chosen.scribbled)
        stack = np.stack(labels)
        spacing, centre = self.model.spacing, self.loss.centre
        out = []
        for a, b in pairwise(size * k // count for k in range(count + 1)):
            labels_part, about = stack[a:b], (classes[a:b], scribbled[a:b], centre, spacing)
            target = targets(labels_part, *about, batch=stack)
            out.append(Batch(np.stack(images[a:b]), labels_part, target))
        return out

    def batches(
        self,
        first: int,
        size: int,
        crop: tuple[int, ...],
        centred: float,
        count: int = 1,
        *,
        ahead: int = 3,
    ) -> Iterator[list[Batch]]:
        """Yield the parts of the batches from step ``first`` on, made ahead in a thread."""
        how = size, crop, centred, count
        with ThreadPoolExecutor(1) as pool:
            queue = [pool.submit(self.parts, first + i, *how) for i in range(ahead)]
            step = first + ahead
            try:
                while True:
                    yield queue.pop(0).result()
                    queue.append(pool.submit(self.parts, step, *how))
                    step += 1
            finally:
                for job in queue:
                    job.cancel()

    def _crop(
        self,
        rng: np.random.Generator,
        source: TrainingImage,
        at: list[float],
        crop: tuple[int, ...],
        zooms: tuple[float, float],
    ) -> tuple[Float, NDArray[np.int32]]:
        """Sample image and labels once, through one coupled transform.

        Beyond the image's edge the image is mirrored and the labels are ignored.
        """
        ndim, spacing = len(crop), np.array(self.model.spacing)
        exact = not self.augment
        # A sample at the very centre: a single slice must not fall between two samples.
        middle = np.array([(n - 1) / 2 if exact else n // 2 for n in crop])
        matrix = np.eye(ndim)
        if self.augment:
            matrix = random_transform(rng, ndim, spacing, zooms)
        centre = _clamped_centre(np.array(at), crop, source.labels.shape)
        shift = centre - matrix @ middle
        bend = (
            elastic_deformation(rng, crop, spacing) if self.augment and rng.random() < 0.3 else None
        )
        if exact:
            shift = np.round(shift)
        points = _sample_points(crop, matrix, shift, bend)
        order = 0 if exact else 1
        image = np.stack(
            [
                ndi.map_coordinates(np.asarray(c, np.float32), points, order=order, mode="mirror")
                for c in source.image
            ]
        )
        # The outermost pixels are half a pixel wide in mode "constant" and whole in this one.
        labels = ndi.map_coordinates(
            source.labels, points, order=0, mode="grid-constant", cval=IGNORE
        )
        if self.augment:
            if self.invert and rng.random() < self.invert:
                image = 1 - image
            image = vary_intensity(rng, image)
        return image.astype(np.float32), labels


def _clamped_centre(
    centre: NDArray[np.float64], crop: tuple[int, ...], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Move a crop's centre so that the crop lies in the image, or covers it if it is smaller."""
    half, size = np.array(crop) / 2, np.array(shape)
    low, high = half - 0.5, size - half - 0.5
    middle = (size - 1) / 2
    return np.where(high < low, middle, np.clip(centre, low, np.maximum(low, high)))


def _sample_points(
    crop: tuple[int, ...],
    matrix: NDArray[np.float64],
    shift: NDArray[np.float64],
    bend: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    grid = np.indices(crop, dtype=np.float64).reshape(len(crop), -1)
    points = (matrix @ grid + shift[:, None]).reshape(len(crop), *crop)
    return points if bend is None else points + bend
