"""Writer of Labels layers, for napari's File > Save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.units import seconds
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.plugin.layers.image import image_data, size_in_one_unit
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import (
    KEY,
    LayerTag,
    PixelSize,
    find_layer,
    tag_of,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation


def labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as a TIFF with its pixel size: 16 bits while the ids fit, else 32.

    Instances of ours come with all that belongs to them, as `predict` writes it: how they were
    made, a table of the objects beside the labels, and the maps. If their pixels were painted over,
    they are labels like any others.

    Parameters
    ----------
    path : str
    data : integers (*S)
    attributes : dict
        The layer's.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    InputError, Failure
        If there is an id below 0, a file or folder that is not ours lies where the table or the
        maps belong, or the file cannot be written.
    """
    array = np.asarray(data[0] if isinstance(data, list | tuple) else data)
    tag = (attributes.get("metadata") or {}).get(KEY)
    scale = attributes.get("scale", ())
    units = attributes.get("units") or ("pixel",) * len(scale)
    if isinstance(tag, LayerTag) and tag.frame is not None:
        return [str(_write_series(Path(path), array, scale, units))]
    size, unit = size_in_one_unit(scale, units)
    known = size if size is not None and (unit is not None or len(set(size)) > 1) else None
    meaning = None
    if isinstance(tag, LayerTag) and tag.role == "annotations":
        meaning = {"classes": dict(tag.classes), "scribbled": tag.scribbled}
    if isinstance(tag, LayerTag) and tag.result is not None and _is_result(array, tag.result):
        return [*map(str, _write_result(Path(path), tag.result, tag.image, (known, unit)))]
    return [str(write_labels(path, array, known, unit, meaning))]


def _is_result(array: NDArray[np.integer], result: Segmentation) -> bool:
    """Whether pixels are those of a result, and were not changed since."""
    return np.array_equal(array, np.maximum(result.instances.labels, 0))


def _write_result(
    path: Path, result: Segmentation, key: str, pixel_size: PixelSize
) -> Iterator[Path]:
    """Write the labels, the table and the maps of an image; yield each when it is complete."""
    from napari_spatial_embeddings.export import FORMATS, Segmented, export
    from napari_spatial_embeddings.export.places import check_place
    from napari_spatial_embeddings.export.record import record_beside
    from napari_spatial_embeddings.files import stem
    from napari_spatial_embeddings.inference.registry import made_by

    image, source = _image(key, result)
    found = Segmented(
        stem(path),
        result.instances,
        result.classes,
        result.maps,
        None if image is None else image.data,
        *pixel_size,
        {
            **made_by(result.model, result.card),
            "clustering": result.settings.model_dump(mode="json"),
            "corrected": int(result.instances.locked.sum()),
        },
        result.card,
        start=() if image is None else image.start,
        clustering=result.settings,
        source=source,
    )
    table, maps = (path.with_name(found.name + FORMATS[x].ending) for x in ("objects", "maps"))
    for place in (table, record_beside(table), maps):
        check_place(place)
    yield write_labels(path, result.instances.labels, *pixel_size, found.noted())
    yield from export(path.parent, found, ["objects", "maps"])


def _image(key: str, result: Segmentation) -> tuple[ImageData | None, Path | None]:
    """Return the image of a result and its file, as far as it is open."""
    import napari

    viewer = napari.current_viewer()
    layer = None if viewer is None else find_layer(viewer, "image", key)
    tag = None if layer is None else tag_of(layer)
    if viewer is None or layer is None or tag is None:
        return None, None
    further = [x for x in viewer.layers if str(x.unique_id) in tag.channels]
    image = image_data([layer, *further], tag.axes, tag.grey, tag.whole)
    fits = image.frames is None and image.data.shape[1:] == result.maps.shape
    return (image if fits else None), source_path(layer)


def _write_series(path: Path, labels: NDArray[np.integer], scale: Any, units: Any) -> Path:
    """Write the labels (T, *S) of all frames, with the size of pixels and the time between them."""
    from napari_spatial_embeddings.export.label_series import write_frames

    size, unit = size_in_one_unit(scale[1:], units[1:])
    interval = seconds((float(scale[0]), str(units[0]))) if len(scale) else None
    highest, unknown = int(labels.max(initial=0)), bool(labels.min(initial=0) < 0)
    return write_frames(path, labels, labels.shape, highest, size, unit, interval, unknown=unknown)
