"""Meaning of a layer's axes, from all that is known of them, and their order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_spatial_embeddings.core.image_data import arranged
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.axes import AXIS_NAMES

from .opened.file_axes import axes_in_file, problem_of_file
from .tags import Grey

LETTERS = "TCZYX"
"""Time, channels or colours, depth, height and width, in the order of images."""

MAX_CHANNELS = 4
"""Lengths of an axis without a name up to which it is taken for channels."""

NAMED_OTHERWISE, TIME_LATER, LAST_CHANNELS = 30, 20, 8
"""Costs of a meaning that differs from an axis's name, of frames that are not the first axis, and
of channels that are the last one."""


def finest(layer: Image | Labels) -> Any:
    """Return a layer's array; of a pyramid, the finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def possible_axes(layer: Image) -> list[str]:
    """Return what the axes of an image layer's array can mean, the likeliest first.

    A letter for each axis of the array, of T, C, Z, Y and X; the colours of RGB are the last one.
    """
    return ranked_axes(tuple(finest(layer).shape), _names(layer), layer.rgb)


def likeliest_axes(layer: Image) -> str:
    """Return what a layer's axes mean; empty if that is impossible, or is to be chosen.

    Where its file names neither of two axes before the last two, the command line refuses it.
    """
    file, names = axes_in_file(layer), _names(layer)
    before = [i for i, n in enumerate(finest(layer).shape[: layer.ndim - 2]) if n > 1]
    if file is not None and file.guessed and sum(not names[i] for i in before) > 1:
        return ""
    return next(iter(possible_axes(layer)), "")


def ranked_axes(shape: tuple[int, ...], names: Sequence[str], rgb: bool) -> list[str]:
    """Return what axes of these lengths can mean, the likeliest first.

    Parameters
    ----------
    shape : tuple of ints
    names : sequence of str
        A letter for each axis, empty where it has no name.
    rgb : bool
        Whether the last axis is that of colours.
    """
    costs = {
        axes: cost
        for letters in itertools.permutations(LETTERS, len(shape))
        if (cost := _cost(axes := "".join(letters), shape, names, rgb)) is not None
    }
    best: dict[tuple[str, ...], str] = {}
    for axes in sorted(costs, key=lambda axes: (costs[axes], [LETTERS.index(a) for a in axes])):
        best.setdefault(_effect(axes, shape), axes)
    return list(best.values())


def _cost(axes: str, shape: tuple[int, ...], names: Sequence[str], rgb: bool) -> int | None:
    """Return how unlikely a meaning is; None if it is impossible."""
    at = {letter: i for i, letter in enumerate(axes)}
    if not {"Y", "X"} <= at.keys() or (rgb and axes[-1] != "C"):
        return None
    if rgb and any(name == "C" and n > 1 for name, n in zip(names[:-1], shape, strict=False)):
        return None  # channels, each of them in colours
    # Another order of space, and channels amid it, are only believed where they are named.
    last = axes.endswith("YX") or rgb or (axes.endswith("YXC") and shape[-1] <= MAX_CHANNELS)
    told = range(len(axes))
    if at.get("Z", -1) < at["Y"] < at["X"]:
        told = range(0) if last else range(at["Y"], len(axes))
    if any(names[i] != axes[i] for i in told if axes[i] in "ZYX" or i >= at["Y"]):
        return None
    # Whether an axis of length one is called T, C or Z makes no difference, but for a slice.
    long = [a for a, n in zip(axes, shape, strict=True) if n > 1]
    cost = 0 if long == sorted(long, key=LETTERS.index) else 1
    for letter, n, name in zip(axes, shape, names, strict=True):
        if n == 1 and letter in "TCZ":
            cost += {"C": 0, "T": 1, "Z": 3}[letter]
        elif name != letter and not (rgb and letter == "C"):
            if letter == "T" and axes[0] != "T":
                if len(axes) < len(LETTERS):
                    return None
                cost += TIME_LATER
            few = n <= MAX_CHANNELS
            cost += {"T": 60, "C": 10 * (not few), "Z": 5 * few}.get(letter, 12 * few)
            cost += NAMED_OTHERWISE * bool(name) + LAST_CHANNELS * axes.endswith(f"X{letter}")
    return cost


