"""Colours of annotations: each object its own, in shades of its class if there are several."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap, label_colormap
from numpy.typing import NDArray

from napari_spatial_embeddings.training.annotation import BACKGROUND

if TYPE_CHECKING:
    from .strokes import Strokes

GREY = (0.55, 0.55, 0.55, 1.0)
"""Colour of background."""

HUES = (0.11, 0.56, 0.91, 0.33, 0.0, 0.75, 0.16, 0.47)
"""Of the classes: orange, blue, pink, green, red, violet, yellow, turquoise."""

GOLDEN = 0.618


def class_colour(index: int, shade: float = 0.5) -> tuple[float, float, float, float]:
    """Return a colour of a class.

    Parameters
    ----------
    index : int
        Of the class.
    shade : float
        From dark to bright, 0 to 1.
    """
    red, green, blue = colorsys.hls_to_rgb(HUES[index % len(HUES)], 0.42 + 0.3 * shade, 0.85)
    return red, green, blue, 1.0


def colours(
    classes: Mapping[int, str], names: Sequence[str], coming: str, size: int
) -> NDArray[np.float32]:
    """Return the colour of each label.

    Parameters
    ----------
    classes : mapping
        Class of each label.
    names : sequence of str
        The classes. With one of them, all objects have napari's colours.
    coming : str
        Class of the labels that are not listed.
    size : int
        Labels are at least up to this.

    Returns
    -------
    float32 (n, 4), n > size
    """
    n = 1 << max(8, (size + 64).bit_length())
    out = np.zeros((n, 4), np.float32)
    if len(names) > 1:
        index = {name: i for i, name in enumerate(names)}
        for k in range(1, n):
            of = index.get(classes.get(k, coming), 0)
            out[k] = class_colour(of, (k * GOLDEN) % 1)
    else:
        usual = np.asarray(label_colormap(49).colors)[1:]
        out[1:] = usual[np.arange(n - 1) % len(usual)]
    for k, name in classes.items():
        if name == BACKGROUND and k < n:
            out[k] = GREY
    return out


class ClassColormap:
    """Gives an annotation layer the colours of its objects' classes.

    With a single class, and as long as there is no background, it has napari's own.

    Parameters
    ----------
    strokes : Strokes
        Those on the layer.
    """

    def __init__(self, strokes: Strokes) -> None:
        self._strokes = strokes
        self._shown: tuple[dict[int, str], tuple[str, ...], str, int] | None = None

    def update(self, names: tuple[str, ...], coming: str) -> None:
        """Change the colours if a label has that of another class, or none of its own.

        Parameters
        ----------
        names : tuple of str
            The classes.
        coming : str
            Class of the objects that are painted from now on.
        """
        if not self._outdated(names, coming):
            return
        classes, size = dict(self._strokes.classes), 2 * self._strokes.next
        # Cyclic, and long enough not to repeat: napari compiles its direct colormaps for seconds.
        wanted = CyclicLabelColormap(colors=colours(classes, names, coming, size))
        layer = self._strokes.layer
        layer.colormap = wanted
        # From 256 colours on, napari draws the layer by other means, which forget its place above
        # the image. It sets all layers in order whenever one is shown.
        layer.events.visible()
        self._shown = classes, names, coming, size

    def _outdated(self, names: tuple[str, ...], coming: str) -> bool:
        if self._shown is None:
            return len(names) > 1 or self._strokes.background is not None
        shown, *known, size = self._shown
        wrong = (name != shown.get(k, coming) for k, name in self._strokes.classes.items())
        return known != [names, coming] or self._strokes.next > size or any(wrong)
