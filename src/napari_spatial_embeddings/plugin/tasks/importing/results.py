"""Imported objects as results to correct: locked objects, with or without a model's maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.instances import Row, fit, unused_ids
from napari_spatial_embeddings.core.maps import MARGIN, EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.editing.corrections import with_objects
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.target import Fitted
from napari_spatial_embeddings.plugin.tasks.correction_actions import Scene

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.segmentation import Segmentation


def empty_result(
    found: Fitted,
    spacing: tuple[float, ...],
    classes: tuple[str, ...],
    settings: ClusteringSettings,
) -> Segmentation:
    """Return the result of an image that no model saw, in which objects can be locked.

    Its maps point to the centres of the objects, and no seed proposes one.

    Parameters
    ----------
    found : Fitted
    spacing : tuple of D floats
    classes : tuple of str
    settings : ClusteringSettings
    """
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.inference.segmentation import Segmentation

    sigma = typical_diameter([found.labels], spacing) / 2 / MARGIN
    ideal = ideal_maps(found.labels, spacing=spacing, sigma=max(sigma, 0.5))
    seed = np.zeros((len(classes), *found.labels.shape), np.float32)
    maps = EmbeddingMaps(ideal.offsets, ideal.sigma, seed, spacing)
    clustering = Clustering(maps)
    return Segmentation(
        maps, clustering, clustering(settings), settings, None, classes, "imported", {}
    )


def lock(scene: Scene, found: Fitted, classes: tuple[str, ...]) -> Corrections:
    """Lock imported objects; what is locked already stays as it is.

    Parameters
    ----------
    scene : Scene
    found : Fitted
        Of the same pixels.
    classes : tuple of str
        Those of the result; an object without one of these has the first.

    Raises
    ------
    InputError
        If no object is left.
    """
    known = scene.corrections
    free = (found.labels > 0) & (known.labels <= 0)
    given = np.where(free, found.labels, 0)
    ids = np.unique(given)[1:] if not free.all() else np.unique(given)
    if not len(ids):
        raise InputError("all of these objects are locked already")
    used = np.union1d(scene.instances.ids, known.ids)
    new = ids if not np.isin(ids, used).any() else unused_ids(used, len(ids))
    dense = np.searchsorted(ids, given) + 1
    dense[~free] = 0
    labels = known.labels.copy()
    labels[free] = np.asarray(new, np.int32)[dense[free] - 1]
    rows: dict[int, Row] = {}
    for k, box in enumerate(ndi.find_objects(dense)):
        start = [part.start for part in box]
        at = np.argwhere(dense[box] == k + 1) + start
        name = found.classes.get(int(ids[k]), classes[0])
        index = classes.index(name) if name in classes else 0
        rows[int(new[k])] = fit(scene.maps, at, index)
    return with_objects(known, labels, rows)
