"""Example image of a model, and a picture of what is found in it: generated, no user's data."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import ModelSettings


def example_image(settings: ModelSettings, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an image (C, *shape) of objects of the size that a network expects.

    Always the same one; bright on dark.
    """
    rng = np.random.default_rng(0)
    radius = settings.working_diameter / 2
    extent = np.prod(np.multiply(shape, settings.spacing))
    disc = np.pi * radius**2 if settings.ndim == 2 else 4 / 3 * np.pi * radius**3
    count = max(1, round(0.35 * float(extent / disc)))
    lengths = 0.0, 0.5 * radius
    labels = samples.capsules(
        rng, shape, count, (0.75 * radius, 1.1 * radius), lengths, settings.spacing
    )
    channels = [
        samples.render(rng, labels, spacing=settings.spacing) for _ in range(settings.in_channels)
    ]
    return np.stack(channels).astype(np.float32)


def picture(image: NDArray[np.float32], labels: NDArray[np.int32]) -> bytes:
    """Return a PNG, twice as wide as high or so: a normalised image, and its objects in colour.

    Parameters
    ----------
    image : (C, *S)
        The first channel is shown; of a volume, the slice with most objects.
    labels : int32 (*S)
    """
    from PIL import Image

    grey = image[0].clip(0, 1)
    if labels.ndim == 3:
        z = int((labels > 0).sum((1, 2)).argmax())
        grey, labels = grey[z], labels[z]
    left = np.repeat(grey[..., None], 3, -1)
    colours = np.random.default_rng(1).uniform(0.25, 1, (int(labels.max(initial=0)) + 1, 3))
    inside = (labels > 0)[..., None]
    right = np.where(inside, 0.45 * left + 0.55 * colours[labels], left)
    both = Image.fromarray((np.concatenate([left, right], 1) * 255).astype(np.uint8))
    factor = max(1, round(300 / both.height))
    both = both.resize((both.width * factor, both.height * factor), Image.Resampling.NEAREST)
    file = io.BytesIO()
    both.save(file, "png", optimize=True)
    return file.getvalue()
