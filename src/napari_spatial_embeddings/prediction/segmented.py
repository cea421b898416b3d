"""Results of a prediction as the formats of an export take them, with how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.export.segmented import Segmented
from napari_spatial_embeddings.inference.registry import made_by

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.segmentation import Segmentation


def how_made(found: Segmentation, made: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the model and the settings that objects were found with, for `export.record.record`.

    Parameters
    ----------
    found : Segmentation
    made : mapping, optional
        What `inference.registry.made_by` returned of the model, if that was asked already.

    Returns
    -------
    dict
        ``model``, ``model_sha256``, ``clustering``, ``prediction`` if that is known, and
        ``corrected``: the number of objects that were.
    """
    how = dict(made_by(found.model, found.card) if made is None else made)
    how["clustering"] = found.settings.model_dump(mode="json")
    if found.prediction is not None:
        how["prediction"] = found.prediction.model_dump(mode="json")
    return {**how, "corrected": int(found.instances.locked.sum())}


def segmented(
    name: str,
    found: Segmentation,
    image: ImageData,
    source: Path | None = None,
    *,
    made: Mapping[str, Any] | None = None,
) -> Segmented:
    """Return a result as the formats take it.

    Parameters
    ----------
    name : str
        What its files are called.
    found : Segmentation
    image : ImageData
        That it is of.
    source : path, optional
        The image's file or store.
    made : mapping, optional
        As of `how_made`.
    """
    return Segmented(
        name,
        found.instances,
        found.classes,
        found.maps,
        image.data,
        image.pixel_size,
        image.unit,
        how_made(found, made),
        found.card,
        image.start,
        found.settings,
        source=source,
    )
