"""Labels and table of a time series, written frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.segmentation import Segmentation


@contextmanager
def series_output(
    path: Path,
    image: ImageData,
    spacing: tuple[float, ...],
    about: Mapping[str, Any],
    table: Path | None = None,
    host: Path | None = None,
) -> Iterator[Callable[[int, Segmentation], None]]:
    """Yield a function that adds a frame's objects; the files are there when all frames are.

    Parameters
    ----------
    path, image, spacing, about, host
        As in `export.label_series.label_series`.
    table : path, optional
        Of the objects, which have a column ``frame``; frames are added in their order then.
    """
    from napari_spatial_embeddings.export.label_series import label_series
    from napari_spatial_embeddings.export.objects import objects_table, objects_writer

    with ExitStack() as opened:
        add_rows = opened.enter_context(objects_writer(table)) if table else None
        add_labels = opened.enter_context(label_series(path, image, spacing, about, host))

        def add(t: int, found: Segmentation) -> None:
            add_labels(t, found.instances.labels)
            if add_rows is None:
                return
            rows = objects_table(
                found.instances,
                found.classes,
                image.frame(t).data,
                image.pixel_size,
                image.unit,
                found.maps.spacing,
            )
            add_rows({"frame": [t] * len(found.instances), **rows})

        yield add
