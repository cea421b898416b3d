"""Look of annotations: colours of their objects, and outlines where there is a prediction."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap, label_colormap
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND

from .frames import frame_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from .strokes import Strokes

GREY = (0.55, 0.55, 0.55, 1.0)
"""Colour of background."""

HUES = (0.11, 0.56, 0.91, 0.33, 0.0, 0.75, 0.16, 0.47)
"""Of the classes: orange, blue, pink, green, red, violet, yellow, turquoise."""

GOLDEN = 0.618

LUMINANCE, MIN_LUMINANCE = np.array((0.2126, 0.7152, 0.0722)), 0.4
"""Weights of red, green and blue, and the lowest value that is seen on dark ground."""

SHADES = 257
"""Of each class: enough that neighbours differ, few enough to be computed at once."""

MANY_COLOURS = 256
"""From here on, napari draws labels by other means."""

MAX_COLOURS = 2**16 - 1
"""With more of them, napari 0.9.2 fails to draw a label."""

OUTLINE = 2
"""Width in pixels of the outlines of annotated objects."""

MAX_OUTLINED = 2048**2
"""Pixels of a slice up to which napari draws outlines without a delay; 30 ns each."""


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


def usual_colours() -> NDArray[np.float32]:
    """Return napari's colours of labels (n, 4), the dark ones mixed with white."""
    out = np.array(label_colormap(49).colors, np.float32)
    dark = np.maximum(0, MIN_LUMINANCE - out[:, :3] @ LUMINANCE)
    out[1:, :3] += (1 - out[1:, :3]) * (dark / (1 - MIN_LUMINANCE + dark))[1:, None]
    return out


def usual_colormap() -> CyclicLabelColormap:
    """Return the usual colours as napari takes them."""
    return CyclicLabelColormap(colors=usual_colours())


def colours(
    classes: Mapping[int, str], names: Sequence[str], coming: str, size: int, plain: bool = False
) -> NDArray[np.float32]:
    """Return the colour of each label.

    Parameters
    ----------
    classes : mapping
        Class of each label.
    names : sequence of str
        The classes. With one of them, all objects have the usual colours.
    coming : str
        Class of the labels that are not listed.
    size : int
        Labels are at least up to this.
    plain : bool
        Whether all objects of a class have one colour.

    Returns
    -------
    float32 (n, 4)
        n > size, but not above `MAX_COLOURS`: napari uses them again for higher labels. Only two if
        all labels have the same one.
    """
    background = BACKGROUND in classes.values()
    if plain and len(names) == 1 and not background:
        return np.array([(0, 0, 0, 0), class_colour(0)], np.float32)
    n = min(1 << max(8, (size + 64).bit_length()), MAX_COLOURS)
    out = np.zeros((n, 4), np.float32)
    if len(names) > 1 or plain:
        index, of = {name: i for i, name in enumerate(names)}, np.zeros(n, np.intp)
        of[:] = index.get(coming, 0)
        for k, name in classes.items():
            if k < n:
                of[k] = index.get(name, 0)
        shade = np.full(n, 0.5) if plain else np.arange(n) * GOLDEN % 1
        table = [[class_colour(i, s) for s in np.linspace(0, 1, SHADES)] for i in range(len(names))]
        out[1:] = np.array(table)[of, np.rint(shade * (SHADES - 1)).astype(int)][1:]
    else:
        usual = usual_colours()[1:]
        out[1:] = usual[np.arange(n - 1) % len(usual)]
    for k, name in classes.items():
        if name == BACKGROUND and k < n:
            out[k] = GREY
    return out


class ClassColormap:
    """Gives an annotation layer its colours, and a look that differs from that of a prediction.

    With a single class, and as long as there is no background, the colours are the usual ones. Once
    there is a prediction, objects are outlines, as those that the model found are filled; in slices
    that are too large for that, they all have the colour of their class.

    Parameters
    ----------
    strokes : Strokes
        Those on the layer.
    """

    def __init__(self, strokes: Strokes) -> None:
        self._strokes = strokes
        self._predicted = False
        self._shown: tuple[dict[int, str], tuple[str, ...], str, bool, int] | None = None
        # Of a series, it has those of another frame, which are changed once it is known to what.
        self._usual = frame_of(strokes.layer) is None
        if self._usual and not _same(strokes.layer, usual_colours()):
            strokes.layer.colormap = usual_colormap()  # napari draws the whole layer again

    def update(self, names: tuple[str, ...], coming: str, predicted: bool) -> None:
        """Change the look if a label has the colour of another class, or none of its own.

        Parameters
        ----------
        names : tuple of str
            The classes.
        coming : str
            Class of the objects that are painted from now on.
        predicted : bool
            Whether there is a prediction of the image.
        """
        layer = self._strokes.layer
        small = int(np.prod(layer.data.shape[-2:])) <= MAX_OUTLINED
        if predicted != self._predicted:  # else the width is the user's choice
            self._predicted = predicted
            if small and layer.contour == (0 if predicted else OUTLINE):
                layer.contour = OUTLINE if predicted else 0
        plain = predicted and not small
        if not self._outdated(names, coming, plain):
            return
        classes, size = dict(self._strokes.classes), 2 * self._strokes.next
        # Cyclic, and long enough not to repeat: napari compiles its direct colormaps for seconds.
        several = len(names) > 1 or self._strokes.background is not None or plain
        shown = colours(classes, names, coming, size, plain) if several else usual_colours()
        self._shown = classes, names, coming, plain, size
        if _same(layer, shown):
            return
        wanted = CyclicLabelColormap(colors=shown)
        before, layer.colormap = layer.colormap, wanted
        if max(len(before.colors), len(wanted.colors)) >= MANY_COLOURS:
            # What napari draws it with forgets that the layer's place is above the image. It sets
            # all layers in order whenever one is shown.
            layer.events.visible()

    def _outdated(self, names: tuple[str, ...], coming: str, plain: bool) -> bool:
        if self._shown is None:
            several = len(names) > 1 or self._strokes.background is not None or plain
            return several or not self._usual
        shown, *known, size = self._shown
        wrong = (name != shown.get(k, coming) for k, name in self._strokes.classes.items())
        return known != [names, coming, plain] or self._strokes.next > size or any(wrong)


def _same(layer: Labels, shown: NDArray[np.float32]) -> bool:
    """Whether a layer has some colours already; napari draws all of it again when they are set."""
    return np.array_equal(layer.colormap.colors, shown)