def _effect(axes: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return what is left of a meaning without single frames and channels."""
    return tuple(a if n > 1 or a in "ZYX" else "" for a, n in zip(axes, shape, strict=True))


def are_guessed(layer: Image, axes: str) -> bool:
    """Return whether only the lengths of a layer's axes suggest what some of them mean."""
    shape = finest(layer).shape
    known = zip(axes, shape, _names(layer, guessed=False), strict=True)
    return any(n > 1 and a in "TCZ" and not name for a, n, name in known) and axes != "YXC"


def _names(layer: Image | Labels, *, guessed: bool = True) -> list[str]:
    """Return the letter of each axis of a layer's array as far as something names it.

    Parameters
    ----------
    layer : Image or Labels
    guessed : bool
        Take over what the command line guesses of the layer's file.
    """
    names = _names_in_layer(layer)
    if all(name or n == 1 for name, n in zip(names, finest(layer).shape, strict=True)):
        return names
    return [a or b for a, b in zip(names, _names_in_file(layer, guessed), strict=True)]


def _names_in_layer(layer: Image | Labels) -> list[str]:
    """Return the letters that a layer's axis labels and units give to the axes of its array."""
    shape = tuple(finest(layer).shape)
    labels = [AXIS_NAMES.get(str(x).strip().lower(), "") for x in layer.axis_labels]
    units = ["T" if dict(u.dimensionality) == {"[time]": 1} else "" for u in layer.units]
    names = [label or unit for label, unit in zip(labels, units, strict=True)]
    names += [""] * (len(shape) - len(names))  # of the colours
    if len({*filter(None, names)}) < len([*filter(None, names)]):
        names = [""] * len(shape)  # one name for two axes is no name
    space = [i for i, name in enumerate(names) if name and name in "ZYX"]
    if len(space) in (2, 3):  # whichever order they are called in, napari shows this one
        for i, letter in zip(space, "ZYX"[-len(space) :], strict=True):
            names[i] = letter
    return names


def contradicted(layer: Image, axes: str) -> bool:
    """Return whether a layer's axis labels or units give its axes another meaning."""
    named = zip(axes, finest(layer).shape, _names_in_layer(layer), strict=True)
    return any(name not in ("", a) for a, n, name in named if n > 1)


def _names_in_file(layer: Image | Labels, guessed: bool) -> list[str]:
    """Return the letters that a layer's file gives to the axes of its array."""
    shape, file = tuple(finest(layer).shape), axes_in_file(layer)
    names = [""] * len(shape)
    if file is None or (file.guessed and not guessed):
        return names
    long = [i for i, n in enumerate(shape) if n > 1]
    for without in ("", "C", "T", "TC"):  # some readers make a layer of each channel
        left = [
            (a, n) for a, n in zip(file.axes, file.shape, strict=True) if n > 1 and a not in without
        ]
        if [n for _, n in left] == [shape[i] for i in long]:
            for i, (letter, _) in zip(long, left, strict=True):
                names[i] = letter if letter in LETTERS else ""
            break
    return names


def leave_out_transparency(layer: Image) -> bool:
    """Make a layer's data a view without the transparency that its file has beside grey values.

    Returns
    -------
    bool
        Whether there was any.
    """
    file, shape = axes_in_file(layer), tuple(finest(layer).shape)
    if layer.rgb or file is None or not file.alpha or shape != file.shape:
        return False
    axis = file.axes.index("C")
    left = shape[axis] - 1
    index = (*(slice(None),) * axis, 0 if left == 1 else slice(left))
    levels = [level[index] for level in layer.data] if layer.multiscale else None
    layer.data = layer.data[index] if levels is None else levels
    layer.reset_contrast_limits()
    return True


def is_grey(layer: Image) -> bool:
    """Whether a layer shows grey values of its file as colours, for transparency beside them.

    napari does so with PNGs of 16 bits.
    """
    file = axes_in_file(layer)
    return layer.rgb and file is not None and file.alpha and file.shape[file.axes.index("C")] == 2


def frames(layer: Image | Labels, axes: str) -> int:
    """Return the number of frames of a layer; 1 without an axis of time."""
    return int(finest(layer).shape[axes.index("T")]) if "T" in axes else 1


def axes_error(layer: Image, axes: str) -> str:
    """Return why an image cannot be used, by its file or its axes; empty if it can."""
    if problem := problem_of_file(layer):
        return problem
    if not axes and possible_axes(layer):
        return f"{layer.name} has {layer.ndim} axes without names: choose what they mean"
    if not axes:
        what = "channels, each in colours" if layer.rgb else f"{layer.ndim} axes"
        return (
            f"{layer.name} has {what}; expected an image YX or a volume ZYX, with or without"
            " channels: split it with Split Stack in the layer's menu, and choose a part"
        )
    return ""


def meanings(layer: Image) -> dict[tuple[str, Grey], str]:
    """Return what a layer's axes can mean and what can be made of its colours, in words."""
    choices: tuple[Grey, ...] = ("", "grey", "inverted") if layer.rgb else ("",)
    return {
        (axes, grey): _text(layer, axes, grey) for axes in possible_axes(layer) for grey in choices
    }


def _text(layer: Image, axes: str, grey: Grey) -> str:
    effect = "".join(_effect(axes, finest(layer).shape))
    if frames(layer, axes) > 1:
        kind = {"": "", "grey": " in grey", "inverted": " in grey, inverted"}[grey]
        return f"time series{kind} ({effect})"
    volume = "Z" in axes
    if layer.rgb:
        kind = {"": "colours (RGB)", "grey": "grey", "inverted": "grey, inverted"}[grey]
        return f"volume in {kind}" if volume else kind
    if "C" in effect:
        return f"volume with channels ({effect})" if volume else f"channels ({effect})"
    return f"volume: slices ({effect})" if volume else f"image ({effect})"


def order_labels(layer: Labels) -> None:
    """Put the axes of a layer of labels in the order of images, where its file names another one.

    Else they would not lie on an image from a file like it, whose axes were put in order.

    Raises
    ------
    InputError
        If pixels are missing in its file.
    """
    if problem := problem_of_file(layer):
        raise InputError(problem)
    names = _names(layer)
    if sorted(names) == sorted("ZYX"[-layer.ndim :]):
        space_last(layer, "".join(names))


def space_last(layer: Image | Labels, axes: str) -> str:
    """Put the spatial axes of a layer last and in order, as napari aligns layers of fewer axes.

    Before them comes the axis of time, if there is more than one frame. Its data become a view of
    what they were; no pixel is read or copied.

    Parameters
    ----------
    layer : Image or Labels
    axes : str
        What the axes of its array mean.

    Returns
    -------
    str
        What they mean now: the same if the spatial ones were last, and in order.

    Raises
    ------
    InputError
        If the layer is sheared, so that its axes cannot be exchanged.
    """
    colours = "C" if isinstance(layer, Image) and layer.rgb else ""
    inner = axes.removesuffix("C") if colours else axes
    series = frames(layer, axes) > 1
    wanted = "".join(a for a in ("CTZYX" if series else LETTERS) if a in inner)
    count = sum(a in "ZYX" for a in inner) + series
    if inner[-count:] == wanted[-count:]:
        return axes
    if np.any(layer.shear):
        raise InputError(f"{layer.name} is sheared; remove that, or put its channels first")
    places = [inner.index(a) for a in wanted]
    grid = np.ix_(places, places)
    affine = np.eye(len(places) + 1)
    affine[:-1, :-1] = np.asarray(layer.affine.linear_matrix)[grid]
    affine[:-1, -1] = np.asarray(layer.affine.translate)[places]
    changes: dict[str, Any] = {
        "scale": np.asarray(layer.scale)[places],
        "translate": np.asarray(layer.translate)[places],
        "rotate": np.asarray(layer.rotate)[grid],
        "affine": affine,
        "units": tuple(layer.units[i] for i in places),
        "axis_labels": tuple(wanted.lower()),
    }
    old, new = inner + colours, wanted + colours
    levels = [_moved(level, old, new) for level in layer.data] if layer.multiscale else None
    layer.data = _moved(layer.data, old, new) if levels is None else levels
    for name, value in changes.items():
        setattr(layer, name, value)
    return new


def _moved(array: Any, old: str, new: str) -> Any:
    """Return a view of an array with its axes in another order."""
    if hasattr(array, "transpose"):  # of NumPy and Dask
        return array.transpose([old.index(a) for a in new])
    return arranged(array, old, new)
