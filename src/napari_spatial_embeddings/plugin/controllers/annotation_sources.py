"""Objects that were not drawn by hand go into the annotations: a layer's, or those of a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from napari.layers import Labels

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.editing.to_annotation import adopt
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.text import plural

LARGEST = np.iinfo(np.int32).max


def copy_objects(strokes: Strokes, layer: Labels) -> str:
    """Add the objects of another layer, where nothing is drawn yet.

    Returns
    -------
    str
        What was done, as a sentence.

    Raises
    ------
    InputError
        If it covers other pixels, or holds no object.
    """
    data = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    mine = np.asarray(strokes.layer.data)
    while data.ndim > mine.ndim and data.shape[0] == 1:
        data = data[0]
    if data.shape != mine.shape:
        raise InputError(
            f"{layer.name} has the shape {data.shape}, the image {mine.shape}: they must"
            " cover the same pixels"
        )
    free = (data > 0) & (mine == 0)
    ids, dense = np.unique(data[free], return_inverse=True)
    if not len(ids):
        raise InputError(f"{layer.name} holds no object where none is drawn yet")
    # Ids stay as they are where that is possible; else they are numbered on.
    first = strokes.next
    keeps = first == 1 and int(ids[-1]) <= min(LARGEST, 10 * data.size)
    values = data[free] if keeps else dense + first
    names = ids if keeps else np.arange(len(ids)) + first
    classes = {int(k): strokes.class_name for k in names}
    strokes.paste(np.nonzero(free), values.astype(np.int32), classes)
    return f"{plural(len(ids), 'object')} of {layer.name} copied"


def add_found(
    strokes: Strokes, found: Instances | None, labels: Iterable[int], classes: Sequence[str]
) -> str:
    """Add objects that a model found.

    Parameters
    ----------
    strokes : Strokes
    found : Instances, optional
    labels : iterable of ints
        Which of them.
    classes : sequence of str
        Names of the classes that the model knows.

    Returns
    -------
    str
        What was done, as a sentence.

    Raises
    ------
    InputError
        If there is no such object, or each is drawn already.
    """
    labels = list(labels)
    if found is None or not labels:
        raise InputError("there is no object to be used as annotation")
    mine = np.asarray(strokes.layer.data)
    new, index = adopt(mine, found, labels)
    if not index:
        raise InputError("these objects are among the annotations already")
    changed = np.nonzero(new != mine)
    strokes.paste(changed, new[changed], {label: classes[k] for label, k in index.items()})
    return f"{plural(len(index), 'object')} added to the annotations: train again to learn them"
