"""Writers of Labels layers, alone or among all layers, for napari's File > Save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import seconds
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.export.places import check_place
from napari_spatial_embeddings.export.record import check_table
from napari_spatial_embeddings.plugin.layers.image import size_in_one_unit
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import KEY, LayerTag, PixelSize

from .waiting import waited

Saved = tuple[Any, dict[str, Any], str]
"""Data, attributes and kind of a layer."""

ENDINGS = {"image": ".tif", "points": ".csv", "shapes": ".csv"}
"""Files in which napari writes layers itself; others it has no writer for."""

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.plugin.state.open_image import OpenImage
    from napari_spatial_embeddings.plugin.tasks.export_series import SeriesExport


def labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as a TIFF with its pixel size: 16 bits while the ids fit, else 32.

    Instances of ours come with all that belongs to them, as `predict` writes it: how they were
    made, a table of the objects beside the labels, and the maps, which are not kept of a time
    series. If their pixels were painted over, they are labels like any others.

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
    data = data[0] if isinstance(data, list | tuple) else data
    tag = (attributes.get("metadata") or {}).get(KEY)
    record = tag.record() if isinstance(tag, LayerTag) and tag.record is not None else None
    # A result of ours that comes meanwhile changes the layer.
    array = np.asarray(data) if record is None else np.array(data)
    result = None if record is None else record.result
    series = None if record is None else _series(Path(path), array, record)
    work = partial(_write, Path(path), array, attributes, tag, record, result, series)
    return [*map(str, waited(f"Saving {Path(path).name} …", work))]


def all_layers(path: str, layers: list[Saved]) -> list[str]:
    """Write layers into a folder: Labels as `labels` does, others as napari does.

    Parameters
    ----------
    path : str
        Of the folder; made if missing.
    layers : list of (data, attributes, kind)

    Returns
    -------
    list of str
        What was written. A warning names the layers that were not, and why.

    Raises
    ------
    InputError
        If none could be written.
    """
    import npe2
    from napari.utils.notifications import show_warning

    from napari_spatial_embeddings.files.names import distinct

    Path(path).mkdir(parents=True, exist_ok=True)
    written, problems = list[str](), list[str]()
    names = [str(attributes["name"]) for _, attributes, _ in layers]
    for (data, attributes, kind), name, file in zip(layers, names, distinct(names), strict=True):
        place = str(Path(path) / file)
        try:
            if kind == "labels":
                written += labels(f"{place}.tif", data, attributes)
            elif kind in ENDINGS:
                layer: list[Any] = [(data, attributes, kind)]
                written += npe2.write(f"{place}{ENDINGS[kind]}", layer, plugin_name="napari")
            else:
                problems.append(f"{name} is not saved: napari has no file for layers of {kind}")
        except (InputError, Failure, OSError, ValueError) as error:
            problems.append(f"{name} is not saved: {error}")
    if problems and not written:
        raise InputError("; ".join(problems))
    if problems:
        show_warning("; ".join(problems))
    return written


def _write(
    path: Path,
    array: NDArray[np.integer],
    attributes: Mapping[str, Any],
    tag: object,
    record: OpenImage | None,
    result: Segmentation | None,
    series: SeriesExport | None,
) -> list[Path]:
    """Write a Labels layer; in a thread, so what may change meanwhile is given."""
    scale = attributes.get("scale", ())
    units = attributes.get("units") or ("pixel",) * len(scale)
    if isinstance(tag, LayerTag) and tag.frame is not None:
        if series is not None and _are_results(series):
            return _write_results(series)
        return [_write_series(path, array, scale, units)]
    size, unit = size_in_one_unit(scale, units)
    known = size if size is not None and (unit is not None or len(set(size)) > 1) else None
    meaning = None
    if isinstance(tag, LayerTag) and tag.role == "annotations":
        meaning = {"classes": dict(tag.classes), "scribbled": tag.scribbled}
    if record is not None and result is not None and _is_result(array, result):
        return [*_write_result(path, record, result, (known, unit))]
    return [write_labels(path, array, known, unit, meaning)]


def _is_result(array: NDArray[np.integer], result: Segmentation) -> bool:
    """Whether pixels are those of a result, and were not changed since."""
    return np.array_equal(array, np.maximum(result.instances.labels, 0))


def _write_result(
    path: Path, record: OpenImage, result: Segmentation, pixel_size: PixelSize
) -> Iterator[Path]:
    """Write the labels, the table and the maps of an image; yield each when it is complete."""
    from napari_spatial_embeddings.export import FORMATS, Segmented, export
    from napari_spatial_embeddings.files import stem
    from napari_spatial_embeddings.prediction.segmented import how_made

    image = record.image
    if image is None or image.shape != result.maps.shape:
        image = None  # the layer has another array by now
    found = Segmented(
        stem(path),
        result.instances,
        result.classes,
        result.maps,
        None if image is None else image.data,
        *pixel_size,
        how_made(result),
        result.card,
        () if image is None else image.start,
        result.settings,
        source=None if image is None else source_path(record.layer),
    )
    table, maps = (path.with_name(found.name + FORMATS[x].ending) for x in ("objects", "maps"))
    check_table(table)
    check_place(maps)
    yield write_labels(path, result.instances.labels, *pixel_size, found.noted())
    yield from export(path.parent, found, ["objects", "maps"])


def _series(path: Path, labels: NDArray[np.int32], record: OpenImage) -> SeriesExport | None:
    """Return what is written of a series if its pixels are those of its results; None of others."""
    from napari_spatial_embeddings.plugin.tasks.export_series import SeriesExport

    series = record.series
    if series is None or series.image is None or len(labels) != series.frames:
        return None
    results = {t: one.result for t, one in series.records.items() if one.result is not None}
    if not results:
        return None
    source = source_path(series.layer)
    spare, settings = [] if source is None else [source], next(iter(results.values())).settings
    made = results, settings, spare, ("objects",)
    return SeriesExport(path, series.image, labels, *made, source=source)


def _are_results(series: SeriesExport) -> bool:
    """Whether the pixels of all frames are those of their results, and were not changed since."""
    found = series.results
    return all(
        _is_result(frame, found[t]) if t in found else not frame.any()
        for t, frame in enumerate(series.labels)
    )


def _write_results(series: SeriesExport) -> list[Path]:
    """Write the labels of all frames and the table of their objects."""
    from napari_spatial_embeddings.files import stem
    from napari_spatial_embeddings.plugin.tasks.export_series import export_series

    table = series.path.with_name(f"{stem(series.path)}.csv")
    check_table(table)
    for _ in export_series(series):
        pass
    return [series.path, table]


def _write_series(path: Path, labels: NDArray[np.integer], scale: Any, units: Any) -> Path:
    """Write the labels (T, *S) of all frames, with the size of pixels and the time between them."""
    from napari_spatial_embeddings.export.label_series import write_frames

    size, unit = size_in_one_unit(scale[1:], units[1:])
    interval = seconds((float(scale[0]), str(units[0]))) if len(scale) else None
    highest, unknown = int(labels.max(initial=0)), bool(labels.min(initial=0) < 0)
    return write_frames(path, labels, labels.shape, highest, size, unit, interval, unknown=unknown)
